"""Which version of a library is installed, whatever its distribution is called."""

import importlib.metadata
from contextlib import suppress

# What a library is called where it is built for a GPU.
OTHER_DISTRIBUTIONS = {"onnxruntime": ("onnxruntime-gpu",)}


def version(library: str) -> str | None:
    """Return the version of an installed library, or None."""
    for distribution in (library, *OTHER_DISTRIBUTIONS.get(library, ())):
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(distribution)
    return None
