"""What happens in a run, in its order: its events.

Each event is a frozen dataclass and, as JSON, an object whose `kind` is the class's name in lower case. A
sink gets each event as soon as it has happened: every finished slice before the next one begins.
"""

import sys
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from src.bench.plan import Case
from src.facts import Facts
from src.host.evidence import Evidence

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
    host: Facts
    model: Facts
    plan: Facts
    protocol: Facts
    inputs: dict[str, str]


@dataclass(frozen=True)
class Loaded:
    """An engine is loaded in a process of its own, which has its rounds from `from_round` on. `group`:
    engines that were in memory together.
    """

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
    facts: Facts
    from_round: int = 1


@dataclass(frozen=True)
class Warmed:
    """A cell has been warmed up. `calls` until it was `steady` (or until the cap) took `calls_ns` together,
    `call_ns` is the median of the last ones.

    `answers` compares the logits of all texts with the accuracy baseline's: {texts, agreement,
    max_abs_delta_logit}, None without one; `anchor_answers` with those of the plan's anchor of the same row.
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
    anchor_answers: dict[str, float] | None = None


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


@dataclass(frozen=True, slots=True)
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
    ns: Sequence[int]  # kept as an array: a run has hundreds of thousands
    lead_in_ns: int
    evidence: Evidence
    disturbed: tuple[str, ...]
    lead_in: int | None = None
    first_ns: int | None = None
    pace_s: float | None = None

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "ns", array("q", self.ns))
        except (TypeError, OverflowError) as error:
            raise ValueError(f"These are no nanoseconds ({error}).") from error


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
    kind.__name__.lower(): kind for kind in (Begun, Loaded, Warmed, LeadIn, Slice, Failed, Ended)
}


def to_json(event: Event) -> Facts:
    """Return an event as a JSON object."""
    values = {"kind": type(event).__name__.lower(), **asdict(event)}
    return {**values, "ns": list(event.ns)} if isinstance(event, Slice) else values


def known(kind: type[Any], fields: Facts) -> Facts:
    """Return the fields of a dataclass in an object; a later version may write more."""
    return {name: fields[name] for name in kind.__dataclass_fields__ if name in fields}


@lru_cache(maxsize=1024, typed=True)
def same_case(**fields: Any) -> Case:
    """Return a case, the same object for the same fields: thousands of slices have one."""
    return Case(**fields)


def from_json(fields: Facts) -> Event:
    """Return the event that `to_json` wrote. Raises ValueError for what is none."""
    try:
        kind = KINDS[fields["kind"]]
        values = known(kind, fields)
        if "case" in values:
            values["case"] = same_case(**known(Case, values["case"]))
        if "engine" in values:
            values["engine"] = sys.intern(values["engine"])
        if "evidence" in values:
            values["evidence"] = Evidence(**known(Evidence, values["evidence"]))
        for name in ("disturbed", "left_out"):
            if name in values:
                values[name] = tuple(values[name])
        if "visits" in values:
            values["visits"] = tuple(map(tuple, values["visits"]))
        event: Event = kind(**values)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"This is no event of a run ({type(error).__name__}: {error}).") from error
    return event


def engine_id(name: str) -> str:
    """Return the registry's id of a name in a record."""
    return name.removesuffix(TWIN)
