"""One measurement at a time on a host: a lock that everything takes that measures or loads the CPU."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Fixed and outside AWIY_HOME, so that two homes and two users of one host still exclude each other.
PATH = Path("/tmp/are-we-infinity-yet.lock")
RETRY_S = 0.25


class LockError(Exception):
    """The host's lock cannot be used. The message names the fix."""


def open_lock() -> int:
    """Return a file descriptor of the lock file, made if needed, open for whoever comes. Raises LockError.

    Links are not followed: others may write in that folder.
    """
    common = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        try:
            # Without O_CREAT first: the kernel may refuse it on another user's file in a sticky folder.
            return os.open(PATH, os.O_RDWR | common)
        except FileNotFoundError:
            fd = os.open(PATH, os.O_RDWR | os.O_CREAT | common, 0o666)
            with suppress(PermissionError):  # another user was faster: the mode is theirs to set
                os.fchmod(fd, 0o666)
            return fd
        except PermissionError:
            return os.open(PATH, os.O_RDONLY | common)
    except OSError as error:
        raise LockError(
            f"The host's lock {PATH} cannot be opened ({error.strerror}). Have its owner remove it."
        ) from error


def holder() -> str:
    """Return what the last holder wrote about itself; empty when unknown."""
    try:
        return PATH.read_text(errors="replace").strip()[:200]
    except OSError:
        return ""


@contextmanager
def host_lock(
    what: str, waiting: Callable[[str], None], pause: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the host's lock.

    While another process holds it, `waiting` is told who once, and `pause` passes the time.
    """
    fd = open_lock()
    try:
        told = False
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    waiting(holder())
                    told = True
                pause(RETRY_S)
        with suppress(OSError):  # opened for reading only: another user's file
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{what}, process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(fd)
