"""A time line: engines of one runtime's releases, each row's latency ÷ that in its newest release."""

from __future__ import annotations

from dataclasses import dataclass

from src import releases
from src.bench.events import TWIN
from src.bench.plan import Case, Plan, from_json
from src.bench.record import Cell, Record
from src.engines import registry
from src.figures.judging import judge
from src.figures.processes import Processes, round_medians_ms
from src.figures.results import Floors, floors
from src.figures.run import INVALID, Interval
from src.stats import LEAST_NOISE_FLOOR, Ratio, median, median_interval, paired_ratio

# Logits of one file differ by less where only the order of additions has changed: FP32's by some 1e-6.
ROUNDING = 1e-4


@dataclass(frozen=True)
class Answers:
    """How a release answers against the newest of its row: the greatest difference of a logit, and the share
    of texts with the same label.
    """

    delta: float
    agreement: float

    def differ_from(self, other: Answers) -> bool:
        """Tell whether two releases must have answered differently, beyond rounding. They may also have where
        this is False: that their distances from the newest are alike does not prove that they are.
        """
        return abs(self.delta - other.delta) > ROUNDING or self.agreement != other.agreement


@dataclass(frozen=True)
class Point:
    """One release of a line. `rounds` are its figures by round in ms, `anchor` those of the newest release in
    the same memory group. `verdict` is that of the cell; an invalid one has a reason and is no evidence.
    `released_on` is the day (ISO) on which its wheel was made, None where that was not recorded.
    """

    version: str
    group: int
    rounds: dict[int, float]
    anchor: dict[int, float]
    verdict: str
    reasons: tuple[str, ...] = ()
    answers: Answers | None = None
    released_on: str | None = None

    @property
    def median_ms(self) -> float | None:
        return median(list(self.rounds.values())) if self.rounds else None

    @property
    def ci95_ms(self) -> Interval | None:
        return median_interval(list(self.rounds.values()))

    @property
    def ratio(self) -> Ratio | None:
        """Return its latency ÷ that of the newest release, in the same rounds."""
        return paired_ratio(self.rounds, self.anchor)

    @property
    def counts(self) -> bool:
        return self.verdict != INVALID and bool(self.rounds)


@dataclass(frozen=True)
class Line:
    """One row in one case through the releases, oldest first. `floor` is the least difference seen there."""

    row: str
    title: str
    case: Case
    newest: str
    floor: float
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Absent:
    """A release that one row does not run on, and why."""

    row: str
    version: str
    reason: str


@dataclass(frozen=True)
class Timeline:
    """What a run of releases says. `runtime` is a key of releases.RUNTIMES, but for runs from elsewhere."""

    runtime: str
    lines: tuple[Line, ...]
    absent: tuple[Absent, ...]

    @property
    def name(self) -> str:
        """Return the runtime's name for people."""
        return releases.RUNTIMES.get(self.runtime, self.runtime)

    @property
    def versions(self) -> tuple[str, ...]:
        """Return all releases that were asked for, oldest first."""
        there = {point.version for line in self.lines for point in line.points}
        there |= {absent.version for absent in self.absent}
        return tuple(sorted(there, key=releases.order))


def plan_of(record: Record) -> Plan:
    assert record.begun, "a record begins with its head"
    return from_json(record.begun.plan)


def timeline(record: Record) -> Timeline:
    """Return the time line of a run whose plan has anchors."""
    asked, known = plan_of(record), floors(Processes(record))
    lines: dict[tuple[str, Case], list[Point]] = {}
    for cell in record.slices:
        anchor = asked.anchor_of(cell.engine)
        row, _, version = cell.engine.partition(releases.SEPARATOR)
        stays_again = cell.group and cell.engine in asked.staying  # it is told of once
        if anchor and releases.VERSION.fullmatch(version) and not stays_again:
            lines.setdefault((row, cell.case), []).append(point_of(record, cell, anchor, version))
    absent = [
        Absent(row, version, failed.reason)
        for failed in record.failures
        for row, at, version in [failed.engine.partition(releases.SEPARATOR)]
        if at and not failed.engine.endswith(TWIN)  # without the A/A pair's second process releases stay
    ]
    return Timeline(
        runtime_of(asked.baseline),
        tuple(
            Line(row, title_of(row), case, newest(asked, row), floor_of(known, case), oldest_first(of))
            for (row, case), of in sorted(lines.items(), key=lambda line: (line[0][1], line[0][0]))
        ),
        tuple(absent),
    )


def title_of(row: str) -> str:
    """Return a row's title; its id where it came with a run from elsewhere."""
    try:
        return registry.get(row).title
    except registry.UnknownEngine:
        return row


def runtime_of(engine: str) -> str:
    try:
        return registry.get(engine).runtime
    except registry.UnknownEngine:
        return releases.without_version(engine)


def newest(asked: Plan, row: str) -> str:
    return str(asked.anchor_of(row)).partition(releases.SEPARATOR)[2]


def floor_of(known: Floors, case: Case) -> float:
    """Return the largest noise floor of a case's memory groups."""
    return max((floor for (_, of), (_, floor, _) in known.items() if of == case), default=LEAST_NOISE_FLOOR)


def oldest_first(points: list[Point]) -> tuple[Point, ...]:
    return tuple(sorted(points, key=lambda point: releases.order(point.version)))


def point_of(record: Record, cell: Cell, anchor: str, version: str) -> Point:
    verdict, reasons = judge(record, cell)
    told = record.warmed[cell].anchor_answers
    return Point(
        version,
        cell.group,
        round_medians_ms(record, cell),
        round_medians_ms(record, cell._replace(engine=anchor)),
        verdict,
        tuple(reasons),
        Answers(told["max_abs_delta_logit"], told["agreement"]) if told else None,
        record.loaded[cell.group, cell.engine, cell.case.threads].facts.get("released_on"),
    )
