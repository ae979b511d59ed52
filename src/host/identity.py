"""Which process is it? A process id alone is not enough: it is given again, sooner or later."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")


def of(pid: int) -> str | None:
    """Return a name no other process ever has, `boot:pid:start`, or None when the process is gone.

    The start is counted from the host's start, not by the wall clock, so that a clock that jumps changes
    nothing. One that has ended but was not reaped is gone.
    """
    try:
        found = psutil.Process(pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{boot()}:{pid}:{start(found)}"
    except psutil.NoSuchProcess:
        return None


def start(process: psutil.Process) -> str:
    """Return when a process started: ticks since the host did (field 22 of /proc/PID/stat, proc(5)), or
    seconds by psutil elsewhere.
    """
    try:
        # The name in the second field may hold anything, also brackets and blanks.
        return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return f"{process.create_time():.2f}"


def boot() -> str:
    """Return the id of this start of the host; empty where it has none."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def own() -> str:
    """Return the identity of this process."""
    found = of(os.getpid())
    assert found, "who asks is alive"
    return found


def alive(identity: str) -> bool:
    """Tell whether the process of an identity is alive."""
    return of(pid(identity)) == identity


def stopped(identity: str) -> bool:
    """Tell whether the process of an identity is alive and stopped: by Ctrl-Z, a signal or a debugger."""
    try:
        status = psutil.Process(pid(identity)).status()
    except psutil.NoSuchProcess:
        return False
    return status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP) and alive(identity)


def kill(identity: str, by: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to the process of an identity, if it is alive: by default one that ends it by force."""
    if alive(identity):
        with suppress(ProcessLookupError):
            os.kill(pid(identity), by)


def pid(identity: str) -> int:
    """Return the process id in an identity."""
    return int(identity.split(":")[1])
