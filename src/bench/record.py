"""The record of a run: what happened, in order. Every figure of a result can be computed from it again.

Each event is a frozen dataclass and, as JSON, an object whose `kind` is the class's name in lower case. A
sink gets each event as soon as it has happened: every finished slice before the next one begins.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from src.bench import evidence
from src.bench.evidence import Evidence
from src.bench.plan import Case
from src.bench.probe import Speed
from src.bench.stats import median

SCHEMA_VERSION = 2
READABLE = (1, 2)  # of the first, figures are computed anew from the events
TWIN = "#2"  # behind the baseline's id: the same engine in a second process, the A/A pair


@dataclass(frozen=True)
class Begun:
    """The run's head: who, where, what. `inputs` holds the SHA-256 of the texts by sequence length."""

    schema_version: int
    id: str
    started_at: str
    command: str
    host: dict[str, Any]
    model: dict[str, Any]
    plan: dict[str, Any]
    protocol: dict[str, Any]
    inputs: dict[str, str]


@dataclass(frozen=True)
class Loaded:
    """An engine is loaded in a process of its own. `group`: engines that were in memory together."""

    group: int
    engine: str
    threads: int
    title: str
    precision: str
    device: str
    environment: str
    load_s: float
    rss_mb: float | None
    pss_mb: float
    artifact_mb: float | None
    artifact: str | None
    facts: dict[str, Any]


@dataclass(frozen=True)
class Warmed:
    """A cell has been warmed up. `calls` until it was `steady` (or until the cap) took `calls_ns` together,
    `call_ns` is the median of the last ones.

    `answers` compares the logits of all texts with the accuracy baseline's: {texts, agreement,
    max_abs_delta_logit}, None without one.
    """

    group: int
    engine: str
    case: Case
    first_call_ms: float | None
    calls: int
    steady: bool
    calls_ns: int
    call_ns: float
    peak_rss_mb: float | None
    answers: dict[str, float] | None


@dataclass(frozen=True)
class LeadIn:
    """From a round on, the slices of a cell begin with `calls` untimed calls, and earlier ones do not count.

    `visits` are the nanoseconds of successive calls, each visit after others ran, from which the ramp was
    measured (see ramp.measure_ramp); none where the slices themselves showed that the lead-in was too short.
    """

    group: int
    engine: str
    case: Case
    from_round: int
    calls: int
    visits: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Slice:
    """One slice: its round, its attempt in that round (from 1), its timed calls in nanoseconds and in their
    order, what the host did meanwhile, and the kinds of disturbance found in that. See `Record.disturbed`
    for those of the probes.

    `lead_in` is how many untimed calls came before; `first_ns` what the first of them took, where another
    worker ran before it. Both are None in runs of schema version 1. `pace_s` is set for a paced cell: one
    that pauses before each call, in a run that does not.
    """

    group: int
    round: int
    attempt: int
    engine: str
    case: Case
    at_s: float
    ns: tuple[int, ...]
    lead_in_ns: int
    evidence: Evidence
    disturbed: tuple[str, ...]
    lead_in: int | None = None
    first_ns: int | None = None
    pace_s: float | None = None


@dataclass(frozen=True)
class Failed:
    """An engine failed, or cannot run here; the others went on."""

    engine: str
    reason: str


@dataclass(frozen=True)
class Ended:
    """The run's end. `stopped`: precision (all intervals narrow, all samples there), budget, interrupted, or
    failed (nothing left to measure).

    `seconds` is the whole, `measuring_s` what came after loading, `calls_s` the part of that inside timed,
    lead-in and warm-up calls; `waited_s` was spent waiting for a quiet host, `yielded_s` for a sentence.
    `own_cpu_s` is the CPU time of the measurer itself while slices ran, which took `slices_s`. `left_out` has
    a sentence for each cell that was not begun, as the budget could not pay for it.
    """

    stopped: str
    seconds: float
    measuring_s: float
    calls_s: float
    slices_s: float
    own_cpu_s: float
    waited_s: float
    yielded_s: float
    left_out: tuple[str, ...] = ()


Event = Begun | Loaded | Warmed | LeadIn | Slice | Failed | Ended
Sink = Callable[[Event], None]
KINDS: dict[str, type[Any]] = {
    one.__name__.lower(): one for one in (Begun, Loaded, Warmed, LeadIn, Slice, Failed, Ended)
}


def to_json(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object."""
    return {"kind": type(event).__name__.lower(), **asdict(event)}


def known(kind: type[Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a dataclass in an object; a later version may write more."""
    return {name: found[name] for name in kind.__dataclass_fields__ if name in found}


def from_json(found: dict[str, Any]) -> Event:
    """Return the event that `to_json` wrote. Raises ValueError for what is none."""
    try:
        kind = KINDS[found["kind"]]
        values = known(kind, found)
        for name, part in (("case", Case), ("evidence", Evidence)):
            if name in values:
                values[name] = part(**known(part, values[name]))
        for name in ("ns", "disturbed", "left_out"):
            if name in values:
                values[name] = tuple(values[name])
        if "visits" in values:
            values["visits"] = tuple(map(tuple, values["visits"]))
        event: Event = kind(**values)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"This is no event of a run ({type(error).__name__}: {error}).") from error
    return event


class Cell(NamedTuple):
    """Engine × case, within the group of engines that were in memory together."""

    group: int
    engine: str
    case: Case


@dataclass
class Record:
    """All events of one run so far, found by what they are about."""

    begun: Begun | None = None
    loaded: dict[tuple[int, str, int], Loaded] = field(default_factory=dict)
    warmed: dict[Cell, Warmed] = field(default_factory=dict)
    lead_ins: dict[Cell, list[LeadIn]] = field(default_factory=dict)
    slices: dict[Cell, list[Slice]] = field(default_factory=dict)
    paced: dict[Cell, list[Slice]] = field(default_factory=dict)
    failures: list[Failed] = field(default_factory=list)
    ended: Ended | None = None
    aparts: list[float] = field(default_factory=list)  # what the probes found, sorted
    loops: list[float] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Take one event."""
        match event:
            case Begun():
                self.begun = event
            case Loaded():
                self.loaded[event.group, event.engine, event.threads] = event
            case Warmed():
                self.warmed[Cell(event.group, event.engine, event.case)] = event
            case LeadIn():
                self.lead_ins.setdefault(Cell(event.group, event.engine, event.case), []).append(event)
            case Slice():
                kept_in = self.slices if event.pace_s is None else self.paced
                kept_in.setdefault(Cell(event.group, event.engine, event.case), []).append(event)
                for kept, value in (
                    (self.aparts, event.evidence.apart_ns),
                    (self.loops, event.evidence.loop_us),
                ):
                    if value is not None:
                        insort(kept, value)
            case Failed():
                self.failures.append(event)
            case Ended():
                self.ended = event

    @property
    def reference(self) -> Speed | None:
        """Return how the CPUs are when nothing slows them: what the probes found in the best twentieth of the
        slices so far. A run that begins while they are slow learns better, and its judgement changes.
        """
        if not self.loops:
            return None
        apart = self.aparts[len(self.aparts) // 20] if self.aparts else None
        return Speed(apart, self.loops[len(self.loops) // 20])

    def disturbed(self, slice: Slice) -> tuple[str, ...]:
        """Return the kinds of disturbance of a slice, by all that is known now. None: it counts."""
        seen = slice.evidence
        if seen.loop_us is None:
            return slice.disturbed
        apart_ns = seen.apart_ns if slice.case.threads > 1 else None
        return slice.disturbed + evidence.slowdowns(Speed(apart_ns, seen.loop_us), self.reference)

    def counted(self, cell: Cell) -> list[Slice]:
        """Return the slices of a cell that had the lead-in it turned out to need, disturbed ones among
        them.
        """
        since = max((lead_in.from_round for lead_in in self.lead_ins.get(cell, [])), default=0)
        return [slice for slice in self.slices.get(cell, []) if slice.round >= since]

    def undisturbed(self, cell: Cell, paced: bool = False) -> list[Slice]:
        """Return the slices of a cell that make its figures, the last of each round; or of its paced twin."""
        slices = self.paced.get(cell, []) if paced else self.counted(cell)
        return list({slice.round: slice for slice in slices if not self.disturbed(slice)}.values())

    def events(self) -> list[Event]:
        """Return the record's events in an order from which `add` makes the same record."""
        slices = [slice for kind in (self.slices, self.paced) for some in kind.values() for slice in some]
        lead_ins = [lead_in for some in self.lead_ins.values() for lead_in in some]
        events: list[Event | None] = [self.begun, *self.loaded.values(), *self.warmed.values(), *lead_ins]
        events += [*sorted(slices, key=lambda slice: slice.at_s), *self.failures, self.ended]
        return [event for event in events if event]

    def to_json(self) -> list[dict[str, Any]]:
        """Return the record's events as JSON objects."""
        return [to_json(event) for event in self.events()]

    @property
    def failed(self) -> set[str]:
        """Return the engines that failed: they have no results."""
        return {failure.engine for failure in self.failures}

    @property
    def samples(self) -> int:
        """Return how many timed calls there are, those of disturbed slices among them."""
        return sum(len(one.ns) for slices in self.slices.values() for one in slices)

    @property
    def rounds(self) -> int:
        """Return the number of the last round with a slice."""
        return max((one.round for slices in self.slices.values() for one in slices[-1:]), default=0)


def round_medians(slices: list[Slice]) -> dict[int, float]:
    """Return the median of each round's slice in nanoseconds."""
    return {slice.round: median(slice.ns) for slice in slices}


def engine_id(name: str) -> str:
    """Return the registry's id of a name in a record."""
    return name.removesuffix(TWIN)
