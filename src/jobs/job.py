"""A job as the store has it."""

import logging
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from src.bench import plan
from src.bench.plan import Plan
from src.jobs.live import Live, Step, live_of, step_of
from src.store import schema

QUEUED, STARTING, RUNNING = "queued", "starting", "running"
ACTIVE = (STARTING, RUNNING)
OPEN = (QUEUED, *ACTIVE)
ENDS = ("succeeded", "failed", "cancelled", "interrupted", "lost")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A job as it was when it was read."""

    number: int
    id: str
    owner: str | None
    model: str
    plan: Plan
    estimate_s: float
    state: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    claimed_by: str | None
    process: str | None
    run_id: str | None
    progress: Step | None
    live: Live | None
    reason: str | None
    cancel_asked: bool

    @property
    def open(self) -> bool:
        """Tell whether it has not ended."""
        return self.state in OPEN


def job_of(row: Any) -> Job:
    """Return a row's job. Raises ValueError for what this version cannot read."""
    values = {name: row[name] for name in Job.__dataclass_fields__}
    step, live = step_of(row["progress"]), live_of(row["live"])
    return Job(**{**values, "plan": plan.from_json(row["plan"]), "progress": step, "live": live})


def readable(connection: Connection, number: int) -> Job | None:
    """Return a job; None, told to the log, where it cannot be read: it must not stop the others."""
    try:
        row = connection.execute(select(schema.jobs).where(schema.jobs.c.number == number)).mappings().one()
        return job_of(row)
    except ValueError as error:  # BadPlan, or what is no JSON
        log.warning("job number %d cannot be read: %s", number, error)
        return None
