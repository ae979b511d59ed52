"""The isolated environments: which there are, where they live, and whether they can be used.

Runs in them too. They are made and removed by src/bench/environments.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from src import releases
from src.errors import Explained
from src.facts import Facts
from src.home import ROOT, home

MAIN = "main"
REQUIREMENTS = ROOT / "envs"
# Written when an environment is complete; without it, it is not.
MANIFEST = "awiy-environment.json"


@dataclass(frozen=True)
class Environment:
    """An isolated environment: its requirements are `packages`, else in envs/NAME.txt.

    `pythons` are the versions of Python it can be made with, best first; `needs_gb` is what it takes on the
    disk.
    """

    name: str
    title: str
    pythons: Tuple[str, ...]
    needs_gb: float
    engines: str
    system: Optional[Tuple[str, str]] = ("Linux", "x86_64")  # None: any
    packages: Tuple[str, ...] = ()

    def requirements(self) -> str:
        """Return what pip is asked to install, a line each."""
        if self.packages:
            return "\n".join(self.packages) + "\n"
        return (REQUIREMENTS / (self.name + ".txt")).read_text(encoding="utf-8")


ENVIRONMENTS: Tuple[Environment, ...] = (
    Environment(
        "ipex",
        "Intel Extension for PyTorch 2.8 with torch 2.8",
        ("3.11", "3.12", "3.13"),
        8.0,
        "ipex-*",
    ),
    Environment(
        "zentorch",
        "AMD's zentorch 2.13 and torchao 0.18 with torch 2.13",
        ("3.11", "3.12", "3.13"),
        8.0,
        "zentorch-*, torchao-*",
    ),
    Environment(
        "onnxruntime-openvino",
        "ONNX Runtime 1.24.1 built with OpenVINO",
        ("3.11", "3.12", "3.13"),
        0.8,
        "onnxruntime-openvino-*",
    ),
    Environment("2021", "The stack of 2021: torch 1.9.0, onnxruntime 1.10.0", ("3.9",), 2.5, "2021-*"),
)


class UnknownEnvironment(Explained, ValueError):
    """An environment that there is not. The message lists those there are."""


@dataclass(frozen=True)
class Trouble:
    """Why an environment cannot be used, and what to do about it."""

    reason: str
    remedy: str


def get(name: str) -> Environment:
    """Return one environment: a listed one, or that of a release. Raises UnknownEnvironment."""
    for environment in ENVIRONMENTS:
        if environment.name == name:
            return environment
    release = releases.parse(name)
    if release:
        return of_release(release)
    raise UnknownEnvironment(
        "There is no environment “%s”. There are: %s, and RUNTIME@VERSION for a release of %s."
        % (name, ", ".join(environment.name for environment in ENVIRONMENTS), ", ".join(releases.RUNTIMES))
    )


def of_release(release: releases.Release) -> Environment:
    """Return the environment of a release of a runtime: that, what a worker needs, and nothing else."""
    return Environment(
        release.name,
        release.title,
        releases.PYTHONS,
        releases.NEEDS_GB,
        "%s-*%s%s" % (release.runtime, releases.SEPARATOR, release.version),
        packages=release.packages,
    )


def of_releases() -> Tuple[Environment, ...]:
    """Return the environments of releases that were begun here, whole or not, in their releases' order."""
    names = [path.name for path in (home() / "envs").glob("*" + releases.SEPARATOR + "*") if path.is_dir()]
    there = [release for release in map(releases.parse, names) if release]
    there.sort(key=lambda release: (release.runtime, releases.order(release.version)))
    return tuple(map(of_release, there))


def usable_releases() -> List[releases.Release]:
    """Return the releases whose environments can be used, in their order."""
    usable = [releases.parse(each.name) for each in of_releases() if not trouble(each.name)]
    return [release for release in usable if release]


def folder(name: str) -> Path:
    """Return where an environment is, or would be."""
    return home() / "envs" / name


def interpreter(name: str) -> str:
    """Return the Python that runs an engine of this environment."""
    return sys.executable if name == MAIN else str(folder(name) / "bin" / "python")


def remedy(name: str) -> str:
    return "Run: python -m src envs create %s" % name


def canonical(name: str) -> str:
    """Return a package's name as comparisons need it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_versions(name: str) -> Dict[str, str]:
    """Return the exact version of each package that an environment's requirements name."""
    versions = {}
    for line in get(name).requirements().splitlines():
        package, exact, version = line.partition("#")[0].strip().partition("==")
        if exact:
            versions[canonical(package)] = version.strip()
    return versions


def installed_versions(name: str) -> Dict[str, str]:
    """Return the version of each package that is installed in an environment, from its folders' names."""
    versions = {}
    for path in folder(name).glob("lib/python*/site-packages/*.dist-info"):
        package, _, version = path.name[: -len(".dist-info")].rpartition("-")
        versions[canonical(package)] = version
    return versions


def manifest(name: str) -> Facts:
    """Return what was recorded when an environment was made; empty for one that is not complete."""
    try:
        record = json.loads((folder(name) / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def fingerprint(name: str) -> str:
    """Return a hash of what an environment is made from: its requirements and its Python."""
    record = manifest(name)
    text = get(name).requirements() + str(record.get("python"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def wrong_system(environment: Environment) -> Optional[Trouble]:
    """Return why an environment can never be made on this system; None when it can."""
    if not environment.system or environment.system == (platform.system(), platform.machine()):
        return None
    return Trouble(
        "Its packages exist for %s on %s only." % environment.system,
        "Run it on such a host; the other engines do not need it.",
    )


def trouble(name: str) -> Optional[Trouble]:
    """Return None when an environment can be used, else why not. Cheap: it starts nothing."""
    if name == MAIN:
        return None
    elsewhere = wrong_system(get(name))
    if elsewhere:
        return elsewhere
    place = folder(name)
    if not place.is_dir():
        return Trouble("Its environment “%s” has not been created." % name, remedy(name))
    if not manifest(name):
        return Trouble("Its environment “%s” was not created to its end." % name, remedy(name))
    if not os.path.exists(interpreter(name)):
        return Trouble("The Python of its environment “%s” is gone." % name, remedy(name))
    there = installed_versions(name)
    for package, version in asked_versions(name).items():
        # A build's label, as of 2.13.0+cpu, is no other version (PEP 440).
        if there.get(package, "").partition("+")[0] != version.partition("+")[0]:
            has = "lacks %s" % package
            if package in there:
                has = "has %s %s" % (package, there[package])
            return Trouble(
                "Its environment “%s” %s, and %s is asked for." % (name, has, version), remedy(name)
            )
    return None


def note_use(name: str) -> None:
    """Note that an engine of this environment starts: of releases those used longest ago make room."""
    if releases.parse(name):
        with suppress(OSError):  # it counts as used when it was made
            os.utime(folder(name) / MANIFEST)


def failed_check(name: str, engine: str) -> str:
    """Return why an engine failed when its environment was checked; empty when it did not."""
    return "" if name == MAIN else str(manifest(name).get("failed", {}).get(engine, ""))
