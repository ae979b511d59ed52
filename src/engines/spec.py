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

    `implementation` is the import string `module:Class` of an `Engine`; `recipe` that of what builds its
    artifact. `packages` are the importable modules it needs in the main environment, `cpu_flags` those of
    which the CPU must have one. `notes` are what its user should know, `options` what it is asked to do
    otherwise than its row does (src/engines/options.py), as pairs of name and value.
    """

    id: str
    title: str
    runtime: str
    precision: str
    device: str = "cpu"
    environment: str = "main"
    implementation: str = ""
    recipe: Optional[str] = None
    packages: Tuple[str, ...] = ()
    cpu_flags: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()
    options: Tuple[Tuple[str, str], ...] = ()
    answers: bool = True  # False: takes part in benchmarks only, as `null` does
