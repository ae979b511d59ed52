"""What a job's process tells while it goes on, as the store has it and the page shows it."""

from dataclasses import dataclass, field

from src import typed
from src.bench.events import Failed
from src.facts import Facts
from src.figures.run import Interval, JudgedRatio, OfCase


@dataclass(frozen=True)
class Step:
    """How far a job is. `round` and `next_look`, the round after which it may stop next, are None before its
    rounds begin.
    """

    stage: str
    text: str
    done: int
    total: int
    elapsed_s: float
    left_s: float
    round: int | None = None
    next_look: int | None = None


@dataclass(frozen=True, kw_only=True)
class LiveCell(OfCase):
    """One engine in one case, as far as it is measured."""

    engine: str
    title: str
    rounds: int
    median_ms: float | None
    median_ci95_ms: Interval | None
    ratios: dict[str, JudgedRatio]


@dataclass(frozen=True)
class Live:
    """Everything that is measured so far. `loaded` are engines of a record, twins among them."""

    round: int = 0
    cells: tuple[LiveCell, ...] = ()
    loaded: tuple[str, ...] = ()
    failures: tuple[Failed, ...] = field(default=())


def step_of(fields: Facts | None) -> Step | None:
    """Return the step in a job's row. Raises ValueError."""
    return None if fields is None else typed.read(Step, fields)


def live_of(fields: Facts | None) -> Live | None:
    """Return what is measured so far in a job's row. Raises ValueError."""
    return None if fields is None else typed.read(Live, fields)
