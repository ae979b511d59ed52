"""Installing an environment's packages with pip, and what a release's wheel tells of its age."""

import time
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

from src import environments, releases
from src.environments import Environment
from src.host.lock import HostLock
from src.progress import Progress
from src.workers.long_command import run

TELL_S = 0.5
OLDEST_TOLD = date(2000, 1, 1)  # a wheel whose members are older was packed with no clock
# What pip says before it installs a release that its publisher took back, and before the reason for that.
IS_YANKED, WHY_YANKED = "is a yanked version", "Reason for being yanked:"
NO_REASON = "<none given>"  # in pip's words


class Installed(NamedTuple):
    """What installing told of a release: the day (ISO) on which its wheel was made, and why its publisher
    took it back. Both are None where that is not told, and for other environments.
    """

    released_on: str | None = None
    yanked: str | None = None


def install(
    environment: Environment, python: str, folder: Path, progress: Callable[[Progress], None], lock: HostLock
) -> Installed:
    """Make the virtual environment and install its requirements. Raises CommandFailed.

    Of a release only what a worker imports is installed, not what its package asks for beside.
    """
    with open(folder.with_name(folder.name + ".log"), "w", encoding="utf-8") as kept:
        progress(Progress("environment", f"Making the environment “{environment.name}” with {python}"))
        run([python, "-m", "venv", str(folder)], kept.write, lock)
        told = Telling(environment, kept.write, progress)
        pip = [str(folder / "bin" / "python"), "-m", "pip"]
        quiet = ["--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
        wanted = folder / "requirements.txt"
        wanted.write_text(environment.requirements(), encoding="utf-8")
        release = releases.parse(environment.name)
        if not release:
            run([*pip, "install", *quiet, "-r", str(wanted)], told, lock)
            return Installed()
        wheels = folder / "wheel"
        first = environment.packages[0]
        run(
            [*pip, "download", *quiet, "--no-deps", "--only-binary=:all:", "-d", str(wheels), first],
            told,
            lock,
        )
        day = max((wheel_date(wheel) or "" for wheel in wheels.glob("*.whl")), default="")
        run(
            [*pip, "install", *quiet, "--no-deps", "--find-links", str(wheels), "-r", str(wanted)], told, lock
        )
        for wheel in wheels.iterdir():
            wheel.unlink()
        wheels.rmdir()
        return Installed(day or None, told.yanked)


class Telling:
    """Hears pip's lines: all are kept, and some told as progress, at most twice a second."""

    def __init__(
        self, environment: Environment, keep: Callable[[str], object], progress: Callable[[Progress], None]
    ) -> None:
        self.name = environment.name
        self.keep = keep
        self.progress = progress
        self.total = len(environments.asked_versions(environment.name))
        self.collected: set[str] = set()
        self.told_at = 0.0
        self.yanked: str | None = None

    def __call__(self, line: str) -> None:
        self.keep(line)
        text = line.strip()
        if text.startswith("Collecting "):
            self.collected.add(text.split()[1])
        if IS_YANKED in text and not self.yanked:
            self.yanked = "no reason given"
        if WHY_YANKED in text:
            reason = text.partition(WHY_YANKED)[2].strip()
            self.yanked = self.yanked if reason == NO_REASON else reason
        now = time.monotonic()
        if text and now - self.told_at > TELL_S:
            self.told_at = now
            done = min(len(self.collected), self.total)
            self.progress(Progress("environment", f"{self.name}: {text[:90]}", done, self.total))


def wheel_date(wheel: Path) -> str | None:
    """Return the day (ISO) of a wheel's newest member; None where that tells nothing."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            newest = max(date(*member.date_time[:3]) for member in archive.infolist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
    return newest.isoformat() if newest > OLDEST_TOLD else None
