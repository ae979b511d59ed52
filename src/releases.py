"""Releases of a runtime: what they are called, and what the environment of one is made from.

`onnxruntime@1.24.4` is ONNX Runtime 1.24.4 in an environment of its own, `onnxruntime-int8@1.24.4` an engine
there: the row `onnxruntime-int8`, with the same file. Runs in those environments too. What the package index
offers is asked by src/bench/catalogue.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

SEPARATOR = "@"
VERSION = re.compile(r"\d+(\.\d+)*", re.ASCII)
# The runtimes that have releases here, by the name of their package, and their names for people.
RUNTIMES: Dict[str, str] = {
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "ctranslate2": "CTranslate2",
}
PYTHONS = ("3.13", "3.12", "3.11", "3.10", "3.9")  # those that the workers' code runs on, newest first
# Wheels before these were compiled against NumPy 1 and cannot be imported beside NumPy 2, and do not say so.
FIRST_WITH_NUMPY_2: Dict[str, Tuple[int, ...]] = {"onnxruntime": (1, 19)}
NEEDS_GB = 0.7  # the largest of them, with NumPy


@dataclass(frozen=True)
class Release:
    """One published version of a runtime."""

    runtime: str
    version: str

    @property
    def name(self) -> str:
        return self.runtime + SEPARATOR + self.version

    @property
    def title(self) -> str:
        return "%s %s" % (RUNTIMES[self.runtime], self.version)

    @property
    def packages(self) -> Tuple[str, ...]:
        """What pip installs: the runtime, and what a worker needs beside it."""
        first = FIRST_WITH_NUMPY_2.get(self.runtime)
        old = first is not None and order(self.version) < first
        return "%s==%s" % (self.runtime, self.version), "numpy<2" if old else "numpy", "tokenizers"


def without_version(engine: str) -> str:
    """Return the id of an engine's row, whether or not the engine is of another release of its runtime."""
    return engine.partition(SEPARATOR)[0]


def order(version: str) -> Tuple[int, ...]:
    """Return what versions are sorted by."""
    return tuple(map(int, version.split(".")))


def parse(name: str) -> Optional[Release]:
    """Return the release that RUNTIME@VERSION names; None for any other text."""
    runtime, _, version = name.partition(SEPARATOR)
    return Release(runtime, version) if runtime in RUNTIMES and VERSION.fullmatch(version) else None
