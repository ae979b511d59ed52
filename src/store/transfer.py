"""Runs that travel: one JSON file each, raw samples included, and the strict reading of such a file.

A file may come from anybody. Its size, depth, types, numbers and hash are checked, what it says of itself is
not believed: every figure is computed again from its events.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Tag,
    TypeAdapter,
    ValidationError,
)
from sqlalchemy.exc import IntegrityError

from src.bench import plan
from src.bench.events import (
    READABLE,
    TWIN,
    Begun,
    Ended,
    Event,
    Failed,
    LeadIn,
    Loaded,
    Slice,
    Warmed,
    from_json,
)
from src.bench.record import Record
from src.engines.options import LONGEST_ID
from src.errors import Explained
from src.facts import Facts
from src.figures import results
from src.figures.run import to_json
from src.limits import disclosed
from src.store import event_checks, reading, runs, writing
from src.store.database import Store
from src.store.event_checks import LARGEST_NUMBER, check_case, check_lead_in, check_slice, identifying
from src.store.head_checks import HostFacts, ModelFacts, first_fault
from src.store.reading import NoJson

LARGEST_MB = 64  # a run of the preset `full` has some 30
MOST_EVENTS, MOST_CELLS = 200_000, 5_000
ENGINE = re.compile(rf"[a-z0-9][a-z0-9.@~=-]{{0,{LONGEST_ID - 1}}}")
HASH = "events_sha256"
LONGEST_TEXT = 5_000
STOPPED = ("precision", "budget", "interrupted", "failed")
ADVICE = "Give a file that bench or export wrote."


class BadRun(Explained, ValueError):
    """What was given is no run that can be read. The message says why and what to give."""


# --- writing


def digest(events: list[Facts]) -> str:
    """Return the SHA-256 of a run's events: of their JSON with sorted keys and without blanks."""
    return hashlib.sha256(json.dumps(events, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def whole(record: Record) -> Facts:
    """Return a run's JSON with its events and their hash, as `bench --json` and `export` write it."""
    events = disclosed(record.to_json())
    return {**disclosed(to_json(results.summarise(record))), "events": events, HASH: digest(events)}


# --- reading


def kind_of(event: Any) -> str | None:
    return event.get("kind") if isinstance(event, dict) else None


class Piece(BaseModel):
    """One event of a run's file."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
    event: Annotated[
        Annotated[Begun, Tag("begun")]
        | Annotated[Loaded, Tag("loaded")]
        | Annotated[Warmed, Tag("warmed")]
        | Annotated[LeadIn, Tag("leadin")]
        | Annotated[Slice, Tag("slice")]
        | Annotated[Failed, Tag("failed")]
        | Annotated[Ended, Tag("ended")],
        Discriminator(kind_of),
    ]


@lru_cache
def adapter() -> TypeAdapter[Piece]:
    return TypeAdapter(Piece)


def parse(data: bytes, name: str) -> Record:
    """Return the record in a run's file: the JSON of bench or export, or JSON lines of events.

    A last line that was cut off, as its writer was killed, is left out. Of the text one event is in memory at
    a time. Raises BadRun.
    """
    if len(data) > LARGEST_MB * 1_000_000:
        raise BadRun(
            f"{name} has {len(data) / 1e6:.0f} MB; at most {LARGEST_MB} MB are read. "
            "Measure fewer cases in one run."
        )
    incoming = Incoming(name)
    try:
        record = checked(incoming.events(data), name)
    except NoJson as error:
        raise BadRun(f"{name} is no run: {error}. {ADVICE}") from error
    incoming.end()
    return record


class Incoming:
    """One file while it is read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: Facts = {}
        self.digest = hashlib.sha256(b"[")
        self.count = 0

    def events(self, data: bytes) -> Iterator[Event]:
        """Yield the file's events, each by itself what an event must be. Raises BadRun, NoJson."""
        for member, value, text in reading.parts(data):
            if member == "schema_version":
                check_version(value, self.name)
            if member != "events":
                if member in ("schema_version", HASH):
                    self.found[member] = value
            elif text == "[" and value is None:
                self.found[member] = True
            elif self.found.get(member):
                yield self.event(value, text)
        if "schema_version" not in self.found and not reading.is_event(data):
            raise NoJson("it has no schema_version")
        if "events" not in self.found:
            raise BadRun(f"{self.name} has no raw samples (events). {ADVICE}")

    def event(self, value: Any, text: str) -> Event:
        if self.count >= MOST_EVENTS:
            raise BadRun(f"{self.name} has more than the {MOST_EVENTS:,} events that are read.")
        canonical = json.dumps(value, sort_keys=True, separators=(",", ":"))
        self.digest.update(b"," * bool(self.count) + canonical.encode())
        self.count += 1
        try:
            adapter().validate_json(f'{{"event":{text}}}', strict=True)
            return from_json(value)  # from the file's own numbers: 1 stays 1 where a float may be
        except ValidationError as error:
            raise BadRun(f"{self.name} is no run: {first_fault(error)} {ADVICE}") from error

    def end(self) -> None:
        """Check what holds for the whole file. Raises BadRun."""
        self.digest.update(b"]")
        if HASH in self.found and self.found[HASH] != self.digest.hexdigest():
            raise BadRun(
                f"{self.name} was changed or damaged after it was written: its hash does not fit. {ADVICE}"
            )


def check_version(version: Any, name: str) -> None:
    if version not in READABLE:
        raise BadRun(
            f"{name} has schema version {str(version)[:20]}; this program reads up to {READABLE[-1]}. "
            "Update it."
        )


def checked(events: Iterator[Event], name: str) -> Record:
    """Return the record of events that fit together. Raises BadRun, and what the events raise."""

    def refuse(why: str) -> BadRun:
        return BadRun(f"{name} is no run: {why} {ADVICE}")

    begun = next(events, None)
    if not isinstance(begun, Begun):
        raise refuse("its head is missing.")
    check_version(begun.schema_version, name)
    if not runs.RUN_ID.fullmatch(begun.id):
        raise refuse(f"“{begun.id[:60]}” is no id of a run.")
    event_checks.check_time(begun.started_at, refuse)
    for what, model, facts in (("host", HostFacts, begun.host), ("model", ModelFacts, begun.model)):
        try:
            model.model_validate_json(json.dumps(facts))
        except ValidationError as error:
            raise refuse(f"its {what}: {first_fault(error)}") from error
    try:
        run_plan = plan.from_json(begun.plan)
    except (plan.BadPlan, TypeError, ValueError) as error:
        raise refuse(f"its plan cannot be read ({error}).") from error
    if len(run_plan.baseline) > 80 or not ENGINE.fullmatch(run_plan.baseline):
        raise refuse("its baseline is no engine's id.")
    record = Record()
    record.add(begun)
    seen: set[tuple[Any, ...]] = set()
    for event in events:
        if isinstance(event, Begun) or (isinstance(event, Ended) and record.ended):
            raise refuse(f"it has more than one event “{type(event).__name__.lower()}”.")
        if not isinstance(event, Ended):
            if not ENGINE.fullmatch(event.engine.removesuffix(TWIN)):
                raise refuse(f"“{event.engine[:60]}” is no engine's id.")
            if isinstance(event, Slice):
                check_slice(event, record, refuse)
            if isinstance(event, LeadIn):
                check_lead_in(event, record, refuse)
            if isinstance(event, Slice | Warmed | LeadIn):
                check_case(event.case, refuse)
            if isinstance(event, Loaded) and not 1 <= event.from_round <= LARGEST_NUMBER:
                raise refuse("a process has a first round that cannot be.")
            if not isinstance(event, Failed) and not 0 <= event.group <= LARGEST_NUMBER:
                raise refuse(f"there is no group {str(event.group)[:20]}.")
            if event_checks.longest_text(event) > LONGEST_TEXT:
                raise refuse("it has a text that is far too long.")
            key = identifying(event)
            if key in seen:
                raise refuse(f"it has the same {type(event).__name__.lower()} of {event.engine} twice.")
            seen.add(key)
        record.add(event)
    if record.ended and record.ended.stopped not in STOPPED:
        raise refuse(f"“{record.ended.stopped[:40]}” is no end of a run.")
    if len(record.warmed) > MOST_CELLS:
        raise refuse(f"it has {len(record.warmed):,} cells; at most {MOST_CELLS:,} are read.")
    for cell in record.warmed:
        if (cell.group, cell.engine, cell.case.threads) not in record.loaded:
            raise refuse(f"{cell.engine} was never loaded.")
    return record


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
            writing.write_head(connection, begun, "imported", None)
            writing.write(connection, begun.id, record.events()[1:])
            writing.write_results(connection, summary, record.samples)
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
