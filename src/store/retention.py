"""Which runs are kept: all, unless somebody asks for the newest alone; of visitors of the demo the newest."""

from sqlalchemy import delete, select

from src.store import runs, schema
from src.store.database import Store


def beyond(store: Store, newest: int, asked_on_page: bool = False) -> list[str]:
    """Return the ids of the runs that have ended and are not among the newest, oldest first; of those that
    were asked for on a page alone, if so.
    """
    table = schema.runs.c
    query = select(table.id).where(table.stopped.is_not(None))
    if asked_on_page:
        query = query.where(
            table.id.in_(select(schema.jobs.c.run_id).where(schema.jobs.c.run_id.is_not(None)))
        )
    query = query.order_by(table.started_at.desc(), table.id.desc())
    with store.read() as connection:
        return list(reversed(connection.execute(query).scalars().all()[newest:]))


def prune(store: Store, newest: int) -> list[str]:
    """Delete what visitors asked for but the newest runs, and the jobs that ended long before; return the
    deleted runs' ids.
    """
    ids = beyond(store, newest, asked_on_page=True)
    for id in ids:
        runs.remove(store, id)
    jobs = schema.jobs.c
    ended = select(jobs.number).where(jobs.ended_at.is_not(None)).order_by(jobs.number.desc())
    with store.write() as connection:
        old = connection.execute(ended.offset(2 * newest)).scalars().all()
        if old:
            connection.execute(delete(schema.jobs).where(jobs.number <= old[0], jobs.ended_at.is_not(None)))
    return ids
