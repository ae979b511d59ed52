"""What the package index offers of a runtime: which releases, and for which versions of Python.

The index is asked by pip itself, so that mirrors, proxies and credentials are those of pip, and only when
somebody asks (a command, a click). What it answered is kept in the home's `catalogues/RUNTIME.json`.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from src import releases, typed
from src.errors import OfTheMachine
from src.home import home, utc_now, write_whole
from src.progress import Progress
from src.releases import Release

ASK_TIMEOUT_S = 60.0
ANSWER = "Available versions:"
NEIGHBOURS = 4  # named where a release is not offered


class CatalogueFailed(OfTheMachine):
    """The package index could not be asked, or does not offer what was asked for."""


@dataclass(frozen=True)
class Offer:
    """A release, and the Pythons for which the index has a wheel for this system, newest first."""

    version: str
    pythons: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """What the index offered of a runtime at a time (UTC), newest release first."""

    runtime: str
    asked_at: str
    offers: tuple[Offer, ...]

    def pythons(self, version: str) -> tuple[str, ...]:
        """Return for which Pythons a release has a wheel, newest first. Raises CatalogueFailed."""
        for offer in self.offers:
            if offer.version == version:
                return offer.pythons
        place = releases.order(version)
        near = sorted(self.offers, key=lambda offer: distance(releases.order(offer.version), place))
        raise CatalogueFailed(
            f"The package index has no wheel of {releases.RUNTIMES[self.runtime]} {version} for this system "
            f"and Python {releases.PYTHONS[-1]} to {releases.PYTHONS[0]}. Near it: "
            f"{', '.join(offer.version for offer in near[:NEIGHBOURS])}. All: python -m src envs offered "
            f"{self.runtime}"
        )


def distance(some: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Return how far two versions are apart, part by part, as something to sort by."""
    length = max(len(some), len(other))
    pairs = zip(some + (0,) * (length - len(some)), other + (0,) * (length - len(other)), strict=True)
    return tuple(abs(a - b) for a, b in pairs)


def place_of(runtime: str) -> Path:
    return home() / "catalogues" / f"{runtime}.json"


def kept(runtime: str) -> Catalogue | None:
    """Return what the index answered last, None if it was never asked. Asks nobody."""
    try:
        return typed.read(Catalogue, json.loads(place_of(runtime).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def ask(runtime: str, progress: Callable[[Progress], None]) -> Catalogue:
    """Ask the index, once for each Python, and keep what it answers. Raises CatalogueFailed."""
    pythons: dict[str, list[str]] = {}
    said: list[str] = []
    for number, python in enumerate(releases.PYTHONS):
        text = f"Asking the package index for {releases.RUNTIMES[runtime]} for Python {python}"
        progress(Progress("environment", text, number, len(releases.PYTHONS)))
        versions_there, said = offered(runtime, python)
        for version in versions_there:
            pythons.setdefault(version, []).append(python)
    if not pythons:  # pip says of an index that it cannot reach what it says of one that has nothing
        raise CatalogueFailed(
            f"The package index told of no release of {releases.RUNTIMES[runtime]}: "
            f"{said[-1][:300] if said else 'pip said nothing'}. Check the network, or use what is installed: "
            "python -m src envs list"
        )
    versions = sorted(pythons, key=releases.order, reverse=True)
    catalogue = Catalogue(
        runtime, utc_now(), tuple(Offer(version, tuple(pythons[version])) for version in versions)
    )
    keep(catalogue)
    return catalogue


def keep(catalogue: Catalogue) -> None:
    """Keep what the index answered, in the home."""
    place = place_of(catalogue.runtime)
    place.parent.mkdir(exist_ok=True)
    write_whole(place, json.dumps(asdict(catalogue), indent=1))


def offered(runtime: str, python: str) -> tuple[list[str], list[str]]:
    """Return the final releases of which the index has a wheel for a Python, and what pip warned of. Raises
    CatalogueFailed.
    """
    command = [sys.executable, "-m", "pip", "index", "versions", runtime]
    options = ["--python-version", python, "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    try:
        process = subprocess.run(
            command + options, capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CatalogueFailed(
            f"The package index did not answer within {ASK_TIMEOUT_S:.0f} s. Ask again, or use what is "
            "installed: python -m src envs list"
        ) from error
    for line in process.stdout.splitlines():
        if line.startswith(ANSWER):
            versions = [version.strip() for version in line[len(ANSWER) :].split(",")]
            return [version for version in versions if releases.VERSION.fullmatch(version)], []
    return [], [line.strip().rstrip(".") for line in process.stderr.splitlines() if line.strip()]


def pythons_of(release: Release, progress: Callable[[Progress], None]) -> tuple[str, ...]:
    """Return for which Pythons a release has a wheel: as kept, else as the index says now. Raises
    CatalogueFailed.
    """
    catalogue = kept(release.runtime)
    if catalogue and any(offer.version == release.version for offer in catalogue.offers):
        return catalogue.pythons(release.version)
    return ask(release.runtime, progress).pythons(release.version)
