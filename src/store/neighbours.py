"""Who else uses a home: processes know each other by their ids, and ids mean nothing across containers."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from src.host.lock import try_lock

NAMESPACE = Path("/proc/self/ns/pid")  # see pid_namespaces(7)
held: dict[Path, int] = {}  # the files whose lock this process holds, until it ends


def others_use(folder: Path) -> bool:
    """Tell whether a process of another container, on this kernel, uses this folder; take note that this one
    does.

    Each process holds a shared lock on its namespace's file for as long as it lives, however it ends.
    """
    try:
        number = os.readlink(NAMESPACE).strip("pid:[]")
    except OSError:  # no such thing on this system
        return False
    own = folder / f".pid-namespace-{number}"
    if own not in held or not own.exists():
        try:
            fd = os.open(own, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:  # what cannot be written cannot be spoilt; opening the database tells why
            return False
        fcntl.flock(fd, fcntl.LOCK_SH)
        if own in held:
            os.close(held[own])
        held[own] = fd
    return any(is_held(path) for path in folder.glob(".pid-namespace-*") if path != own)


def is_held(path: Path) -> bool:
    """Tell whether somebody holds the lock of a namespace's file; it is removed where nobody does."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        free = try_lock(fd, fcntl.LOCK_EX)
        if free:
            with suppress(OSError):
                path.unlink()
        return not free
    finally:
        os.close(fd)
