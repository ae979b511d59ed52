"""The queue of jobs in the store: asked, claimed, begun, ended. Each step is one transaction.

A job's state: queued → starting (a supervisor has claimed it) → running (its process has begun) → an end:
succeeded, failed, cancelled, interrupted (its process was asked to stop, not by who asked for the job) or
lost (its process is dead and told nothing). Ends are final. Nothing here depends on the wall clock: jobs come
in the order of their numbers, and processes are known by their identity.
"""

import secrets
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from src.bench import plan
from src.bench.plan import Plan
from src.errors import Explained
from src.home import utc_now
from src.host import identity
from src.jobs.cancelling import cancel_note, end_if_stopped, forget_note
from src.jobs.job import ACTIVE, ENDS, OPEN, QUEUED, RUNNING, STARTING, Job, readable
from src.jobs.tokens import hashed, may_cancel
from src.limits import limits
from src.store import costs, schema
from src.store.database import Store

TABLE = schema.jobs.c
UNREADABLE = "Its plan cannot be read: it is damaged, or of another version of this program. Ask again."


class Refused(Explained, ValueError):
    """A job that is not taken. The message says why and what to do."""


class NotYours(Explained, ValueError):
    """Somebody else asked for this job."""


@dataclass(frozen=True)
class Place:
    """How many jobs come before one, and in about how many seconds it begins."""

    before: int
    wait_s: float


def read(connection: Connection, *conditions: Any) -> list[Job]:
    """Return the jobs that can be read, in their order."""
    numbers = connection.execute(select(TABLE.number).where(*conditions).order_by(TABLE.number)).scalars()
    return [job for number in list(numbers) if (job := readable(connection, number))]


# --- for who asks


def ask(
    store: Store,
    request: Plan,
    model: str,
    estimate_s: float,
    click: str,
    token: str,
    owner: str | None = None,
) -> Job:
    """Queue a plan; return its job, and the first one's again where a click comes twice.

    Raises Refused when a cap is reached, BadPlan or UnknownEngine for what cannot be carried out, StoreError.
    """
    check_size(request)
    accepted, _ = plan.accept(request)
    costs.accept(store, accepted)
    caps = limits()
    row = {
        "id": secrets.token_hex(8),
        "click": click,
        "token_sha256": hashed(token),
        "owner": owner,
        "model": model,
        "plan": asdict(request),
        "estimate_s": min(estimate_s, accepted.budget_s),
        "state": QUEUED,
        "created_at": utc_now(),
    }
    try:
        with store.write() as connection:
            if before := read(connection, TABLE.click == click):
                return before[0]
            waiting = connection.execute(
                select(func.count()).select_from(schema.jobs).where(TABLE.state == QUEUED)
            ).scalar_one()
            if waiting >= caps.waiting:
                raise Refused(
                    f"{waiting} runs are waiting, and no more are taken. Try again in some minutes."
                )
            theirs = connection.execute(
                select(func.count())
                .select_from(schema.jobs)
                .where(TABLE.state.in_(OPEN), TABLE.owner == owner)
            ).scalar_one()
            if owner is not None and theirs >= caps.each:
                raise Refused(
                    "You have a run that waits or is measured. Wait for it, or cancel it, before you ask for "
                    "another."
                )
            connection.execute(insert(schema.jobs), row)
            return read(connection, TABLE.click == click)[0]
    except IntegrityError:  # not with SQLite, whose writers take turns
        with store.read() as connection:
            return read(connection, TABLE.click == click)[0]


def check_size(request: Plan) -> None:
    """Raise Refused for a plan that is larger than may be asked for here."""
    caps = limits()
    cells = len(request.engines) * len(request.cases)
    if cells > caps.cells:
        raise Refused(
            f"This plan has {cells} cells (engines × cases); at most {caps.cells} are taken here. "
            "Choose fewer engines, lengths, batches or scopes."
        )
    if request.budget_s > caps.budget_s:
        raise Refused(
            f"A budget of {request.budget_s:.0f} s was asked for; at most {caps.budget_s:.0f} s are taken "
            "here."
        )


def get(store: Store, id: str) -> Job | None:
    """Return one job, or None."""
    with store.read() as connection:
        return next(iter(read(connection, TABLE.id == id)), None)


def waiting(store: Store) -> list[Job]:
    """Return the jobs that have not ended, in their order."""
    with store.read() as connection:
        return read(connection, TABLE.state.in_(OPEN))


def place(store: Store, job: Job) -> Place:
    """Return a queued job's place."""
    ahead = [open_job for open_job in waiting(store) if open_job.number < job.number]
    return Place(len(ahead), sum(left_s(open_job) for open_job in ahead))


def left_s(job: Job) -> float:
    """Return in about how many seconds a job that has not ended will have."""
    if not job.progress:
        return job.estimate_s
    return job.progress.left_s


def is_theirs(store: Store, id: str, token: str | None, user: str | None) -> bool:
    """Tell whether somebody may cancel a job. `user` is who is signed in, None for nobody."""
    with store.read() as connection:
        row = connection.execute(select(TABLE.token_sha256, TABLE.owner).where(TABLE.id == id)).first()
    return bool(row and may_cancel(row.token_sha256, row.owner, token, user))


def cancel(store: Store, id: str, token: str | None, user: str | None = None) -> None:
    """Ask for a job's end: at once if it waits, after the slice if it runs. Again changes nothing.

    One whose process was stopped cannot hear, and may have been stopped while it held the database: that
    process is ended first. Raises NotYours for anybody but who asked for it.
    """
    if not is_theirs(store, id, token, user):
        raise NotYours(
            "Only who asked for a run may cancel it: the link that Run gave, or your sign-in, shows that."
        )
    with store.read() as connection:
        process = connection.execute(select(TABLE.process).where(TABLE.id == id)).scalar()
    if process:
        end_if_stopped(store, id, process)
    with store.write() as connection:
        connection.execute(
            update(schema.jobs)
            .where(TABLE.id == id, TABLE.state == QUEUED)
            .values(state="cancelled", ended_at=utc_now(), cancel_asked=True, reason="It had not begun.")
        )
        connection.execute(
            update(schema.jobs).where(TABLE.id == id, TABLE.state.in_(ACTIVE)).values(cancel_asked=True)
        )


# --- for a supervisor


def claim(store: Store, me: str) -> Job | None:
    """Claim the first waiting job for the supervisor `me`, if none is active.

    A store is one host's: SQLite's log needs its memory. So are all jobs in it.
    """
    with store.write() as connection:
        if connection.execute(select(TABLE.number).where(TABLE.state.in_(ACTIVE))).first():
            return None
        first = read(connection, TABLE.state == QUEUED)[:1]
        if not first:
            return None
        connection.execute(
            update(schema.jobs)
            .where(TABLE.number == first[0].number)
            .values(state=STARTING, claimed_by=me, process=None)
        )
        return first[0]


def active(store: Store) -> list[Job]:
    """Return the jobs that are starting or running."""
    with store.read() as connection:
        return read(connection, TABLE.state.in_(ACTIVE))


def end_unreadable(store: Store) -> None:
    """End the jobs whose plan this version cannot read, unless one of them is being measured."""
    columns = (TABLE.number, TABLE.state, TABLE.process, TABLE.claimed_by)
    with store.read() as connection:
        rows = connection.execute(select(*columns).where(TABLE.state.in_(OPEN))).all()
        damaged = [row for row in rows if not readable(connection, row.number)]
    for row in damaged:
        worker = row.process or (row.claimed_by or "").partition("#")[0]
        if worker and identity.alive(worker):
            continue
        with store.write() as connection:
            connection.execute(
                update(schema.jobs)
                .where(TABLE.number == row.number, TABLE.state == row.state)
                .values(state="failed", ended_at=utc_now(), live=None, reason=UNREADABLE)
            )


def requeue(store: Store, job: Job) -> None:
    """Put a job back whose process has not begun: its supervisor died, or could not start it."""
    with store.write() as connection:
        connection.execute(
            update(schema.jobs)
            .where(
                TABLE.number == job.number,
                TABLE.state == STARTING,
                TABLE.process.is_(None),
                TABLE.claimed_by == job.claimed_by,
            )
            .values(state=QUEUED, claimed_by=None)
        )


# --- for the job itself


def begin(store: Store, id: str, claimed_by: str) -> Job | None:
    """Begin a job in this process; None where it was cancelled, claimed anew, or has begun already."""
    with store.write() as connection:
        changed = connection.execute(
            update(schema.jobs)
            .where(
                TABLE.id == id,
                TABLE.state == STARTING,
                TABLE.claimed_by == claimed_by,
                TABLE.process.is_(None),
            )
            .values(state=RUNNING, process=identity.own(), started_at=utc_now())
        )
        return read(connection, TABLE.id == id)[0] if changed.rowcount else None


def tell(store: Store, id: str, **values: Any) -> None:
    """Write how far a running job is: `progress`, `live` or `run_id`."""
    with store.write() as connection:
        connection.execute(update(schema.jobs).where(TABLE.id == id, TABLE.state == RUNNING).values(**values))


def cancel_asked(store: Store, id: str) -> bool:
    """Tell whether a job's end was asked for."""
    with store.read() as connection:
        return bool(connection.execute(select(TABLE.cancel_asked).where(TABLE.id == id)).scalar())


def end(store: Store, id: str, state: str, reason: str = "") -> bool:
    """End a job; tell whether it had not ended before. An end is never replaced by another.

    A job whose cancelling was asked for and that did not come to its own end is cancelled.
    """
    assert state in ENDS
    with store.write() as connection:
        jobs = read(connection, TABLE.id == id, TABLE.state.in_(OPEN))
        if not jobs:
            return False
        begun = jobs[0].process is not None
        cancelled = jobs[0].cancel_asked or cancel_note(id).exists()
        if cancelled and (state in ("interrupted", "lost") or not begun):
            kept = "What was measured until then is kept." if begun else "It had not begun."
            state, reason = "cancelled", kept
        connection.execute(
            update(schema.jobs)
            .where(TABLE.id == id)
            .values(state=state, reason=reason[:2000] or None, ended_at=utc_now(), live=None)
        )
    forget_note(id)
    return True
