"""Finding the releases that made each step without installing all: halve what lies between two that differ.

The ends are compared first. Where they differ by more than the noise floor, the release in the middle is
measured beside both, which so have to differ again in fresh processes, and so on in each half. Steps which
cancel between the ends (slower, then as much faster) cannot be seen so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from src.figures.steps import CHANGES, Step, between, candidates, steps
from src.figures.timeline import Timeline
from src.stats import verdict

Measure = Callable[[Sequence[str]], Timeline]  # releases, oldest first, in fresh processes


@dataclass(frozen=True)
class Spread:
    """Two releases that differ, while neither half between them does by more than can be seen."""

    step: Step
    middle: str


@dataclass(frozen=True)
class Found:
    """What a bisection found: the steps between neighbouring releases, oldest first; differences that no
    single release made; the releases that were measured, and those of them without a figure that counts,
    which were passed over. Only where `ends_count` does it say something that no step was found.
    """

    steps: tuple[Step, ...]
    spreads: tuple[Spread, ...]
    measured: tuple[str, ...]
    passed_over: tuple[str, ...] = ()
    ends_count: bool = True


def most_releases(count: int, steps: int) -> int:
    """Return how many of `count` releases a bisection measures at most that finds so many steps."""
    return min(count, 2 + steps * max(0, count - 2).bit_length())


def bisect(versions: Sequence[str], measure: Measure) -> Found:
    """Find the steps among releases, oldest first. A release that `measure` has no figure of is passed over.

    Raises ValueError for fewer than two releases.
    """
    if len(versions) < 2:
        raise ValueError("fewer than two releases cannot be bisected")
    left = list(versions)
    measured: set[str] = set()
    found: list[Step] = []
    spreads: list[Spread] = []

    def seen(asked: Sequence[str]) -> Timeline:
        measured.update(asked)
        timeline = measure(asked)
        for version in asked:
            if not any(
                point.version == version and point.counts for line in timeline.lines for point in line.points
            ):
                left.remove(version)
        return timeline

    def divide(step: Step) -> None:
        """Find what lies between the two releases of a step."""
        inside = left[left.index(step.before) + 1 : left.index(step.after)]
        if not inside:
            found.append(step)
            return
        middle = inside[len(inside) // 2]
        timeline = seen((step.before, middle, step.after))
        if middle not in left:  # it does not run here
            divide(step)
            return
        if not still_there(timeline, step):  # it was those processes, not the releases
            return
        halves = changes(timeline, step)
        if not halves:
            spreads.append(Spread(step, middle))
        for half in halves:
            divide(half)

    ends = (versions[0], versions[-1])
    for step in by_interval(steps(candidates(seen(ends)))):
        if {step.before, step.after} <= set(left):
            divide(step)
    order = {version: place for place, version in enumerate(versions)}
    return Found(
        tuple(sorted(dict.fromkeys(found), key=lambda step: order[step.after])),
        tuple(spreads),
        tuple(sorted(measured, key=lambda version: order[version])),
        tuple(version for version in versions if version in measured and version not in left),
        set(ends) <= set(left),
    )


def by_interval(found: Sequence[Step]) -> list[Step]:
    """Return of steps between the same releases, in several cases or rows, that which lies clearest beyond
    the noise floor: one is followed.
    """
    clearest: dict[tuple[str, str], Step] = {}
    for step in found:
        kept = clearest.setdefault((step.before, step.after), step)
        if clearness(step) > clearness(kept):
            clearest[step.before, step.after] = step
    return list(clearest.values())


def clearness(step: Step) -> float:
    ratio = step.seen.ratio
    return max(ratio, 1 / ratio)


def still_there(timeline: Timeline, step: Step) -> bool:
    """Tell whether fresh processes of the two releases of a step differ again."""
    for line in timeline.lines:
        points = {point.version: point for point in line.points if point.counts}
        if (line.row, line.case) == (step.row, step.case) and {step.before, step.after} <= points.keys():
            ratio = between(points[step.before], points[step.after])
            return ratio is not None and verdict(ratio, line.floor) in CHANGES
    return False


def changes(timeline: Timeline, step: Step) -> list[Step]:
    """Return the changes of a step's row between neighbouring releases of a time line, in any case."""
    return by_interval([half for half in steps(candidates(timeline)) if half.row == step.row])
