"""What somebody told of a thing, by name: an engine of its kernels, a host of its CPU, a build of its files.

Nothing computes with such a mapping but what reads a name in it; what is computed with has a type.
"""

from typing import Any

Facts = dict[str, Any]
