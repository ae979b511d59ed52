"""Where state lives: `AWIY_HOME`, else the platform's user data folder."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import OfTheMachine

ROOT = Path(__file__).resolve().parents[1]


class HomeError(OfTheMachine):
    """The home folder cannot be used. The message names the fix."""


def home() -> Path:
    """Return the home folder, made if needed. Raises HomeError when it cannot be written.

    What AWIY_HOME says of it is settled once, as child processes run in another folder.
    """
    given = os.environ.get("AWIY_HOME") or default_home()
    folder = Path(given).expanduser()
    if not folder.is_absolute() or str(folder) != given:
        folder = folder.resolve()
        os.environ["AWIY_HOME"] = str(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}-{threading.get_ident()}"
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)
    except OSError as error:
        raise HomeError(explain(error, folder)) from error
    return folder


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in one step: it is there whole, or as it was, and nothing stays beside it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made if needed; who comes second waits here."""
    with open(path, "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def default_home() -> str:
    import platformdirs  # here: the isolated environments do not have it, and always have AWIY_HOME

    return platformdirs.user_data_dir("are-we-infinity-yet", appauthor=False)


def explain(error: OSError, folder: Path) -> str:
    """Return what an operating system error about `folder` means and what to do next."""
    if error.errno == errno.ENOSPC:
        return (
            f"The disk that holds {folder} is full. Free about 1 GB, or set AWIY_HOME to a folder on "
            f"another disk."
        )
    reason = error.strerror or str(error)
    return (
        f"The home folder {folder} cannot be written ({reason}). Set AWIY_HOME to a folder that you "
        f"may write to."
    )


def utc_now() -> str:
    """Return the time by the wall clock, to show: 2026-11-24T05:28:59Z. Nothing is decided by it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
