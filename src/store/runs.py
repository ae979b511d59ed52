"""Runs kept in the store: written event by event, read again, listed, renamed, deleted."""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, true, update

from src.bench import identity, results
from src.bench.events import Begun, Ended, Event, Failed, LeadIn, Loaded, Slice, Warmed, from_json, to_json
from src.bench.plan import Case
from src.bench.record import Record
from src.errors import Explained
from src.store import schema
from src.store.database import Store, open_store
from src.store.samples import read_slices, slice_row

log = logging.getLogger(__name__)
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4,8}")
LONGEST_TITLE = 200
TABLES: dict[type, Any] = {Loaded: schema.loaded, Warmed: schema.warmed, LeadIn: schema.lead_ins}


class NoRun(Explained, ValueError):
    """There is no such run in the store. The message says what to give instead."""


class RunBusy(Explained, ValueError):
    """The run is still being written, so that cannot be done to it now."""


# --- writing


class StoreSink:
    """A sink: each event is in the database, and on the disk, before the call returns.

    `opened` is called within the transaction that makes the run, with its id. Raises StoreError.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or open_store()
        self.run_id = ""

    def __call__(self, event: Event) -> None:
        with self.store.write() as connection:
            if isinstance(event, Begun):
                self.run_id = event.id
                write_head(connection, event, "measured", identity.own())
            else:
                write(connection, self.run_id, [event])


def write_head(connection: Connection, begun: Begun, source: str, writer: str | None) -> None:
    """Make a run's row and its host's."""
    host = described(begun.host)
    if not connection.execute(select(schema.hosts.c.id).filter_by(id=host["id"])).first():
        connection.execute(insert(schema.hosts), host)
    connection.execute(
        insert(schema.runs),
        {
            "id": begun.id,
            "source": source,
            "started_at": begun.started_at,
            "host_id": host["id"],
            "model": str(begun.model.get("name", ""))[:200],
            "preset": str(begun.plan.get("preset", ""))[:20],
            "head": to_json(begun),
            "writer": writer,
        },
    )


def described(facts: dict[str, Any]) -> dict[str, Any]:
    """Return a host's row from the facts in a run's head."""
    row = {
        "name": str(facts.get("name", "not named"))[:200],
        "cpu": str(facts.get("cpu", "not known"))[:200],
        "cpus": int(facts.get("allowed_cpus") or 0),
        "memory_gb": float(facts.get("memory_gb") or 0.0),
    }
    return {"id": hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest(), **row}


def write(connection: Connection, run_id: str, events: Sequence[Event]) -> None:
    """Write events of a run that has its head, in their order."""
    for event in events:
        match event:
            case Loaded() | Warmed() | LeadIn():
                row: dict[str, Any] = {"run_id": run_id, "engine": event.engine, "event": to_json(event)}
                if isinstance(event, Loaded):
                    row |= {"artifact": event.artifact, "artifact_mb": event.artifact_mb}
                connection.execute(insert(TABLES[type(event)]), row)
            case Failed():
                connection.execute(insert(schema.failures), {"run_id": run_id, **asdict(event)})
            case Ended():
                chosen = schema.runs.c.id == run_id
                connection.execute(update(schema.runs).where(chosen).values(ended=to_json(event)))
    rows = [slice_row(run_id, event) for event in events if isinstance(event, Slice)]
    if rows:
        connection.execute(insert(schema.slices), rows)


def settle(store: Store, run_id: str) -> None:
    """Compute a run's results from its events and keep them; also of a run whose writer was killed.

    Doing it again changes nothing. Raises NoRun.
    """
    settle_record(store, record(store, run_id))


def settle_record(store: Store, found: Record) -> None:
    assert found.begun
    with store.write() as connection:
        write_results(connection, found.begun.id, results.summarise(found), found.samples)


def write_results(connection: Connection, run_id: str, run: dict[str, Any], samples: int) -> None:
    """Keep a run's JSON: a row per result, and the rest with the run."""
    connection.execute(delete(schema.results).where(schema.results.c.run_id == run_id))
    rows = [result_row(run_id, one) for one in run["results"]]
    if rows:
        connection.execute(insert(schema.results), rows)
    connection.execute(
        update(schema.runs)
        .where(schema.runs.c.id == run_id)
        .values(
            stopped=run["run"]["stopped"],
            writer=None,
            rounds=run["run"]["rounds"],
            slices=run["noise"]["slices"],
            samples=samples,
            noisy=run["noise"]["noisy"],
            summary={name: value for name, value in run.items() if name not in ("results", "events")},
        )
    )


def result_row(run_id: str, row: dict[str, Any]) -> dict[str, Any]:
    low, high = row["median_ci95_ms"] or (None, None)
    same = ("engine", "batch_size", "sequence_length", "threads", "scope", "median_ms", "verdict")
    return {
        "run_id": run_id,
        **{name: row[name] for name in same},
        "title": row["facts"]["title"],
        "low_ms": low,
        "high_ms": high,
        "row": row,
    }


def settle_orphans(store: Store) -> list[str]:
    """Settle the runs whose writer is gone before it came to their end; return their ids. One that cannot be
    computed is left, and logged.
    """
    with store.read() as connection:
        chosen = select(schema.runs.c.id, schema.runs.c.writer).where(schema.runs.c.stopped.is_(None))
        orphans = [
            row.id for row in connection.execute(chosen) if not (row.writer and identity.alive(row.writer))
        ]
    return [run_id for run_id in orphans if settled(store, run_id)]


def settled(store: Store, run_id: str) -> bool:
    """Settle a run; tell whether that could be done."""
    try:
        settle(store, run_id)
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError):
        log.exception("run %s cannot be computed", run_id)
        return False
    return True


# --- reading


@dataclass(frozen=True)
class Listed:
    """What a list shows of a run. `stopped` and `noisy` are None while it is being written."""

    id: str
    title: str | None
    source: str
    started_at: str
    host: str
    cpu: str
    cpus: int
    model: str
    preset: str
    stopped: str | None
    rounds: int
    slices: int
    samples: int
    noisy: bool | None
    versions: dict[str, str]
    commit: str | None


def listed(store: Store, *ids: str) -> list[Listed]:
    """Return every kept run, or those of the given ids, newest first."""
    runs, hosts = schema.runs.c, schema.hosts.c
    own = (runs.id, runs.title, runs.source, runs.started_at, runs.model, runs.preset, runs.stopped)
    asked = (
        select(
            *own,
            *(runs.rounds, runs.slices, runs.samples, runs.noisy),
            hosts.name.label("host"),
            hosts.cpu,
            hosts.cpus,
            runs.head["host"]["libraries"].as_json().label("versions"),
            runs.head["host"]["git_commit"].as_string().label("commit"),
        )
        .join_from(schema.runs, schema.hosts)
        .where(runs.id.in_(ids) if ids else true())
        .order_by(runs.started_at.desc(), runs.id.desc())
    )
    with store.read() as connection:
        return [
            Listed(**{**row, "versions": row["versions"] or {}})
            for row in connection.execute(asked).mappings()
        ]


def preferred(runs: Sequence[Listed]) -> Listed:
    """Return which of these runs, newest first, a page shows unless asked for another: one that was measured
    here, of the write-up's plan. What came from a file speaks for its own host only.
    """
    here = [run for run in runs if run.source == "measured"]
    writeup = [run for run in here if run.preset == "writeup"]
    return (writeup or here or list(runs))[0]


def missing(store: Store, run_id: str) -> NoRun:
    ids = [one.id for one in listed(store)[:5]]
    return NoRun(
        f"There is no run “{run_id}”. Give a file that bench wrote, or one of these ids: "
        f"{', '.join(ids) or 'none is kept yet'}."
    )


def has_samples(run: dict[str, Any]) -> bool:
    """Tell whether a run's JSON came from raw samples; a table of figures from elsewhere has none."""
    return bool(run["run"]["stopped"] != "table")


def record(store: Store, run_id: str) -> Record:
    """Return a run's record, raw samples included. Raises NoRun."""
    made = Record()
    with store.read() as connection:
        run = connection.execute(
            select(schema.runs.c.head, schema.runs.c.ended).where(schema.runs.c.id == run_id)
        ).first()
        if not run:
            raise missing(store, run_id)
        made.add(from_json(run.head))
        for table in TABLES.values():
            asked = select(table.c.event).where(table.c.run_id == run_id).order_by(table.c.id)
            for (found,) in connection.execute(asked):
                made.add(from_json(found))
        for slice in read_slices(connection, run_id):
            made.add(slice)
        failed = schema.failures.c
        asked = select(failed.engine, failed.reason).where(failed.run_id == run_id).order_by(failed.id)
        for row in connection.execute(asked):
            made.add(Failed(row.engine, row.reason))
        if run.ended:
            made.add(from_json(run.ended))
    return made


def run_json(store: Store, run_id: str) -> dict[str, Any]:
    """Return the JSON of a run (docs/results.md) without its events. Raises NoRun."""
    with store.read() as connection:
        chosen = schema.runs.c.id == run_id
        found = connection.execute(select(schema.runs.c.summary).where(chosen)).first()
        if not found:
            raise missing(store, run_id)
        if found.summary:
            rows = schema.results.c
            asked = select(rows.row).where(rows.run_id == run_id).order_by(rows.id)
            return {**found.summary, "results": [row for (row,) in connection.execute(asked)]}
    return results.summarise(record(store, run_id))  # being written, or just left by a killed writer


def latest_loaded(store: Store) -> dict[str, dict[str, Any]]:
    """Return what each engine told of itself when it was last loaded here for a run: its event, with
    `run_id`.
    """
    table = schema.loaded.c
    here = select(schema.runs.c.id).where(schema.runs.c.source == "measured")
    latest = select(func.max(table.id)).where(table.run_id.in_(here)).group_by(table.engine)
    asked = select(table.engine, table.run_id, table.event).where(table.id.in_(latest))
    with store.read() as connection:
        return {row.engine: {**row.event, "run_id": row.run_id} for row in connection.execute(asked)}


def typical_ms(store: Store) -> dict[tuple[str, int, int, int, str], float]:
    """Return the latest median by (engine, batch size, sequence length, threads, scope), for estimates."""
    table, runs = schema.results, schema.runs.c
    asked = (
        select(*(table.c[name] for name in ("engine", *Case.__dataclass_fields__, "median_ms")))
        .join_from(table, schema.runs)
        .where(table.c.median_ms.is_not(None), runs.source == "measured")
        .order_by(runs.started_at.desc())
        .limit(2000)
    )
    found: dict[tuple[str, int, int, int, str], float] = {}
    with store.read() as connection:
        for *key, median_ms in connection.execute(asked):
            found.setdefault(tuple(key), median_ms)
    return found


# --- keeping house


def rename(store: Store, run_id: str, title: str) -> None:
    """Give a run a title; an empty one takes it away. Raises NoRun."""
    kept = " ".join(title.split())[:LONGEST_TITLE] or None
    with store.write() as connection:
        changed = connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(title=kept))
    if not changed.rowcount:
        raise missing(store, run_id)


def remove(store: Store, run_id: str) -> None:
    """Delete a run and all that belongs to it. Raises NoRun, and RunBusy for one that is being written."""
    with store.write() as connection:
        found = connection.execute(
            select(schema.runs.c.stopped, schema.runs.c.writer).where(schema.runs.c.id == run_id)
        ).first()
        if found and found.stopped is None and found.writer and identity.alive(found.writer):
            raise RunBusy(f"Run {run_id} is being measured. Cancel it first, then delete it.")
        connection.execute(delete(schema.runs).where(schema.runs.c.id == run_id))
    if not found:
        raise missing(store, run_id)
