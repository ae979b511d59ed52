"""The lead-ins of a benchmark: measured before its rounds, and lengthened where those show it was needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.bench.budget import LEAD_INS_SHARE
from src.bench.events import LeadIn
from src.bench.record import Cell
from src.progress import Progress
from src.stats import FEWEST_ROUNDS, looks
from src.workers import ramp

if TYPE_CHECKING:
    from src.bench.rounds import Rounds

# Visits are so short that all of them take this share of what is left of the budget, but not shorter than so
# many seconds. With many slow cells that is too long: then the pass ends, and what it has not seen twice or
# thrice, or not at all, has a lead-in by what is known.
SHARE = 0.15
CHECKS = (6, 12)  # rounds after which slices are checked, beside the looks (stats.looks)
MOST_LENGTHENINGS = 3  # of a cell, each of which begins its rounds anew


def measure(rounds: Rounds, group: int) -> None:
    """Measure how long each cell takes to be steady after others ran; that is its lead-in."""
    session, settings, clock = rounds.session, rounds.settings, rounds.clock
    began, yielded_s = clock(), session.yielded_s
    left_s = rounds.budget.until - began
    share_s = SHARE * left_s / max(1, ramp.VISITS * len(session.cells(group)))
    visit_s = min(settings.visit_s, max(settings.shortest_visit_s, share_s))
    visits: dict[Cell, list[tuple[int, ...]]] = {}
    for number in range(ramp.VISITS):
        step = Progress("warm-up", "Measuring how fast caches refill", number, ramp.VISITS)
        rounds.observer.progress(step)
        for cell in rounds.round_order(group):
            session.let_sentences_go_first()
            if rounds.observer.stopped():
                return
            if clock() - began - (session.yielded_s - yielded_s) > LEAD_INS_SHARE * left_s:
                break
            if cell not in rounds.record.warmed:
                continue
            call_s = rounds.record.warmed[cell].call_ns / 1e9
            count = ramp.visit_calls(call_s, visit_s, settings.shortest_visit)
            rounds.patience.settle()
            if calls := session.visit(cell, count, number, settings.cut_s(count * call_s)):
                rounds.calls_s += sum(calls) / 1e9
                visits.setdefault(cell, []).append(calls)
    for cell, seen in visits.items():
        needed = ramp.lead_in(ramp.measure_ramp(seen))
        session.happened(LeadIn(*cell, from_round=1, calls=needed, visits=tuple(seen)))


def lengthen(rounds: Rounds, group: int) -> None:
    """Give cells whose timed calls were not steady a longer lead-in; their rounds begin anew, where there is
    time for as many as a first look needs. Not in a later block: the rounds of all processes before would be
    lost. What is not steady is noisy.
    """
    if rounds.blocks > 1:
        return
    record = rounds.record
    if rounds.clock() + next(looks()) * rounds.round_s > rounds.budget.until:
        return
    for cell in rounds.session.cells(group):
        slices = record.undisturbed(cell)
        if len(record.lead_ins.get(cell, [])) > MOST_LENGTHENINGS or len(slices) < FEWEST_ROUNDS:
            continue
        if not ramp.unsteady(ramp.rest([slice.ns for slice in slices])):
            continue
        expected = rounds.expected
        before = expected.lead_in(cell)
        calls = ramp.longer(before, expected.calls(cell), expected.call_s(cell))
        if calls > before:
            rounds.session.happened(LeadIn(*cell, from_round=rounds.round + 1, calls=calls, visits=()))
