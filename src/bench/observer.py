"""Who hears of a run while it happens, and may end it."""

from collections.abc import Callable
from dataclasses import dataclass

from src.bench.events import Sink
from src.bench.record import Record
from src.progress import Progress


@dataclass(frozen=True)
class Observer:
    """`happened` keeps each event before the next may happen; `progress` is told of each step;
    `between_rounds` sees the record after each round; `stopped` is asked between two slices.
    """

    happened: Sink = lambda _: None
    progress: Callable[[Progress], None] = lambda _: None
    between_rounds: Callable[[Record], None] = lambda _: None
    stopped: Callable[[], bool] = lambda: False


NOBODY = Observer()
