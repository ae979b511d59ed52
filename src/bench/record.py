"""The record of a run: its events, found by what they are about. Every figure of a result can be computed
from it again.
"""

from bisect import insort
from dataclasses import dataclass, field
from typing import NamedTuple

from src.bench.events import Begun, Ended, Event, Failed, LeadIn, Loaded, Slice, Warmed, to_json
from src.bench.plan import Case
from src.facts import Facts
from src.host import evidence
from src.host.evidence import Evidence
from src.host.probe import Speed
from src.stats import median


class Cell(NamedTuple):
    """Engine × case, within the group of engines that were in memory together."""

    group: int
    engine: str
    case: Case


@dataclass
class Probes:
    """What the probes found at slices of one kind, sorted. The best of `of` (20: the best twentieth) tells
    how the CPUs are when nothing slows them.
    """

    of: int
    aparts: list[float] = field(default_factory=list)
    loops: list[float] = field(default_factory=list)

    def take(self, seen: Evidence) -> None:
        for kept, value in ((self.aparts, seen.apart_ns), (self.loops, seen.loop_us)):
            if value is not None:
                insort(kept, value)

    @property
    def best(self) -> Speed | None:
        """Return what they are held against, by the slices so far. A run that begins while the CPUs are slow
        learns better, and its judgement changes.
        """
        if not self.loops:
            return None
        apart = self.aparts[len(self.aparts) // self.of] if self.aparts else None
        return Speed(apart, self.loops[len(self.loops) // self.of])


@dataclass
class Record:
    """All events of one run so far, found by what they are about. `loaded` is an engine's first process in a
    group, `renewed` are those that followed.
    """

    begun: Begun | None = None
    loaded: dict[tuple[int, str, int], Loaded] = field(default_factory=dict)
    renewed: list[Loaded] = field(default_factory=list)
    warmed: dict[Cell, Warmed] = field(default_factory=dict)
    lead_ins: dict[Cell, list[LeadIn]] = field(default_factory=dict)
    slices: dict[Cell, list[Slice]] = field(default_factory=dict)
    paced: dict[Cell, list[Slice]] = field(default_factory=dict)
    failures: list[Failed] = field(default_factory=list)
    ended: Ended | None = None
    probes: Probes = field(default_factory=lambda: Probes(of=20))
    # A CPU that rests before each call may be clocked down for it: that is what pacing does, and no noise.
    # There are few such slices, and at some the clock may not have fallen yet: those are no yardstick.
    paced_probes: Probes = field(default_factory=lambda: Probes(of=4))

    def add(self, event: Event) -> None:
        """Take one event."""
        match event:
            case Begun():
                self.begun = event
            case Loaded() if event.from_round > 1:
                self.renewed.append(event)
            case Loaded():
                self.loaded[event.group, event.engine, event.threads] = event
            case Warmed():
                self.warmed[Cell(event.group, event.engine, event.case)] = event
            case LeadIn():
                self.lead_ins.setdefault(Cell(event.group, event.engine, event.case), []).append(event)
            case Slice():
                kept_in = self.slices if event.pace_s is None else self.paced
                kept_in.setdefault(Cell(event.group, event.engine, event.case), []).append(event)
                self.probes_of(event).take(event.evidence)
            case Failed():
                self.failures.append(event)
            case Ended():
                self.ended = event

    @property
    def reference(self) -> Speed | None:
        """Return how the CPUs are back to back when nothing slows them."""
        return self.probes.best

    def probes_of(self, slice: Slice) -> Probes:
        """Return what the probes found at slices like this one: back to back, or paced."""
        return self.probes if slice.pace_s is None else self.paced_probes

    def reference_of(self, slice: Slice) -> Speed | None:
        """Return what a slice is held against."""
        return self.probes_of(slice).best

    @property
    def paced_speed(self) -> float | None:
        """Return the CPUs' speed after a pause as a share of that back to back; None where not known."""
        loops = self.paced_probes.loops
        return self.reference.loop_us / median(loops) if self.reference and loops else None

    def disturbed(self, slice: Slice) -> tuple[str, ...]:
        """Return the kinds of disturbance of a slice, by all that is known now. None: it counts."""
        seen = slice.evidence
        if seen.loop_us is None:
            return slice.disturbed
        apart_ns = seen.apart_ns if slice.case.threads > 1 else None
        return slice.disturbed + evidence.slowdowns(Speed(apart_ns, seen.loop_us), self.reference_of(slice))

    def counted(self, cell: Cell) -> list[Slice]:
        """Return the slices of a cell that had the lead-in it turned out to need, disturbed ones among
        them.
        """
        since = max((lead_in.from_round for lead_in in self.lead_ins.get(cell, [])), default=0)
        return [slice for slice in self.slices.get(cell, []) if slice.round >= since]

    def block_starts(self, cell: Cell) -> list[int]:
        """Return the rounds with which an engine's processes began, after the first's."""
        key = cell.group, cell.engine, cell.case.threads
        return sorted(new.from_round for new in self.renewed if (new.group, new.engine, new.threads) == key)

    def undisturbed(self, cell: Cell, paced: bool = False) -> list[Slice]:
        """Return the slices of a cell that make its figures, the last of each round; or of its paced twin."""
        slices = self.paced.get(cell, []) if paced else self.counted(cell)
        return list({slice.round: slice for slice in slices if not self.disturbed(slice)}.values())

    def events(self) -> list[Event]:
        """Return the record's events in an order from which `add` makes the same record."""
        slices = [slice for kind in (self.slices, self.paced) for some in kind.values() for slice in some]
        lead_ins = [lead_in for some in self.lead_ins.values() for lead_in in some]
        events: list[Event | None] = [self.begun, *self.loaded.values(), *self.renewed, *self.warmed.values()]
        events += lead_ins
        events += [*sorted(slices, key=lambda slice: slice.at_s), *self.failures, self.ended]
        return [event for event in events if event]

    def to_json(self) -> list[Facts]:
        """Return the record's events as JSON objects."""
        return [to_json(event) for event in self.events()]

    @property
    def failed(self) -> set[str]:
        """Return the engines that failed: they have no results."""
        return {failure.engine for failure in self.failures}

    @property
    def samples(self) -> int:
        """Return how many timed calls there are, those of disturbed slices among them."""
        return sum(len(slice.ns) for slices in self.slices.values() for slice in slices)

    @property
    def rounds(self) -> int:
        """Return the number of the last round with a slice."""
        return max((slice.round for slices in self.slices.values() for slice in slices[-1:]), default=0)


def round_medians(slices: list[Slice]) -> dict[int, float]:
    """Return the median of each round's slice in nanoseconds."""
    return {slice.round: median(slice.ns) for slice in slices}
