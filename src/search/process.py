"""Which process conducts a search: one at most. Others see it by a lock that goes with it."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from src.errors import OfTheMachine
from src.home import ROOT
from src.host import identity
from src.host.machine import APP_VARIABLE
from src.search import state
from src.search.state import NoSearch

START_S, LOOK_S, LOOKS = 60.0, 0.1, 5  # for a process to import what it needs
COMMAND = (sys.executable, "-m", "src", "find", "--json", "--resume")


class AlreadyConducted(OfTheMachine, ValueError):
    """Another process conducts the search. The message names it."""


class NotBegun(OfTheMachine):
    """A search's process ended at once. The message has its last word."""


def place(id: str) -> Path:
    return state.folder() / f".{id}.lock"


@contextmanager
def conducting(id: str) -> Iterator[None]:
    """Be the one process that conducts a search while the block runs. Raises AlreadyConducted."""
    with open(place(id), "a+", encoding="utf-8") as stream:
        if not taken(stream):
            raise AlreadyConducted(
                f"Search {id} is being conducted already, by {in_words(conductor(id))}. It is shown by "
                f"python -m src find --show {id}"
            )
        stream.truncate(0)
        stream.write(identity.own())
        stream.flush()
        yield


def taken(stream: IO[str]) -> bool:
    """Take the lock of a file; tell whether that could be done. Who only looks has it for a moment."""
    for _ in range(LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(LOOK_S)
    return False


def conductor(id: str) -> str | None:
    """Return the identity of the process that conducts a search, "" of one that has only just begun; None
    where nobody does.
    """
    try:
        with open(place(id), "r+", encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return stream.read()
    except OSError:
        pass
    return None


def in_words(name: str | None) -> str:
    return f"process {identity.pid(name)}" if name else "another process"


def start(id: str) -> None:
    """Have a search that is kept conducted by a process of its own, which outlives the app; return once it
    does. What it prints is in its log. Raises NotBegun.
    """
    log = state.folder() / f"{id}.log"
    before = log.stat().st_size if log.exists() else 0
    with open(log, "ab") as stream:
        child = subprocess.Popen(
            [*COMMAND, id],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, APP_VARIABLE: str(os.getpid())},
            start_new_session=True,
        )
    deadline = time.monotonic() + START_S
    while conductor(id) is None and child.poll() is None and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    if child.poll():
        printed = log.read_bytes()[before:].decode(errors="replace")
        raise NotBegun(f"The search did not begin: {reason(printed)}")


def reason(printed: str) -> str:
    """Return why a command failed: the error of its JSON, else its last line."""
    with suppress(ValueError, KeyError):
        error, _ = json.JSONDecoder().raw_decode(printed[max(0, printed.rfind("{\n")) :])
        return str(error["error"])
    return (printed.strip() or "It printed nothing.").splitlines()[-1]


def stop(id: str) -> None:
    """Ask the process that conducts a search to stop; what it has is kept."""
    if name := conductor(id):
        identity.kill(name, signal.SIGINT)


def remove(id: str) -> None:
    """Remove a search that is kept; its runs stay. Raises NoSearch, AlreadyConducted."""
    if not id:
        raise NoSearch("Name the search to remove. The latest: python -m src find --show")
    search = state.find(id)
    with conducting(search.id):
        for path in state.folder().glob(f"*{search.id}.*"):
            path.unlink(missing_ok=True)
