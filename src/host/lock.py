"""One measurement at a time on a host: a lock that everything takes that measures or loads the CPU."""

import fcntl
import hashlib
import os
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from src.errors import OfTheMachine

# Fixed and outside AWIY_HOME, so that two homes and two users of one host still exclude each other.
PATH = Path(os.environ.get("AWIY_LOCK") or "/tmp/are-we-infinity-yet.lock").absolute()
RETRY_S = 0.25
LONGEST_NOTE = 200  # bytes of what a holder writes about itself
SOMEBODY = "somebody who does not say"
let_go_at = -1.0  # when this process let go of the lock last, as one that was urgent (monotonic seconds)


class LockError(OfTheMachine):
    """The host's lock cannot be used. The message names the fix."""


def open_lock(path: Path | None = None) -> int:
    """Return a file descriptor of the lock file, made if needed, open for whoever comes. Raises LockError.

    Links are not followed, and only a regular file will do: others may write in that folder.
    """
    path = path or PATH
    common = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO would keep who opens it
    try:
        try:
            # Without O_CREAT first: the kernel may refuse it on another user's file in a sticky folder.
            fd = os.open(path, os.O_RDWR | common)
        except FileNotFoundError:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | common, 0o666)
            with suppress(PermissionError):  # another user was faster: the mode is theirs to set
                os.fchmod(fd, 0o666)
        except PermissionError:
            fd = os.open(path, os.O_RDONLY | common)
    except OSError as error:
        raise LockError(
            f"The host's lock {path} cannot be opened ({error.strerror}). Have its owner remove it."
        ) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise LockError(f"The host's lock {path} is no regular file. Have its owner remove it.")
    return fd


def is_at(fd: int, path: Path) -> bool:
    """Tell whether an open file is still the one that a path leads to."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False


def take_seat() -> socket.socket | None:
    """Return what only one process of a host can have: a socket's name in the kernel's own list (unix(7),
    abstract), which ends with the process. Raises OSError where another has it. None where there are no such
    names.

    A file can be removed while its lock is held, and a service may have a folder for temporary files of its
    own; this is neither.
    """
    if sys.platform != "linux":
        return None
    name = "are-we-infinity-yet-" + hashlib.sha256(str(PATH).encode()).hexdigest()[:16]
    seat = socket.socket(socket.AF_UNIX)
    try:
        seat.bind("\0" + name)
    except OSError:
        seat.close()
        raise
    return seat


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
        fd = open_lock()
    except LockError:
        return ""
    try:
        return note(fd)
    finally:
        os.close(fd)


def note(fd: int) -> str:
    """Return what is written in a lock file, of which anybody may have made a large one."""
    try:
        return os.pread(fd, LONGEST_NOTE, 0).decode(errors="replace").strip()
    except OSError:
        return ""


def holder_now() -> str:
    """Return what holds the host's lock at this moment; empty when nothing does."""
    try:
        fd = open_lock()
    except LockError:
        return ""
    try:
        if not try_lock(fd, fcntl.LOCK_SH):
            return note(fd) or SOMEBODY
    finally:
        os.close(fd)
    try:
        seat = take_seat()
    except OSError:
        return SOMEBODY
    if seat:
        seat.close()
    return ""


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
        self.seat: socket.socket | None = None

    def seize(self) -> bool:
        """Take the lock if that needs no waiting; tell whether it was taken."""
        while try_lock(self.fd, fcntl.LOCK_EX):
            if is_at(self.fd, PATH):
                try:
                    self.seat = take_seat()
                except OSError:
                    break
                return True
            fresh = open_lock()  # the file was removed or replaced since: its lock excludes nobody
            os.close(self.fd)
            self.fd = fresh
        fcntl.flock(self.fd, fcntl.LOCK_UN)
        return False

    def release(self) -> None:
        """Let the lock go."""
        if self.seat:
            self.seat.close()
            self.seat = None
        fcntl.flock(self.fd, fcntl.LOCK_UN)

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
        self.release()
        room = open_lock(waiting_room())
        try:
            self.pause(2 * RETRY_S)  # they look again every RETRY_S
            # Those who wait go first. Then the room is closed, as they come faster than this looks again.
            while not try_lock(room, fcntl.LOCK_EX):
                self.pause(RETRY_S)
            while not self.seize():
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
    global let_go_at
    if urgent:
        let_a_waiting_one_begin(pause)
    fd = open_lock()
    # Shared by those who wait and are urgent, or held alone by who is not.
    other = open_lock(waiting_room() if urgent else turn())
    held = HostLock(fd, what, pause)
    told = False

    def wait() -> None:
        nonlocal told
        if not told:
            waiting(holder_now() or holder())
            told = True
        pause(RETRY_S)

    try:
        while not try_lock(other, fcntl.LOCK_SH if urgent else fcntl.LOCK_EX):
            wait()
        while not held.seize():
            wait()
        if urgent:
            fcntl.flock(other, fcntl.LOCK_UN)
        held.sign()
        yield held
    finally:
        if held.seat:
            held.seat.close()
        os.close(held.fd)  # and with that the lock is let go, unless a child has it, too
        os.close(other)
        if urgent:
            let_go_at = time.monotonic()


def let_a_waiting_one_begin(pause: Callable[[float], None]) -> None:
    """Wait a moment where this process has just let go and somebody waits who is not urgent: sentences that
    follow one another at once would keep a benchmark from beginning.
    """
    until = let_go_at + 2 * RETRY_S
    if time.monotonic() >= until:
        return
    fd = open_lock(turn())
    try:
        free = try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)
    while not free and (left_s := until - time.monotonic()) > 0:
        pause(left_s)  # which ends early when a message comes
