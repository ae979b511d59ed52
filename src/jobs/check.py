"""What the doctor says of the database and the queue."""

from collections.abc import Iterator

from sqlalchemy import func, select

from src.doctor.doctor import Finding
from src.home import HomeError
from src.host import identity
from src.jobs import queue
from src.store import runs, schema, writing
from src.store.database import Store, StoreError, open_store


def estimators(store: Store) -> Finding:
    """Check that the figure of every kept result lies in its own interval."""
    table = schema.results.c
    outside = (table.median_ms < table.low_ms) | (table.median_ms > table.high_ms)
    with store.read() as connection:
        results = connection.execute(select(func.count()).where(table.low_ms.is_not(None))).scalar_one()
        astray = connection.execute(select(func.count()).where(outside)).scalar_one()
    if astray:
        return Finding(
            "Kept results",
            "failed",
            f"{astray} of {results} medians lie outside their own intervals.",
            "They were computed by an earlier version: run “python -m src runs”, which computes them anew.",
        )
    return Finding("Kept results", "ok", f"All {results} medians lie within their own intervals.")


def check_store() -> Iterator[Finding]:
    """Check that the database can be read and written, and that active jobs have a process."""
    try:
        store = open_store()
        with store.read() as connection:
            state = connection.exec_driver_sql("PRAGMA quick_check").scalar()
        with store.write():
            pass  # it can be had: a run that is being measured waits for no more than this
        kept, waiting = runs.listed(store), queue.waiting(store)
    except HomeError:
        return  # told by the check of the home folder
    except StoreError as error:
        yield Finding("Database", "failed", str(error), "See the message.")
        return
    if state != "ok":
        yield Finding("Database", "failed", f"{store.path} is damaged: {state}", "Put a backup in its place.")
    else:
        size = store.path.stat().st_size / 1e6
        yield Finding("Database", "ok", f"{store.path}, {len(kept)} runs, {size:.1f} MB")
    writing.settle_orphans(store)  # what an earlier version computed is computed anew
    yield estimators(store)
    dead = [job for job in waiting if job.process and not identity.alive(job.process)]
    if dead:
        yield Finding(
            "Queue",
            "warning",
            f"{len(dead)} runs are marked as running and their process is gone.",
            "Open any page of the app: it marks them, and the queue goes on.",
        )
    else:
        yield Finding("Queue", "ok", f"{len(waiting)} runs wait or are measured")
