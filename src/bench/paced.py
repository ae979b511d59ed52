"""Paced cells: one request each half second, as Infinity's demo was driven, after a run's own rounds.

The baseline and the two fastest engines that keep their accuracy, in scope `pipeline`, median only.
"""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING

from src.accuracy.gate import MISSES
from src.bench.events import TWIN
from src.bench.plan import Plan
from src.bench.record import Cell, Record, round_medians
from src.engines import registry
from src.progress import Progress
from src.stats import FEWEST_ROUNDS, median

if TYPE_CHECKING:
    from src.bench.rounds import Rounds

FASTEST = 2  # engines beside the baseline
CALLS = 2  # of a slice, each after the pause: so there is time to repeat some of FEWEST_ROUNDS slices
LONGEST_S, SHARE = 60.0, 0.1  # for all paced cells of a run: seconds, but at most so much of its budget


def case_count(plan: Plan) -> int:
    """Return in how many cases of a plan there are paced cells."""
    return sum(case.scope == "pipeline" and case.batch_size == 1 for case in plan.cases)


def slice_calls(plan: Plan) -> int:
    """Return how many calls a paced slice has, so that FEWEST_ROUNDS of them fit; 0 where not one does."""
    cells = (1 + FASTEST) * case_count(plan)
    if not cells or not plan.demo_pace_s or plan.pace_s:  # all cells of a run with pauses are paced
        return 0
    return min(CALLS, math.floor(most_s(plan) / (FEWEST_ROUNDS * cells * plan.demo_pace_s)))


def most_s(plan: Plan) -> float:
    return min(LONGEST_S, SHARE * plan.budget_s)


def reserved_s(plan: Plan) -> float:
    """Return how many seconds of its budget a run keeps for paced cells."""
    return most_s(plan) if slice_calls(plan) else 0.0


def chosen(record: Record, alive: list[Cell]) -> list[Cell]:
    """Return the cells of a group to pace: of each case the baseline and the fastest faithful engines."""
    assert record.begun
    baseline = record.begun.plan["baseline"]
    cells = []
    for case in sorted({cell.case for cell in alive if cell.case.scope == "pipeline"}):
        if case.batch_size != 1:
            continue
        latencies = {}
        for cell in alive:
            slices = record.undisturbed(cell)
            if cell.case != case or cell.engine in (baseline, baseline + TWIN, registry.NULL) or not slices:
                continue
            loaded = record.loaded[cell.group, cell.engine, cell.case.threads]
            if (loaded.facts.get("accuracy") or {}).get("state") != MISSES:
                latencies[cell] = median(list(round_medians(slices).values()))
        cells += [cell for cell in alive if (cell.case, cell.engine) == (case, baseline)]
        cells += sorted(latencies, key=lambda cell: latencies[cell])[:FASTEST]
    return cells


def measure(rounds: Rounds, group: int) -> None:
    """Measure the paced cells of a group, until each has its rounds or their time is over."""
    calls, pace_s = slice_calls(rounds.plan), rounds.plan.demo_pace_s
    session, clock = rounds.session, rounds.clock
    rounds.budget.until = min(rounds.budget.until, clock() + reserved_s(rounds.plan))
    cells = chosen(rounds.record, session.cells(group))
    for number in count(1):
        alive = session.cells(group)
        lacking = [cell for cell in cells if cell in alive and lacks_rounds(rounds.record, cell)]
        if not lacking:
            return
        for cell in rounds.order.sample(lacking, len(lacking)):
            text = f"One request each {pace_s:g} s, as Infinity's demo was driven"
            rounds.observer.progress(Progress("measure", text, min(number, FEWEST_ROUNDS), FEWEST_ROUNDS))
            session.let_sentences_go_first()
            slice_s = calls * pace_s + rounds.expected.slice_s(cell)
            if rounds.observer.stopped() or clock() + slice_s > rounds.budget.until:
                return
            rounds.attempt(number, 1, cell, calls, pace_s)


def lacks_rounds(record: Record, cell: Cell) -> bool:
    return len(record.undisturbed(cell, paced=True)) < FEWEST_ROUNDS
