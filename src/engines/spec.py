"""A row of the registry, and the two states an engine can be in on this host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple


@dataclass(frozen=True)
class Missing:
    """Why an engine cannot run here, and what to do about it."""

    reason: str
    remedy: str


@dataclass(frozen=True)
class EngineSpec:
    """A runtime at a precision on a device.

    `implementation` is the import string `module:Class` of an `Engine`; without one the engine is only
    listed, and `missing` says why. `recipe` is the import string of what builds its artifact. `packages` are
    the importable modules it needs.
    """

    id: str
    title: str
    runtime: str
    precision: str
    device: str = "cpu"
    environment: str = "main"
    implementation: Optional[str] = None
    recipe: Optional[str] = None
    packages: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()
    missing: Optional[Missing] = None
    answers: bool = True  # False: takes part in benchmarks only, as `null` does
