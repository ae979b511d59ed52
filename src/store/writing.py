"""Runs written into the store: event by event while they are measured, and their figures when they end."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace

from sqlalchemy import Connection, delete, insert, select, update

from src.bench.events import Begun, Ended, Event, Failed, LeadIn, Loaded, Slice, Warmed, to_json
from src.bench.record import Record
from src.facts import Facts
from src.figures import results
from src.figures.run import Result, Run
from src.figures.run import to_json as to_json_of_run
from src.host import identity
from src.store import schema
from src.store.database import Store, open_store
from src.store.runs import TABLES, record
from src.store.samples import slice_row

log = logging.getLogger(__name__)


class StoreSink:
    """A sink: each event is in the database, and on the disk, before the call returns.

    `run_id` is known from the first on. Raises StoreError.
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


def described(facts: Facts) -> Facts:
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
                row: Facts = {"run_id": run_id, "engine": event.engine, "event": to_json(event)}
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


def settle_record(store: Store, run_record: Record) -> None:
    assert run_record.begun
    with store.write() as connection:
        write_results(connection, results.summarise(run_record), run_record.samples)


def write_results(connection: Connection, run: Run, samples: int) -> None:
    """Keep a run's figures: a row per result, and the rest with the run."""
    id = run.head.id
    connection.execute(delete(schema.results).where(schema.results.c.run_id == id))
    rows = [result_row(id, result) for result in run.results]
    if rows:
        connection.execute(insert(schema.results), rows)
    summary = to_json_of_run(replace(run, results=()))
    del summary["results"]
    connection.execute(
        update(schema.runs)
        .where(schema.runs.c.id == id)
        .values(
            stopped=run.head.stopped,
            writer=None,
            rounds=run.head.rounds,
            slices=run.noise.slices,
            samples=samples,
            noisy=run.noise.noisy,
            summary=summary,
        )
    )


def result_row(run_id: str, result: Result) -> Facts:
    low, high = result.median_ci95_ms or (None, None)
    return {
        "run_id": run_id,
        "engine": result.engine,
        **asdict(result.case),
        "median_ms": result.median_ms,
        "verdict": result.verdict,
        "title": result.title,
        "low_ms": low,
        "high_ms": high,
        "row": asdict(result),
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
