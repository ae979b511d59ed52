"""How far a search is, as its process tells it in a file and others show it."""

import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from src import typed
from src.bench import field
from src.bench.plan import Plan, from_json
from src.bench.record import Record
from src.home import write_whole
from src.progress import Progress
from src.search import state
from src.search.state import Search

RACING = ("measure", "noise", "wait")  # stages of progress in which a race goes on
RUN_BEGAN = "20261127-073435"  # of a run's id
EVERY_S, RACE_EVERY_S = 1.0, 5.0  # how often it is told at most: to see how a race stands takes time


@dataclass(frozen=True)
class Racer:
    """How a configuration stands in a race that goes on: after how many rounds, whether it is still in it,
    and how many times slower than the leader, by objective (None: too few rounds count).
    """

    engine: str
    rounds: int
    racing: bool
    ratios: tuple[float | None, ...]


@dataclass(frozen=True)
class Told:
    """What a search is doing, how far that is (of `total`, where it is not 0), and of a race who stands how,
    nearest to the leader first.
    """

    text: str
    done: int = 0
    total: int = 0
    rounds: int = 0
    racers: tuple[Racer, ...] = ()


def place(id: str) -> Path:
    return state.folder() / f".{id}.live"


def of(id: str) -> Told | None:
    """Return what a search told last; None where it has told nothing."""
    try:
        return typed.read(Told, json.loads(place(id).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def racers(record: Record, plan: Plan) -> tuple[Racer, ...]:
    """Return how a race stands."""
    standings = field.standings(record, plan)
    groups = {cell.engine: cell.group for cell in record.slices}
    # Each memory group counts its own rounds.
    last = {
        group: max((one.rounds for one in standings if groups[one.engine] == group), default=0)
        for group in set(groups.values())
    }
    return tuple(
        Racer(one.engine, one.rounds, one.rounds >= last[groups[one.engine]] - 1, tuple(one.ratios.values()))
        for one in standings
    )


def so_far(search: Search, now: datetime) -> Search:
    """Return a search that goes on with the time of its run until `now` as spent: a run's id tells when it
    began.
    """
    began = [
        datetime.strptime(heat.run[: len(RUN_BEGAN)], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        for heat in search.heats
        if heat.run and not heat.counted
    ]
    running_s = sum(max(0.0, (now - one).total_seconds()) for one in began)
    return replace(search, spent_s=search.spent_s + running_s)


class Teller:
    """Tells how far a search is, not more often than somebody can read it."""

    def __init__(self, id: str) -> None:
        self.path = place(id)
        self.told_s = self.raced_s = float("-inf")
        self.told, self.stage = Told("Starting"), ""

    def tell(self, step: Progress) -> None:
        if step.stage != self.stage:  # what is said once, as who is waited for, is not to be missed
            self.told_s, self.stage = float("-inf"), step.stage
        racers_so_far = self.told.racers if step.stage in RACING else ()
        self.keep(Told(step.text, step.done, step.total, self.told.rounds, racers_so_far))

    def between_rounds(self, record: Record) -> None:
        plan = from_json(record.begun.plan) if record.begun else None
        standing = self.told.racers if plan and plan.racing else ()
        if plan and plan.racing and time.monotonic() - self.raced_s > RACE_EVERY_S:
            standing = racers(record, plan)
            self.raced_s = time.monotonic()
            self.told_s = float("-inf")
        what = "Race" if plan and plan.racing else "Confirmation in new processes"
        self.keep(Told(f"{what}: round {record.rounds} is done", rounds=record.rounds, racers=standing))

    def keep(self, told: Told) -> None:
        self.told = told
        if time.monotonic() - self.told_s > EVERY_S:
            self.told_s = time.monotonic()
            write_whole(self.path, json.dumps(asdict(told), ensure_ascii=False))

    def end(self) -> None:
        """Take back what was told: nothing goes on any more."""
        self.path.unlink(missing_ok=True)
