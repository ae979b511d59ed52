"""Ending a job's process that was stopped, and the note that tells why it ended."""

from contextlib import suppress
from pathlib import Path

from src.home import home
from src.host import identity
from src.store.database import Store

LOOKS = 5  # for one that stops, each as long as any write takes


def cancel_note(id: str) -> Path:
    """Return the file that tells that a job is being cancelled, until its end is in the store."""
    return home() / "jobs" / f"{id}.cancel"


def forget_note(id: str) -> None:
    """Remove it: the end is in the store. One that cannot be removed says nothing of another job."""
    with suppress(OSError):
        cancel_note(id).unlink()


def end_if_stopped(store: Store, id: str, process: str) -> None:
    """End a job's process (its identity) if it was stopped: it does not hear, and may hold the database. As
    nothing can be written there before that, a note tells whoever finds it dead first that this was a cancel.

    A signal stops a process only when the kernel has done what it was asked for, such as writing to the disk:
    while nobody can write, this looks again.
    """
    for _ in range(LOOKS):
        if identity.stopped(process):
            with suppress(OSError):
                cancel_note(id).parent.mkdir(exist_ok=True)
                cancel_note(id).touch()
            identity.kill(process)
            return
        if not store.locked():
            return
