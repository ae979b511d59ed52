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


def open_lock(path: Path | None = None) -> int:
    """Return a file descriptor of the lock file, made if needed, open for whoever comes. Raises LockError.

    Links are not followed: others may write in that folder.
    """
    path = path or PATH
    common = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        try:
            # Without O_CREAT first: the kernel may refuse it on another user's file in a sticky folder.
            return os.open(path, os.O_RDWR | common)
        except FileNotFoundError:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | common, 0o666)
            with suppress(PermissionError):  # another user was faster: the mode is theirs to set
                os.fchmod(fd, 0o666)
            return fd
        except PermissionError:
            return os.open(path, os.O_RDONLY | common)
    except OSError as error:
        raise LockError(
            f"The host's lock {path} cannot be opened ({error.strerror}). Have its owner remove it."
        ) from error


def waiting_room() -> Path:
    """Return the file on which those hold a shared lock who wait and are urgent."""
    return PATH.with_suffix(".urgent")


def turn() -> Path:
    """Return the file whose lock everybody holds who is not urgent, from before they have the host's lock
    until after: one that gives way to somebody urgent keeps its turn.
    """
    return PATH.with_suffix(".turn")


def holder() -> str:
    """Return what the last holder wrote about itself; empty when unknown."""
    try:
        return PATH.read_text(errors="replace").strip()[:200]
    except OSError:
        return ""


def holder_now() -> str:
    """Return what holds the host's lock at this moment; empty when nothing does."""
    try:
        fd = os.open(PATH, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        return "" if try_lock(fd, fcntl.LOCK_SH) else holder()
    finally:
        os.close(fd)


def try_lock(fd: int, kind: int) -> bool:
    """Take a lock if that needs no waiting; tell whether it was taken."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class HostLock:
    """The lock while it is held."""

    def __init__(self, fd: int, what: str, pause: Callable[[float], None]) -> None:
        self.fd = fd
        self.what = what
        self.pause = pause

    def sign(self) -> None:
        """Write who holds the lock."""
        with suppress(OSError):  # opened for reading only: another user's file
            os.ftruncate(self.fd, 0)
            os.pwrite(self.fd, f"{self.what}, process {os.getpid()}".encode(), 0)

    def somebody_waits(self) -> bool:
        """Tell whether somebody urgent waits for the lock."""
        fd = open_lock(waiting_room())
        try:
            return not try_lock(fd, fcntl.LOCK_EX)
        finally:
            os.close(fd)

    def give_way(self) -> bool:
        """Let somebody urgent have the lock first and take it back after them; tell whether anybody was
        there.
        """
        if not self.somebody_waits():
            return False
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        room = open_lock(waiting_room())
        try:
            self.pause(2 * RETRY_S)  # they look again every RETRY_S
            # Those who wait go first. Then the room is closed, as they come faster than this looks again.
            while not try_lock(room, fcntl.LOCK_EX):
                self.pause(RETRY_S)
            while not try_lock(self.fd, fcntl.LOCK_EX):
                self.pause(RETRY_S)
        finally:
            os.close(room)
        self.sign()
        return True


@contextmanager
def host_lock(
    what: str,
    waiting: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
    urgent: bool = False,
) -> Iterator[HostLock]:
    """Hold the host's lock.

    While another process holds it, `waiting` is told who once, and `pause` passes the time. Who is `urgent`
    is let in between two slices of a benchmark.
    """
    fd = open_lock()
    # Shared by those who wait and are urgent, or held alone by who is not.
    other = open_lock(waiting_room() if urgent else turn())
    held = HostLock(fd, what, pause)
    told = False

    def wait() -> None:
        nonlocal told
        if not told:
            waiting(holder())
            told = True
        pause(RETRY_S)

    try:
        while not try_lock(other, fcntl.LOCK_SH if urgent else fcntl.LOCK_EX):
            wait()
        while not try_lock(fd, fcntl.LOCK_EX):
            wait()
        if urgent:
            fcntl.flock(other, fcntl.LOCK_UN)
        held.sign()
        yield held
    finally:
        os.close(fd)
        os.close(other)
