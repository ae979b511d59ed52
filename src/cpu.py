"""What the CPU can do, as the kernel names it."""

from __future__ import annotations

from functools import lru_cache
from typing import FrozenSet


@lru_cache(maxsize=None)
def flags() -> FrozenSet[str]:
    """Return this CPU's flags, such as avx512_vnni or asimd; none where the kernel does not tell."""
    try:
        with open("/proc/cpuinfo") as stream:
            for line in stream:
                if line.startswith(("flags", "Features")):
                    return frozenset(line.partition(":")[2].split())
    except OSError:
        pass
    return frozenset()
