"""The conductor of a run: warm-up, lead-ins, rounds, looks and repeats, in what order and until when.

It knows no worker and no clock of its own: a session does what is asked, and tells what came of it.
"""

import random
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol

from src.bench import field, lead_ins, race
from src.bench.budget import Budget
from src.bench.events import Event, Slice, Warmed
from src.bench.expected import Expected
from src.bench.observer import Observer
from src.bench.plan import Plan
from src.bench.precision import precise
from src.bench.record import Cell, Record
from src.bench.seat import Ask, key_of
from src.bench.settings import Settings
from src.progress import Progress
from src.stats import FEWEST_ROUNDS, looks


class Session(Protocol):
    """What the conductor needs of a session (see session.Session)."""

    @property
    def yielded_s(self) -> float: ...

    def happened(self, event: Event) -> None: ...

    def cells(self, group: int) -> list[Cell]: ...

    def let_sentences_go_first(self) -> None: ...

    def warm_up(self, cell: Cell) -> Warmed | None: ...

    def visit(self, cell: Cell, count: int, offset: int, cap_s: float) -> tuple[int, ...] | None: ...

    def slice(self, asked: Ask) -> Slice | None: ...

    def drop(self, engine: str) -> None: ...


class Quiet(Protocol):
    """What waits for a quiet host (see patience.Patience)."""

    def settle(self) -> None: ...

    def quiet(self, kinds: tuple[str, ...], deadline: float) -> bool: ...


class Rounds:
    """Conducts the rounds of one run. `calls_s` is the time inside warm-up, lead-in and timed calls, `round`
    the group's last round so far, and `round_s` what a round takes. Of its blocks (see blocks.py)
    `blocks` are begun in the group, the last with the round `block_since`, and there is time for `granted`.
    """

    def __init__(
        self,
        asked: Plan,
        settings: Settings,
        session: Session,
        patience: Quiet,
        observer: Observer,
        record: Record,
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = asked
        self.settings = settings
        self.session = session
        self.patience = patience
        self.observer = observer
        self.record = record
        self.budget = budget
        self.clock = clock
        self.order = random.Random(asked.seed)
        self.expected = Expected(asked, settings, record)
        self.calls_s = self.round_s = 0.0
        self.round, self.blocks, self.granted, self.block_since = 0, 0, 1, 1

    def warm_up(self, group: int, again: bool = False) -> None:
        """Warm up every cell by the same rule; what the budget cannot pay for is left out. Of one that was
        warmed up in an earlier process it is told only where it did not become steady.
        """
        ordered = self.round_order(group)
        ordered.sort(key=self.budget.urgency([cell.case for cell in ordered]))
        begun_s = 0.0
        for number, cell in enumerate(ordered, 1):
            self.session.let_sentences_go_first()
            if self.observer.stopped():
                return
            key = key_of(cell)
            cell_s = self.budget.cell_s(key, cell.case)
            if again and cell not in self.record.warmed:
                continue
            if not again and self.budget.leaves_out(cell.engine, key, cell.case, begun_s):
                continue
            if cell not in self.session.cells(group):
                continue
            self.observer.progress(Progress("warm-up", "Warming up", number, len(ordered)))
            began = self.clock()
            if warmed := self.session.warm_up(cell):
                self.calls_s += warmed.calls_ns / 1e9
                if not (again and warmed.steady):
                    self.session.happened(warmed)
            begun_s += max(0.0, cell_s - (self.clock() - began))

    def measure(self, group: int) -> str:
        """Measure round after round; return why that ended."""
        next_looks = looks()
        look = next(next_looks)
        began, since = self.clock(), self.round + 1
        for number in count(since):
            self.round = number
            for cell in self.round_order(group):
                self.session.let_sentences_go_first()
                if self.observer.stopped():
                    return "interrupted"
                if self.clock() + self.expected.slice_s(cell) > self.budget.until:
                    return "budget"
                self.slice(number, cell)
            if not self.session.cells(group):
                return "failed"
            self.observer.between_rounds(self.record)
            measured = number - since + 1
            self.round_s = (self.clock() - began) / measured
            if measured in lead_ins.CHECKS or measured == look:
                self.expected.learn(self.session.cells(group))
                lead_ins.lengthen(self, group)
            if self.plan.racing:
                over = self.race_is_over(group, measured)
            else:
                cells = self.session.cells(group)
                over = measured == look and precise(
                    self.plan, self.record, cells, self.block_since, self.granted
                )
            if over:
                return "precision"
            if measured == look:
                look = next(next_looks)
        raise AssertionError("rounds have no end of their own")

    def race_is_over(self, group: int, measured: int) -> bool:
        """After a round at which that is looked at, drop who is slower; tell whether the race is over: so few
        are left that they can be confirmed, and rounds of each count, or it was the last look.
        """
        if measured not in race.LOOKS:
            return False
        racing = {cell.engine for cell in self.session.cells(group)}.intersection(self.plan.racing)
        behind = field.slower(self.record, self.plan, group, racing)
        for engine in behind.keys() - self.plan.staying:
            self.session.drop(engine)
        left = racing - behind.keys()
        seen = all(field.rounds_of(self.record, self.plan, group, one) >= FEWEST_ROUNDS for one in left)
        return measured == race.LOOKS[-1] or (seen and len(left) <= race.FINALISTS)

    def round_order(self, group: int) -> list[Cell]:
        """Return the cells in random order: cases shuffled, and within each case its engines, so that what is
        compared is close in time.
        """
        cells = self.session.cells(group)
        cases = sorted({cell.case for cell in cells})
        self.order.shuffle(cases)
        ordered = []
        for case in cases:
            part = [cell for cell in cells if cell.case == case]
            self.order.shuffle(part)
            ordered += part
        return ordered

    # --- slices

    def slice(self, number: int, cell: Cell) -> None:
        """Measure one slice; again where the host was disturbed, once it is quiet."""
        if cell not in self.record.warmed:
            return
        calls = self.expected.calls(cell)
        for attempt in range(1, self.settings.attempts + 1):
            measured = self.attempt(number, attempt, cell, calls)
            kinds = self.record.disturbed(measured) if measured else ()
            if not kinds or self.clock() + self.expected.slice_s(cell) > self.budget.until:
                return
            if not self.patience.quiet(kinds, self.budget.until):
                return

    def attempt(
        self, number: int, attempt: int, cell: Cell, calls: int, pace_s: float | None = None
    ) -> Slice | None:
        """Measure one slice of so many timed calls; `pace_s` for a paced cell. None once the engine has
        failed.
        """
        cap_s = self.settings.cut_s(self.expected.slice_s(cell, calls, pace_s))
        if pace_s is None:  # it waits for the speed back to back, which CPUs that rest need not reach
            self.patience.settle()
        ask = Ask(number, attempt, cell, self.expected.lead_in(cell), calls, cap_s, pace_s)
        timed = self.session.slice(ask)
        if timed:
            self.calls_s += (sum(timed.ns) + timed.lead_in_ns) / 1e9
            self.session.happened(timed)
        return timed
