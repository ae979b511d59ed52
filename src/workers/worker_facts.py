"""What a worker's process and its artifact are, beside what its engine tells. Runs on Python 3.9 too."""

from __future__ import annotations

import json
import os
from typing import List

from src.facts import Facts


def openmp_libraries() -> List[str]:
    """Return the file names of the OpenMP runtimes this process has loaded; more than one is trouble."""
    try:
        with open("/proc/self/maps") as stream:
            names = {os.path.basename(line.split()[-1]) for line in stream if "/" in line}
    except OSError:
        return []
    return sorted(name for name in names if name.startswith(("libgomp", "libiomp", "libomp")))


def flushes_denormals() -> bool:
    """Tell whether this thread's arithmetic takes numbers below FP32's normal range for zero."""
    import numpy as np

    return bool(np.float32(1e-40) * np.float32(1.0) == 0.0)


def built_facts(artifact: str) -> Facts:
    """Return what an artifact's manifest says of it: files with sizes and hashes, how it was built."""
    try:
        with open(os.path.join(artifact, "manifest.json"), encoding="utf-8") as stream:
            manifest = json.load(stream)
    except (OSError, ValueError):
        return {}
    return {
        name: manifest[name] for name in ("title", "build_s", "created", "files", "facts") if name in manifest
    }
