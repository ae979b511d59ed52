"""What a run can pay for: its budget bounds loading, answering and warming up as well as its rounds.

A cell is begun only if six rounds of it, the fewest that make a figure, can be paid for beside those of the
cells begun before it. What is left out is said, and with which budget it would not be.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable

from src.bench.events import engine_id
from src.bench.inputs import COUNT
from src.bench.plan import Case, Plan
from src.bench.record import Cell
from src.bench.slicing import SLICE_S, slice_calls
from src.stats import FEWEST_ROUNDS
from src.workers import ramp

WARM_UP_CALLS, WARM_UP_CAP_S, FEWEST_WARM_UP_CALLS = 20, 2.0, 2  # about; until steady
LEAD_INS_SHARE = 0.3  # of what is left after the warm-up, that measuring lead-ins may take
ROUNDED_S = 10.0  # a budget that is proposed is a multiple of so many seconds
MARGIN = 1.2  # of a proposed budget


def answering_s(call_s: float, batch: int) -> float:
    """Return how long it takes to answer each text once in batches, with the first call again."""
    return call_s * (1 + math.ceil(COUNT / batch))


def measuring_s(plan: Plan, call_s: float, slice_s: float = SLICE_S) -> float:
    """Return how long it takes to warm up a cell whose calls take so many seconds, and to measure the fewest
    rounds that make a figure.
    """
    if not call_s:
        return 0.0
    warm_up_s = max(FEWEST_WARM_UP_CALLS * call_s, min(WARM_UP_CALLS * call_s, WARM_UP_CAP_S))
    lead_in = ramp.least_lead_in(call_s)
    calls = slice_calls(plan, call_s, lead_in, slice_s)
    return warm_up_s + FEWEST_ROUNDS * (calls * (call_s + plan.pace_s) + lead_in * call_s)


def proposed_s(seconds: float) -> float:
    """Return a budget to ask for where so many seconds are needed."""
    return math.ceil(MARGIN * seconds / ROUNDED_S) * ROUNDED_S


class OutOfBudget(Exception):
    """Something cannot be paid for any more. The message says what, and what to ask for."""


class Budget:
    """The budget of one run while it is spent. Times are monotonic seconds; `until` is the end of the block
    of rounds that is measured. `loads_s` is what all loads and first answers took,
    `longest_load_s` the longest load.
    """

    def __init__(
        self,
        plan: Plan,
        began: float,
        slice_s: float = SLICE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan
        self.slice_s = slice_s
        self.clock = clock
        self.deadline = self.until = began + plan.budget_s
        self.calls_s: dict[tuple[str, int, int], float] = {}  # by worker, batch size and length
        self.longest_load_s = self.loads_s = 0.0
        self.left_out: list[str] = []

    def extend(self, seconds: float) -> None:
        """Move both ends, as the time was another's."""
        self.deadline += seconds
        self.until += seconds

    def left_s(self) -> float:
        return self.deadline - self.clock()

    def over(self) -> bool:
        """Tell whether nothing is left."""
        return self.left_s() <= 0

    def note_load(self, seconds: float) -> None:
        """Take the time of one load, without the answers that follow it."""
        self.loads_s += seconds
        self.longest_load_s = max(self.longest_load_s, seconds)

    def note_call(self, worker: str, batch: int, length: int, call_s: float) -> None:
        """Take the time of one call of a worker."""
        self.calls_s[worker, batch, length] = call_s

    def urgency(self, cases: list[Case]) -> Callable[[Cell], tuple[int, int, bool]]:
        """Return a key that sorts cells for their warm-up: cases first that most engines answered for, then
        in the order of `cases`; of a case the baseline's cell first.
        """
        shapes = Counter((batch, length) for _, batch, length in self.calls_s)

        def key(cell: Cell) -> tuple[int, int, bool]:
            case = cell.case
            answered = shapes[case.batch_size, case.sequence_length]
            return -answered, cases.index(case), engine_id(cell.engine) != self.plan.baseline

        return key

    def cell_s(self, worker: str, case: Case) -> float:
        """Return about how long a worker's cell takes until it has a figure; 0 where nothing is known."""
        call_s = self.calls_s.get((worker, case.batch_size, case.sequence_length), 0.0)
        return measuring_s(self.plan, call_s, self.slice_s)

    def check_load(self, loaded: Iterable[tuple[str, int]]) -> None:
        """Raise OutOfBudget where another engine cannot be loaded beside what is (worker, threads), and one
        case of all be measured: few cases of all engines are worth more than all cases of few.
        """
        workers = list(loaded)
        cases_s = [
            sum(self.cell_s(worker, case) for worker, threads in workers if threads == case.threads)
            for case in self.plan.cases
        ]
        needed_s = self.longest_load_s + min(cases_s)
        if self.over() or needed_s > self.left_s():
            raise OutOfBudget(
                f"Not loaded: {max(0.0, self.left_s()):.0f} s were left of the budget of "
                f"{self.plan.budget_s:g} s, too few for another engine. {self.remedy()}"
            )

    def check_answers(self, batch: int, length: int, call_s: float) -> None:
        """Raise OutOfBudget where an engine cannot answer all texts in time."""
        needed_s = answering_s(call_s, batch)
        if needed_s > self.left_s():
            raise OutOfBudget(
                f"Its answers could not be checked: {COUNT} texts of {length} tokens take about "
                f"{needed_s:.0f} s, and {max(0.0, self.left_s()):.0f} s were left of the budget of "
                f"{self.plan.budget_s:g} s. {self.remedy()}"
            )

    def affords_more(self, worker: str, began: float, batch: int, call_s: float, engines_left: int) -> bool:
        """Tell whether a worker that began to answer at `began` may answer for one more shape: what it has
        answered for is to be measured, too, and all engines that are still to do so, it among them, share
        what is left.
        """
        spent_s = self.clock() - began
        shapes_s = [known_s for (name, *_), known_s in self.calls_s.items() if name == worker]
        measuring = sum(measuring_s(self.plan, known_s, self.slice_s) for known_s in (*shapes_s, call_s))
        needed_s = spent_s + answering_s(call_s, batch) + len(self.plan.scopes) * measuring
        return needed_s <= (1 - LEAD_INS_SHARE) * (self.left_s() + spent_s) / engines_left

    def leaves_out(self, engine: str, worker: str, case: Case, begun_s: float) -> bool:
        """Tell whether a cell was not answered for, or cannot be paid for beside those begun; note that."""
        left_s = self.until - self.clock()
        answered = (worker, case.batch_size, case.sequence_length) in self.calls_s
        if answered and 0 < begun_s + self.cell_s(worker, case) <= (1 - LEAD_INS_SHARE) * left_s:
            return False
        self.left_out.append(
            f"{engine} at {case}: no time was left to warm it up and measure {FEWEST_ROUNDS} rounds."
        )
        return True

    def remedy(self) -> str:
        """Return what to ask for, by the slowest call and load so far."""
        if not self.longest_load_s:
            return "Ask for more seconds, or once more: what was built is kept."
        call_s = max(self.calls_s.values(), default=0.0)
        engines = len(self.plan.engines) + 1  # the baseline has a twin
        answers_s = [
            answering_s(call_s, batch) for batch in self.plan.batch_sizes for _ in self.plan.sequence_lengths
        ]
        cells_s = len(self.plan.cases) * measuring_s(self.plan, call_s, self.slice_s)
        whole_s = engines * (len(self.plan.threads) * (self.longest_load_s + sum(answers_s)) + cells_s)
        return f"A budget of {proposed_s(whole_s):.0f} s would do; else ask for fewer engines or cases."
