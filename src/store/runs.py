"""Runs kept in the store: written event by event, read again, listed, renamed, deleted."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, true, update

from src.bench.events import Failed, LeadIn, Loaded, Warmed, from_json
from src.bench.plan import Case
from src.bench.record import Record
from src.errors import Explained
from src.figures import results
from src.figures.run import Run
from src.figures.run import from_json as run_of_json
from src.host import identity
from src.store import schema
from src.store.database import Store
from src.store.samples import read_slices

log = logging.getLogger(__name__)
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4,8}")
LONGEST_TITLE = 200
TABLES: dict[type, Any] = {Loaded: schema.loaded, Warmed: schema.warmed, LeadIn: schema.lead_ins}


class NoRun(Explained, ValueError):
    """There is no such run in the store. The message says what to give instead."""


class RunBusy(Explained, ValueError):
    """The run is still being written, so that cannot be done to it now."""


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
    query = (
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
            for row in connection.execute(query).mappings()
        ]


def preferred(runs: Sequence[Listed]) -> Listed:
    """Return which of these runs, newest first, a page shows unless asked for another: one that was measured
    here, of the write-up's plan. What came from a file speaks for its own host only.
    """
    here = [run for run in runs if run.source == "measured"]
    writeup = [run for run in here if run.preset == "writeup"]
    return (writeup or here or list(runs))[0]


def missing(store: Store, run_id: str) -> NoRun:
    ids = [run.id for run in listed(store)[:5]]
    return NoRun(
        f"There is no run “{run_id}”. Give a file that bench wrote, or one of these ids: "
        f"{', '.join(ids) or 'none is kept yet'}."
    )


def record(store: Store, run_id: str) -> Record:
    """Return a run's record, raw samples included. Raises NoRun."""
    run_record = Record()
    with store.read() as connection:
        run = connection.execute(
            select(schema.runs.c.head, schema.runs.c.ended).where(schema.runs.c.id == run_id)
        ).first()
        if not run:
            raise missing(store, run_id)
        run_record.add(from_json(run.head))
        for table in TABLES.values():
            query = select(table.c.event).where(table.c.run_id == run_id).order_by(table.c.id)
            for (event,) in connection.execute(query):
                run_record.add(from_json(event))
        for slice in read_slices(connection, run_id):
            run_record.add(slice)
        failed = schema.failures.c
        query = select(failed.engine, failed.reason).where(failed.run_id == run_id).order_by(failed.id)
        for row in connection.execute(query):
            run_record.add(Failed(row.engine, row.reason))
        if run.ended:
            run_record.add(from_json(run.ended))
    return run_record


def run(store: Store, run_id: str) -> Run:
    """Return a run's figures, as far as it has come. Raises NoRun."""
    with store.read() as connection:
        chosen = schema.runs.c.id == run_id
        kept = connection.execute(select(schema.runs.c.summary).where(chosen)).first()
        if not kept:
            raise missing(store, run_id)
        if kept.summary:
            rows = schema.results.c
            query = select(rows.row).where(rows.run_id == run_id).order_by(rows.id)
            return run_of_json({**kept.summary, "results": [row for (row,) in connection.execute(query)]})
    return results.summarise(record(store, run_id))  # being written, or just left by a killed writer


def confirming(store: Store, run_id: str) -> list[str]:
    """Return the ids of the ended runs that repeated steps of a time line."""
    table = schema.runs.c
    confirms = table.head["plan"]["confirms"].as_string() == run_id
    query = select(table.id).where(confirms, table.stopped.is_not(None)).order_by(table.started_at)
    with store.read() as connection:
        return [id for (id,) in connection.execute(query)]


def latest_loaded(store: Store) -> dict[str, tuple[str, Loaded]]:
    """Return what each engine told of itself when it was last loaded here for a run, with the run's id."""
    table = schema.loaded.c
    here = select(schema.runs.c.id).where(schema.runs.c.source == "measured")
    latest = select(func.max(table.id)).where(table.run_id.in_(here)).group_by(table.engine)
    query = select(table.engine, table.run_id, table.event).where(table.id.in_(latest))
    with store.read() as connection:
        rows = [(row.engine, row.run_id, from_json(row.event)) for row in connection.execute(query)]
    return {engine: (run_id, event) for engine, run_id, event in rows if isinstance(event, Loaded)}


def typical_ms(store: Store) -> dict[tuple[str, int, int, int, str], float]:
    """Return the latest median by (engine, batch size, sequence length, threads, scope), for estimates."""
    table, runs = schema.results, schema.runs.c
    query = (
        select(*(table.c[name] for name in ("engine", *Case.__dataclass_fields__, "median_ms")))
        .join_from(table, schema.runs)
        .where(table.c.median_ms.is_not(None), runs.source == "measured")
        .order_by(runs.started_at.desc())
        .limit(2000)
    )
    medians: dict[tuple[str, int, int, int, str], float] = {}
    with store.read() as connection:
        for *key, median_ms in connection.execute(query):
            medians.setdefault(tuple(key), median_ms)
    return medians


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
        kept = connection.execute(
            select(schema.runs.c.stopped, schema.runs.c.writer).where(schema.runs.c.id == run_id)
        ).first()
        if kept and kept.stopped is None and kept.writer and identity.alive(kept.writer):
            raise RunBusy(f"Run {run_id} is being measured. Cancel it first, then delete it.")
        connection.execute(delete(schema.runs).where(schema.runs.c.id == run_id))
    if not kept:
        raise missing(store, run_id)
