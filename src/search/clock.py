"""What a step of a search took, as its budget sees it."""

import time
from collections.abc import Callable

from src.progress import Progress


class Clock:
    """Tells how long it took from lap to lap, without the waits for who else measures on this host."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.waits_from: float | None = None

    def lap_s(self) -> float:
        self.go_on()
        before, self.began = self.began, time.monotonic()
        return self.began - before

    def go_on(self) -> None:
        if self.waits_from is not None:
            self.began += time.monotonic() - self.waits_from
            self.waits_from = None

    def beside(self, progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """Return who is told of progress in place of another, and tells that one."""

        def tell(step: Progress) -> None:
            self.go_on()
            if step.stage == "wait":
                self.waits_from = time.monotonic()
            progress(step)

        return tell
