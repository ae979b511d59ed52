"""Runs that travel: one JSON file each, raw samples included, and the strict reading of such a file.

A file may come from anybody. Its size, depth, types, numbers and hash are checked, what it says of itself is
not believed: every figure is computed again from its events.
"""

import hashlib
import json
import math
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    TypeAdapter,
    ValidationError,
)
from sqlalchemy.exc import IntegrityError

from src.bench import plan, results
from src.bench.record import (
    READABLE,
    SCHEMA_VERSION,
    TWIN,
    Begun,
    Ended,
    Event,
    Failed,
    LeadIn,
    Loaded,
    Record,
    Slice,
    Warmed,
    from_json,
)
from src.store import runs
from src.store.database import Store
from src.store.event_checks import LARGEST_NUMBER, check_case, check_lead_in, check_slice, identifying

LARGEST_MB = 64  # a run of the preset `full` has some 30
DEEPEST = 12  # levels of nesting; ours have 6
MOST_EVENTS, MOST_CELLS = 200_000, 5_000
STARTED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
ENGINE = re.compile(r"[a-z0-9][a-z0-9.-]{0,70}")
HASH = "events_sha256"
LONGEST_TEXT = 5_000
STOPPED = ("precision", "budget", "interrupted", "failed")
ADVICE = "Give a file that bench or export wrote."


class BadRun(ValueError):
    """What was given is no run that can be read. The message says why and what to give."""


# --- writing


def digest(events: list[dict[str, Any]]) -> str:
    """Return the SHA-256 of a run's events: of their JSON with sorted keys and without blanks."""
    return hashlib.sha256(json.dumps(events, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def whole(record: Record) -> dict[str, Any]:
    """Return a run's JSON with its events and their hash, as `bench --json` and `export` write it."""
    found = results.summarise(record, raw=True)
    return {**found, HASH: digest(found["events"])}


# --- reading


Text = Annotated[str, StringConstraints(max_length=500)]


class Facts(BaseModel):
    """What is read of a head's objects; they may hold more."""

    model_config = ConfigDict(strict=True, extra="allow")


class HostFacts(Facts):
    cpu: Text
    system: Text
    allowed_cpus: Annotated[int, Field(ge=1, le=100_000)]
    name: Text = ""
    physical_cores: Annotated[int, Field(ge=1, le=100_000)] | None = None
    memory_gb: Annotated[float, Field(ge=0, le=1e6)] | None = None
    isa: Annotated[list[Text], Field(max_length=100)] = []
    caches: Annotated[list[Text], Field(max_length=100)] = []
    libraries: Annotated[dict[Text, Text], Field(max_length=100)] = {}
    git_commit: Text | None = None
    governor: Text | None = None
    turbo: Text | None = None
    virtualisation: Text | None = None
    clock: Text | None = None


class EngineAccuracy(Facts):
    accuracy: float
    gate: bool | None = None


class Accuracy(Facts):
    dataset: Text
    measured: Text
    engines: dict[Text, EngineAccuracy]


class ModelFacts(Facts):
    name: Text
    architecture: Text | None = None
    accuracy: Accuracy | None = None


def kind_of(event: Any) -> str | None:
    return event.get("kind") if isinstance(event, dict) else None


class File(BaseModel):
    """The part of a run's file that is read: its events."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
    schema_version: int
    events: list[
        Annotated[
            Annotated[Begun, Tag("begun")]
            | Annotated[Loaded, Tag("loaded")]
            | Annotated[Warmed, Tag("warmed")]
            | Annotated[LeadIn, Tag("leadin")]
            | Annotated[Slice, Tag("slice")]
            | Annotated[Failed, Tag("failed")]
            | Annotated[Ended, Tag("ended")],
            Discriminator(kind_of),
        ]
    ]


@lru_cache
def adapter() -> TypeAdapter[File]:
    return TypeAdapter(File)


def parse(data: bytes, name: str) -> Record:
    """Return the record in a run's file: the JSON of bench or export, or JSON lines of events.

    A last line that was cut off, as its writer was killed, is left out. Raises BadRun.
    """
    if len(data) > LARGEST_MB * 1_000_000:
        raise BadRun(
            f"{name} has {len(data) / 1e6:.0f} MB; at most {LARGEST_MB} MB are read. "
            "Measure fewer cases in one run."
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRun(f"{name} is no run: it is not text in UTF-8. {ADVICE}") from error
    found = load(text, name)
    check_depth(found, name)
    version = found["schema_version"]
    check_version(version, name)
    if not isinstance(found.get("events"), list):
        raise BadRun(f"{name} has no raw samples (events). {ADVICE}")
    if len(found["events"]) > MOST_EVENTS:
        raise BadRun(f"{name} has {len(found['events']):,} events; at most {MOST_EVENTS:,} are read.")
    if HASH in found and found[HASH] != digest(found["events"]):
        raise BadRun(f"{name} was changed or damaged after it was written: its hash does not fit. {ADVICE}")
    kept = {"schema_version": version, "events": found["events"]}
    try:
        adapter().validate_json(json.dumps(kept), strict=True)
    except ValidationError as error:
        raise BadRun(f"{name} is no run: {first_fault(error)} {ADVICE}") from error
    # From the file's own numbers, so that it goes out as it came in: 1 stays 1 where a float may be.
    return checked([from_json(one) for one in found["events"]], name)


def load(text: str, name: str) -> dict[str, Any]:
    """Return the JSON object in a text, JSON lines as one with `events`. Raises BadRun."""
    try:
        found = strict(text)
    except ValueError as whole_error:
        *lines, rest = text.split("\n")
        try:
            events = [strict(line) for line in lines if line.strip()]
        except ValueError:
            raise BadRun(f"{name} is no run: {whole_error}. {ADVICE}") from whole_error
        if not events:
            raise BadRun(f"{name} is no run: {whole_error}. {ADVICE}") from whole_error
        with suppress(ValueError):  # cut off, as its writer was killed
            events.append(strict(rest))
        return {"schema_version": SCHEMA_VERSION, "events": events}
    if isinstance(found, dict) and found.get("kind") == "begun":
        return {"schema_version": SCHEMA_VERSION, "events": [found]}
    if not isinstance(found, dict) or "schema_version" not in found:
        raise BadRun(f"{name} is no run: it has no schema_version. {ADVICE}")
    return found


def strict(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError, also for NaN, a name given twice, and nesting that
    is too deep to read.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}, which is no number of JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("an object in it has a name twice")
        return found

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def check_version(version: Any, name: str) -> None:
    if version not in READABLE:
        raise BadRun(
            f"{name} has schema version {str(version)[:20]}; this program reads up to {READABLE[-1]}. "
            "Update it."
        )


def check_depth(value: Any, name: str) -> None:
    """Raise BadRun for a value nested deeper than DEEPEST or with a number no float can hold."""
    level = [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
            elif isinstance(one, float) and not math.isfinite(one):
                raise BadRun(f"{name} is no run: it holds a number that is too large. {ADVICE}")
        level = below
        if not level:
            return
    raise BadRun(f"{name} is no run: it is nested deeper than {DEEPEST} levels. {ADVICE}")


def first_fault(error: ValidationError) -> str:
    """Return where the first fault is, what it is, and how many there are."""
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {fault['msg'].lower()}{more}."


def checked(events: list[Event], name: str) -> Record:
    """Return the record of events that fit together. Raises BadRun."""

    def refuse(why: str) -> BadRun:
        return BadRun(f"{name} is no run: {why} {ADVICE}")

    if not events or not isinstance(events[0], Begun):
        raise refuse("its head is missing.")
    begun = events[0]
    check_version(begun.schema_version, name)
    if not runs.RUN_ID.fullmatch(begun.id):
        raise refuse(f"“{begun.id[:60]}” is no id of a run.")
    if not STARTED.fullmatch(begun.started_at):
        raise refuse(f"“{begun.started_at[:40]}” is no time.")
    for what, model, facts in (("host", HostFacts, begun.host), ("model", ModelFacts, begun.model)):
        try:
            model.model_validate_json(json.dumps(facts))
        except ValidationError as error:
            raise refuse(f"its {what}: {first_fault(error)}") from error
    try:
        asked = plan.from_json(begun.plan)
    except (plan.BadPlan, TypeError, ValueError) as error:
        raise refuse(f"its plan cannot be read ({error}).") from error
    if len(asked.baseline) > 80 or not ENGINE.fullmatch(asked.baseline):
        raise refuse("its baseline is no engine's id.")
    made = Record()
    seen: set[tuple[Any, ...]] = set()
    for once in (Begun, Ended):
        if sum(isinstance(event, once) for event in events) > 1:
            raise refuse(f"it has more than one event “{once.__name__.lower()}”.")
    for event in events:
        if not isinstance(event, Begun | Ended):
            if not ENGINE.fullmatch(event.engine.removesuffix(TWIN)):
                raise refuse(f"“{event.engine[:60]}” is no engine's id.")
            if isinstance(event, Slice):
                check_slice(event, made, refuse)
            if isinstance(event, LeadIn):
                check_lead_in(event, made, refuse)
            if isinstance(event, Slice | Warmed | LeadIn):
                check_case(event.case, refuse)
            if not isinstance(event, Failed) and not 0 <= event.group <= LARGEST_NUMBER:
                raise refuse(f"there is no group {str(event.group)[:20]}.")
            texts = [value for value in vars(event).values() if isinstance(value, str)]
            if max(map(len, texts)) > LONGEST_TEXT:
                raise refuse("it has a text that is far too long.")
            key = identifying(event)
            if key in seen:
                raise refuse(f"it has the same {type(event).__name__.lower()} of {event.engine} twice.")
            seen.add(key)
        made.add(event)
    if made.ended and made.ended.stopped not in STOPPED:
        raise refuse(f"“{made.ended.stopped[:40]}” is no end of a run.")
    if len(made.warmed) > MOST_CELLS:
        raise refuse(f"it has {len(made.warmed):,} cells; at most {MOST_CELLS:,} are read.")
    for cell in made.warmed:
        if (cell.group, cell.engine, cell.case.threads) not in made.loaded:
            raise refuse(f"{cell.engine} was never loaded.")
    return made


# --- into the store


def keep(store: Store, record: Record) -> bool:
    """Put a run that was read from a file into the store, marked as imported; tell whether it was new.

    The same run again changes nothing. Raises BadRun where another run has its id, and StoreError.
    """
    begun = record.begun
    assert begun
    try:
        summary = results.summarise(record)
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise BadRun(f"Its figures cannot be computed ({type(error).__name__}: {error}). {ADVICE}") from error
    try:
        with store.write() as connection:
            runs.write_head(connection, begun, "imported", None)
            runs.write(connection, begun.id, record.events()[1:])
            runs.write_results(connection, begun.id, summary, record.samples)
    except IntegrityError as error:
        if digest(runs.record(store, begun.id).to_json()) == digest(record.to_json()):
            return False
        raise BadRun(
            f"The store has another run with the id {begun.id}. Delete that one first, or leave it."
        ) from error
    return True


def read_file(path: Path) -> bytes:
    """Return a file's bytes, no more than are read of a run. Raises BadRun."""
    most = LARGEST_MB * 1_000_000
    try:
        with open(path, "rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise BadRun(f"{path} cannot be read ({error.strerror}). {ADVICE}") from error
    if len(data) > most:
        raise BadRun(f"{path} is larger than the {LARGEST_MB} MB that are read.")
    return data


def read(store: Store, given: str) -> Record:
    """Return the record of a run: a kept run's id, or a file. Raises BadRun, NoRun, StoreError."""
    if runs.RUN_ID.fullmatch(given):
        return runs.record(store, given)
    path = Path(given)
    if not path.is_file():
        raise runs.missing(store, given)
    return parse(read_file(path), path.name)
