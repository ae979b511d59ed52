"""What is told of a measurement while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """What is being done, and how far it is.

    The stage is start, wait, build, load, warm-up, measure or accuracy.
    """

    stage: str
    text: str
    done: int = 0
    total: int = 0


def telling_who_waits(progress: Callable[[Progress], None]) -> Callable[[str], None]:
    """Return what the host's lock tells of who holds it, as progress."""

    def tell(holder: str) -> None:
        waiting = f"Waiting for another measurement on this host ({holder or 'unknown'})"
        progress(Progress("wait", waiting))

    return tell
