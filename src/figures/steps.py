"""Steps of a time line: from which release to the next a row's latency changed, and whether that repeats.

A step is a change beyond the noise floor between neighbouring releases. As one process of an engine can be
faster than the next by a few percent, it is only *confirmed* where fresh processes of the two releases show
it again, in several runs. A change that the floor of one A/A pair hides, but not the least floor there is, is
a candidate: it is repeated, and told of only where it is confirmed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from src import blocks
from src.bench.plan import Case
from src.blocks import Prior, Spread
from src.figures.run import Interval
from src.figures.timeline import Line, Point, Timeline
from src.stats import LEAST_NOISE_FLOOR, Ratio, median, median_interval, paired_ratio, verdict

CONFIRMATIONS = 3  # runs in fresh processes
CHANGES = ("slower", "faster")
NEIGHBOURS = 3  # releases on each side whose level must differ, too, for a candidate that the floor hides


@dataclass(frozen=True)
class Repeat:
    """What fresh processes of two releases said: latency after ÷ before by round, and their noise floor."""

    rounds: tuple[float, ...]
    floor: float


@dataclass(frozen=True)
class Step:
    """A change from one release to the next of those measured: latency after ÷ before as seen first, and the
    noise floor there. `repeats` are what fresh processes said, once there are some, and `prior` what those of
    all steps tell of how far processes are apart. `answers_changed` is None where that was not compared.
    """

    row: str
    title: str
    case: Case
    before: str
    after: str
    seen: Ratio
    floor: float
    answers_changed: bool | None = None
    repeats: tuple[Repeat, ...] = ()
    prior: Prior = blocks.NOTHING_KNOWN

    @property
    def told(self) -> bool:
        """Tell whether there is something to say: what was seen lies beyond the floor, or it is confirmed."""
        return bool(self.confirmed) or verdict(self.seen, self.floor) in CHANGES

    @property
    def confirmed(self) -> bool | None:
        """Tell whether the repeats' interval lies beyond their floor, on the side that was seen first; None
        before there are enough.
        """
        if len(self.repeats) < CONFIRMATIONS:
            return None
        floor = median([repeat.floor for repeat in self.repeats])
        first, again = (verdict(ratio, floor) for ratio in (self.seen, self.pooled))
        slower = self.seen.ratio > 1
        return again == ("slower" if slower else "faster") and first != ("faster" if slower else "slower")

    @property
    def pooled(self) -> Ratio:
        """Return the ratio of the repeats' rounds together, whose interval is drawn out to every repeat's own
        ratio, as processes differ; what was seen first where there are none.
        """
        if not self.repeats:
            return self.seen
        rounds = [value for repeat in self.repeats for value in repeat.rounds]
        ratios = [median(repeat.rounds) for repeat in self.repeats]
        interval = median_interval(rounds)
        if interval:
            interval = min(interval[0], *ratios), max(interval[1], *ratios)
        return Ratio(median(rounds), interval, len(rounds))

    @property
    def ratio(self) -> float:
        """Return the ratio to tell: that of the repeats, which were not chosen for being large."""
        return self.pooled.ratio

    @property
    def spread(self) -> Spread | None:
        """Return how far the repeats, each of other processes, are apart; None before there are two."""
        return blocks.spread([repeat.rounds for repeat in self.repeats])

    @property
    def ci95(self) -> Interval | None:
        """Return the interval to tell: that of `pooled`, at least as wide as the processes are apart."""
        pooled, spread = self.pooled, self.spread
        if not spread or not pooled.ci95:
            return pooled.ci95
        return blocks.widened(pooled.ratio, pooled.ci95, blocks.half_width(spread, self.prior))


def between(before: Point, after: Point) -> Ratio | None:
    """Return the latency of one release ÷ another's: by round where both were in memory together, else by way
    of the newest release, whose intervals then add up (as independent ones do, in logarithms).
    """
    if before.group == after.group:
        return paired_ratio(after.rounds, before.rounds)
    first, second = before.ratio, after.ratio
    if not first or not second:
        return None
    ratio, rounds = second.ratio / first.ratio, min(first.rounds, second.rounds)
    if not first.ci95 or not second.ci95:
        return Ratio(ratio, None, rounds)
    low, high = (
        math.hypot(*(math.log(part.ci95[side] / part.ratio) for part in (first, second) if part.ci95))
        for side in (0, 1)
    )
    return Ratio(ratio, (ratio * math.exp(-low), ratio * math.exp(high)), rounds)


def candidates_of(line: Line) -> list[Step]:
    """Return the changes between neighbouring releases of a line that lie beyond the noise floor, and those
    beyond the least floor where the releases around them differ as well.
    """
    points = [point for point in line.points if point.counts]
    found = []
    for number, (before, after) in enumerate(pairwise(points), 1):
        ratio = between(before, after)
        if not ratio or verdict(ratio, LEAST_NOISE_FLOOR) not in CHANGES:
            continue
        sides = points[max(0, number - NEIGHBOURS) : number], points[number : number + NEIGHBOURS]
        if verdict(ratio, line.floor) in CHANGES or differ(*map(level, sides)):
            found.append(step_of(line, before, after, ratio))
    return found


def sight(lines: Sequence[Line]) -> float | None:
    """Return the least change from one release to the next that could be seen at half of the places, as a
    share: it must be larger than the interval of their ratio reaches, and the noise floor beyond that. Of
    several lines it is that of the worst; None without any interval.
    """
    seen = []
    for line in lines:
        points = [point for point in line.points if point.counts]
        ratios = [between(before, after) for before, after in pairwise(points)]
        known = [(ratio.ratio, *ratio.ci95) for ratio in ratios if ratio and ratio.ci95]
        if known:
            reach = median([max(ratio / low, high / ratio) for ratio, low, high in known])
            seen.append((1 + line.floor) * reach - 1)
    return max(seen, default=None)


def level(points: Sequence[Point]) -> float:
    """Return the ratio to the newest that is typical of some releases."""
    return median([point.ratio.ratio for point in points if point.ratio])


def differ(before: float, after: float) -> bool:
    return max(before / after, after / before) > 1 + LEAST_NOISE_FLOOR


def step_of(line: Line, before: Point, after: Point, ratio: Ratio) -> Step:
    changed = None
    if before.answers and after.answers:
        changed = after.answers.differ_from(before.answers)
    return Step(line.row, line.title, line.case, before.version, after.version, ratio, line.floor, changed)


def candidates(timeline: Timeline) -> list[Step]:
    """Return what may be a step in any line, oldest first: what is worth to be repeated."""
    order = {version: place for place, version in enumerate(timeline.versions)}
    seen = [step for line in timeline.lines for step in candidates_of(line)]
    return sorted(seen, key=lambda step: (order[step.after], step.row, step.case))


def steps(found: Iterable[Step]) -> list[Step]:
    """Return of candidates, repeated or not, those that are told, with what all of their length tell."""
    seen = list(found)
    priors = {length: prior_at(length, seen) for length in {step.case.sequence_length for step in seen}}
    return [replace(step, prior=priors[step.case.sequence_length]) for step in seen if step.told]


def prior_at(length: int, found: Iterable[Step]) -> Prior:
    """Return what the repeats of steps at a sequence length tell of how far processes are apart there."""
    spreads = [step.spread for step in found if step.case.sequence_length == length]
    known = [spread for spread in spreads if spread]
    return blocks.prior(known, sum(spread.freedom for spread in known))


def changed_answers(line: Line) -> list[tuple[str, str]]:
    """Return the neighbouring releases between which a line's answers changed beyond rounding, whatever
    became of its latency.
    """
    told = [point for point in line.points if point.answers]
    return [
        (before.version, after.version)
        for before, after in pairwise(told)
        if before.answers and after.answers and after.answers.differ_from(before.answers)
    ]


def changed_at(line: Line) -> set[str]:
    """Return the releases of a line that answer otherwise than the one before."""
    return {after for _, after in changed_answers(line)}


def repeated(step: Step, runs: Iterable[Timeline]) -> Step:
    """Return a step with what runs of fresh processes say of it; one without both releases says nothing."""
    repeats = []
    for run in runs:
        for line in run.lines:
            points = {point.version: point for point in line.points if point.counts}
            if (line.row, line.case) == (step.row, step.case) and {step.before, step.after} <= points.keys():
                before, after = points[step.before].rounds, points[step.after].rounds
                rounds = tuple(
                    after[number] / before[number] for number in sorted(before.keys() & after.keys())
                )
                repeats += [Repeat(rounds, line.floor)] if rounds else []
    return replace(step, repeats=(*step.repeats, *repeats))


def pairs_of(found: Sequence[Step]) -> dict[tuple[str, str], list[Step]]:
    """Return steps by the releases they lie between: one run can repeat all of those."""
    pairs: dict[tuple[str, str], list[Step]] = {}
    for step in found:
        pairs.setdefault((step.before, step.after), []).append(step)
    return pairs


def rows_of(found: Sequence[Step]) -> tuple[str, ...]:
    """Return the rows of steps, each once."""
    return tuple(dict.fromkeys(step.row for step in found))
