"""The field of a race as its record tells it: figures by objective, who is out, and how far behind.

Who was dropped when is in no event: an engine without slices after a look was dropped there, for what its
slices until then said.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from src.bench import race, windows
from src.bench.plan import Case, Plan
from src.bench.race import Behind, ByRound
from src.bench.record import Cell, Record, round_medians
from src.stats import LEAST_NOISE_FLOOR, geometric_mean, median, paired_ratio

# Sequence lengths: the geometric mean of the latencies at these, or with shares the mean latency of a text.
Objective = tuple[int, ...]


def objectives(lengths: Sequence[int], shares: Sequence[float] = ()) -> list[Objective]:
    """Return what somebody may want to be fast: each length alone, and all of them together; with the shares
    of somebody's texts that they stand for those texts only.
    """
    if shares:
        return [tuple(lengths)]
    alone: list[Objective] = [(length,) for length in lengths]
    return [*alone, tuple(lengths)] if len(lengths) > 1 else alone


def cases_of(plan: Plan, lengths: Objective) -> list[Case]:
    """Return the cases of a plan that an objective is about."""
    return [case for case in plan.cases if case.sequence_length in lengths]


def figures(record: Record, plan: Plan, group: int, engine: str, lengths: Objective) -> ByRound:
    """Return an engine's figure by round, in nanoseconds: the geometric mean of its medians at some lengths,
    for the rounds in which all of them count; where the plan has shares their mean, weighted by those.
    """
    cases = cases_of(plan, lengths)
    medians = [round_medians(record.undisturbed(Cell(group, engine, case))) for case in cases]
    common = sorted(set(medians[0]).intersection(*medians[1:]))
    if plan.shares:
        share_of = dict(zip(plan.sequence_lengths, plan.shares, strict=True))
        shares = [share_of[case.sequence_length] for case in cases]
        return {
            number: math.fsum(share * some[number] for share, some in zip(shares, medians, strict=True))
            / math.fsum(shares)
            for number in common
        }
    return {number: geometric_mean([some[number] for some in medians]) for number in common}


def tails(record: Record, plan: Plan, group: int, engine: str, lengths: Objective) -> ByRound:
    """Return an engine's 99th percentile by window of rounds, in nanoseconds: the geometric mean of those at
    some lengths, for the windows in which all of them are known. Engines of a group share their windows.
    """
    cells = [cell for cell in record.slices if cell.group == group and cell.case in cases_of(plan, lengths)]
    shortest = min((median([len(slice.ns) for slice in record.slices[cell]]) for cell in cells), default=1)
    parts = []
    for case in cases_of(plan, lengths):
        cell = Cell(group, engine, case)
        slices = [(slice.round, slice.ns) for slice in record.undisturbed(cell)]
        starts = [1, *record.block_starts(cell)]
        parts.append(windows.percentiles(slices, starts, windows.rounds(max(1, int(shortest)))))
    common = sorted(set(parts[0]).intersection(*parts[1:]))
    return {first: geometric_mean([part[first] for part in parts]) for first in common}


def rounds_of(record: Record, plan: Plan, group: int, engine: str) -> int:
    """Return in how many rounds an engine counts in all cases."""
    return len(figures(record, plan, group, engine, plan.sequence_lengths))


def slower(record: Record, plan: Plan, group: int, alive: Collection[str]) -> dict[str, Behind]:
    """Return who of those that are alive is out, and how far behind it is where it is least so: slower than
    the leader of each objective by more than LEAST_NOISE_FLOOR, and by more than a tail makes good where that
    is what counts.
    """
    floor = race.TAIL_FLOOR if plan.tails else LEAST_NOISE_FLOOR
    behind: dict[str, Behind] = {}
    out = set(alive)
    for lengths in objectives(plan.sequence_lengths, plan.shares):
        shown = by_round(record, plan, group, alive, lengths)
        dropped = race.dropped(shown, shown, floor, len(plan.racing)) if shown else {}
        out &= dropped.keys()
        for engine in out:
            behind[engine] = min(behind.get(engine, dropped[engine]), dropped[engine], key=ratio_of)
    return {engine: behind[engine] for engine in sorted(out)}


def by_round(
    record: Record, plan: Plan, group: int, engines: Collection[str], lengths: Objective
) -> dict[str, ByRound]:
    """Return the figures of those engines that have any, for one objective."""
    shown = {engine: figures(record, plan, group, engine, lengths) for engine in engines}
    return {engine: values for engine, values in shown.items() if values}


def ratio_of(behind: Behind) -> float:
    return behind.ratio


@dataclass(frozen=True)
class Standing:
    """How an engine stood at the end of a race, or when it was dropped: after how many rounds, and by
    objective how many times slower than the leader of the same rounds it was (None: too few of them count).
    """

    engine: str
    rounds: int
    alive: bool
    ratios: dict[Objective, float | None]

    @property
    def nearest(self) -> float:
        """Return its least ratio of any objective; infinite where none is known."""
        return min((ratio for ratio in self.ratios.values() if ratio), default=math.inf)


def standings(record: Record, plan: Plan) -> list[Standing]:
    """Return how every engine of a race stood that has slices, nearest to the leaders first."""
    groups = {cell.group for cell in record.slices}
    found = [standing for group in sorted(groups) for standing in of_group(record, plan, group)]
    return sorted(found, key=lambda standing: (standing.nearest, standing.engine))


def of_group(record: Record, plan: Plan, group: int) -> list[Standing]:
    """Return the standings of those racing that were in memory together."""
    last: dict[str, int] = {}
    for cell, slices in record.slices.items():
        if cell.group == group and cell.engine in plan.racing and cell.engine not in record.failed:
            last[cell.engine] = max(last.get(cell.engine, 0), slices[-1].round)
    end = max(last.values(), default=0)
    here = {engine for engine in last if last[engine] >= end - 1}  # the budget may end within a round
    alive = here - slower(record, plan, group, here).keys()
    ratios: dict[str, dict[Objective, float | None]] = {engine: {} for engine in last}
    for lengths in objectives(plan.sequence_lengths, plan.shares):
        shown = by_round(record, plan, group, last, lengths)
        seen = [engine for engine in alive if engine in shown]
        leaders = shown[race.leader(shown, seen)] if seen else {}
        for engine in last:
            pair = paired_ratio(shown.get(engine, {}), leaders)
            ratios[engine][lengths] = pair.ratio if pair else None
    return [Standing(engine, last[engine], engine in alive, ratios[engine]) for engine in last]
