"""A measurer is asked to stop: the first signal lets the slice finish, the second stops at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Tells whether somebody has asked this process to stop, by Ctrl-C or SIGTERM."""

    def __init__(self, tell: Callable[[], None] = lambda: None) -> None:
        self.tell = tell
        self.asked = False

    def __call__(self) -> bool:
        return self.asked

    def take(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.tell()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the block runs. In the main thread only."""
        before = {number: signal.signal(number, self.take) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
