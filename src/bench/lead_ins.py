"""The lead-ins of a benchmark: measured before its rounds, and lengthened where those show it was needed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from src.bench import ramp
from src.bench.budget import LEAD_INS_SHARE
from src.bench.events import LeadIn
from src.bench.progress import Progress
from src.bench.record import Cell
from src.bench.stats import FEWEST_ROUNDS, looks

if TYPE_CHECKING:
    from src.bench.protocol import Benchmark

# Visits are so short that all of them take this share of what is left of the budget, but not shorter than so
# many seconds. With many slow cells that is too long: then the pass ends, and what it has not seen twice or
# thrice, or not at all, has a lead-in by what is known.
SHARE, SHORTEST_VISIT_S = 0.15, 0.06
CHECKS = (6, 12)  # rounds after which slices are checked, beside the looks (stats.looks)
MOST_LENGTHENINGS = 3  # of a cell, each of which begins its rounds anew


def measure(benchmark: Benchmark, group: int) -> None:
    """Measure how long each cell takes to be steady after others ran; that is its lead-in."""
    began, yielded_s = time.monotonic(), benchmark.yielded_s
    left_s = benchmark.budget.until - began
    share_s = SHARE * left_s / max(1, ramp.VISITS * len(benchmark.cells(group)))
    visit_s = min(ramp.VISIT_S, max(SHORTEST_VISIT_S, share_s))
    visits: dict[Cell, list[tuple[int, ...]]] = {}
    for number in range(ramp.VISITS):
        benchmark.progress(Progress("warm-up", "Measuring how fast caches refill", number, ramp.VISITS))
        for cell, worker in benchmark.round_order(group):
            benchmark.let_sentences_go_first()
            if benchmark.stop():
                return
            if time.monotonic() - began - (benchmark.yielded_s - yielded_s) > LEAD_INS_SHARE * left_s:
                break
            if cell not in benchmark.record.warmed:
                continue
            call_s = benchmark.record.warmed[cell].call_ns / 1e9
            count = ramp.visit_calls(call_s, visit_s)
            cap_s = benchmark.cut_s(count * call_s)
            visit = {"do": "slice", "scope": cell.case.scope, "lead_in": 0, "count": count}
            benchmark.patience.settle()
            if seen := benchmark.ask(cell, worker, {**visit, "offset": number, "cap_s": cap_s}, 2 * cap_s):
                benchmark.calls_s += sum(seen["ns"]) / 1e9
                visits.setdefault(cell, []).append(tuple(seen["ns"]))
    for cell, calls in visits.items():
        needed = ramp.lead_in(ramp.measure_ramp(calls))
        benchmark.happened(LeadIn(*cell, from_round=1, calls=needed, visits=tuple(calls)))


def lengthen(benchmark: Benchmark, group: int, number: int, round_s: float) -> None:
    """Give cells whose timed calls were not steady a longer lead-in; their rounds begin anew, where there is
    time for as many as a first look needs. `number` is the round that has ended, `round_s` what one takes.
    """
    record = benchmark.record
    if time.monotonic() + next(looks()) * round_s > benchmark.budget.until:
        return
    for cell, _ in benchmark.cells(group):
        slices = record.undisturbed(cell)
        if len(record.lead_ins.get(cell, [])) > MOST_LENGTHENINGS or len(slices) < FEWEST_ROUNDS:
            continue
        if not ramp.unsteady(ramp.rest([slice.ns for slice in slices])):
            continue
        call_s = record.warmed[cell].call_ns / 1e9
        calls = ramp.longer(benchmark.lead_in(cell), benchmark.calls(cell), call_s)
        if calls > benchmark.lead_in(cell):
            benchmark.happened(LeadIn(*cell, from_round=number + 1, calls=calls, visits=()))
