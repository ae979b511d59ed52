"""Letting sentences go first: whatever holds the host's lock for long does so between two of its steps."""

import math
import time
from collections.abc import Callable

from src.host.lock import HostLock
from src.progress import Progress

# After a sentence the work goes on for so long before the next one: who types waits 3 s at most (rule 11).
BETWEEN_SENTENCES_S = 2.0


class GivingWay:
    """How one holder of the lock gives way, and for how long it has: `yielded_s`, in all at most `most_s` and
    what the last sentence took.
    """

    def __init__(self, lock: HostLock, most_s: float = math.inf) -> None:
        self.lock = lock
        self.most_s = most_s
        self.yielded_s = 0.0
        self.back = -math.inf  # when the lock was taken back last

    def due(self) -> bool:
        """Tell whether a sentence waits that is to go first now."""
        rested = time.monotonic() - self.back >= BETWEEN_SENTENCES_S
        return rested and self.yielded_s < self.most_s and self.lock.somebody_waits()

    def __call__(self) -> None:
        """Let a sentence that waits go first."""
        if self.due():
            self.now()

    def now(self) -> None:
        """Let go of the lock for a sentence that is due, and take it back."""
        began = time.monotonic()
        try:
            self.lock.give_way()
        finally:
            self.back = time.monotonic()
            self.yielded_s += self.back - began


def before(progress: Callable[[Progress], None], lock: HostLock) -> Callable[[Progress], None]:
    """Return what lets sentences go first before it tells of each step."""
    give_way = GivingWay(lock)

    def tell(step: Progress) -> None:
        give_way()
        progress(step)

    return tell
