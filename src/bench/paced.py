"""Paced cells: one request each half second, as Infinity's demo was driven, after a run's own rounds.

The baseline and the two fastest engines that keep their accuracy, in scope `pipeline`, median only.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from itertools import count
from typing import TYPE_CHECKING

from src.bench import judging
from src.bench.events import TWIN
from src.bench.gate import MISSES
from src.bench.plan import Plan
from src.bench.progress import Progress
from src.bench.record import Cell, Record, round_medians
from src.bench.run import INVALID, NOISY, VALID, PacedCell
from src.bench.stats import FEWEST_ROUNDS, median, median_interval
from src.engines import registry

if TYPE_CHECKING:
    from src.bench.protocol import Benchmark

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


def outcome(record: Record, cell: Cell) -> PacedCell:
    """Return what a paced cell took."""
    loaded = record.loaded[cell.group, cell.engine, cell.case.threads]
    slices, kept = record.paced[cell], record.undisturbed(cell, paced=True)
    medians = [ns / 1e6 for ns in round_medians(kept).values()]
    reasons = judging.noise_reasons(record, slices)
    if len(kept) < FEWEST_ROUNDS:
        verdict, reasons = INVALID, [judging.too_few(len(kept)), *reasons]
    else:
        verdict = NOISY if judging.noisy(slices, kept) else VALID
    return PacedCell(
        engine=cell.engine,
        title=loaded.title,
        device=loaded.device,
        **asdict(cell.case),
        pace_s=slices[0].pace_s or 0.0,
        samples=sum(len(slice.ns) for slice in kept),
        rounds=len(kept),
        median_ms=median(medians) if medians else None,
        median_ci95_ms=median_interval(medians),
        verdict=verdict,
        reasons=() if verdict == VALID else tuple(reasons),
    )


def measure(benchmark: Benchmark, group: int) -> None:
    """Measure the paced cells of a group, until each has its rounds or their time is over."""
    calls, pace_s = slice_calls(benchmark.plan), benchmark.plan.demo_pace_s
    benchmark.budget.until = min(benchmark.budget.until, time.monotonic() + reserved_s(benchmark.plan))
    cells = chosen(benchmark.record, [cell for cell, _ in benchmark.cells(group)])
    for number in count(1):
        workers = dict(benchmark.cells(group))  # of engines that live
        lacking = [cell for cell in cells if cell in workers and lacks_rounds(benchmark.record, cell)]
        if not lacking:
            return
        for cell in benchmark.order.sample(lacking, len(lacking)):
            text = f"One request each {pace_s:g} s, as Infinity's demo was driven"
            benchmark.progress(Progress("measure", text, min(number, FEWEST_ROUNDS), FEWEST_ROUNDS))
            benchmark.let_sentences_go_first()
            slice_s = calls * pace_s + benchmark.expected_s(cell)
            if benchmark.stop() or time.monotonic() + slice_s > benchmark.budget.until:
                return
            benchmark.attempt(number, 1, cell, workers[cell], calls, pace_s)


def lacks_rounds(record: Record, cell: Cell) -> bool:
    return len(record.undisturbed(cell, paced=True)) < FEWEST_ROUNDS
