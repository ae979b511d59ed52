"""What tests of jobs share: a home of its own, its store and supervisor, and waiting for what a job does."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from src.bench.plan import Plan
from src.host import identity
from src.jobs import queue, supervisor
from src.jobs.job import Job
from src.jobs.supervisor import Supervisor
from src.store import runs
from src.store.database import Store, open_store
from tests.conftest import gone_within
from tests.measured import plan


def a_plan(*engines: str, **changes: object) -> Plan:
    return plan(*engines or ("fake-negative",), **{"precision": 0.9, **changes})


LONG = {"precision": 0.0001, "budget_s": 60.0}


@pytest.fixture
def home(tmp_path: Path, shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own with the artifacts of the session, so that nothing is built again."""
    made = tmp_path / "home"
    made.mkdir()
    shared = shared_home / "artifacts"
    shared.mkdir(exist_ok=True)
    (made / "artifacts").symlink_to(shared)
    monkeypatch.setenv("AWIY_HOME", str(made))
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-m", "tests.fast"))
    return made


@pytest.fixture
def store(home: Path) -> Store:
    return open_store()


@pytest.fixture
def supervised(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(supervisor, "LOOK_S", 0.1)
    made = Supervisor()
    made.start()
    yield made
    made.stop()
    end_jobs(store)


def end_jobs(store: Store) -> None:
    for job in queue.active(store):
        if job.process and identity.alive(job.process):
            os.kill(identity.pid(job.process), signal.SIGKILL)
            gone_within([identity.pid(job.process)], 5)


def ask(store: Store, asked: Plan | None = None, click: str = "", owner: str | None = None) -> Job:
    click = click or os.urandom(8).hex()
    return queue.ask(store, asked or a_plan(), "embedded", 5.0, click, f"token of {click}", owner)


def until(what: Callable[[], object], seconds: float = 60.0) -> object:
    """Wait for something to be true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)
    return found


def ended(store: Store, job: Job, seconds: float = 60.0) -> Job:
    def look() -> Job | None:
        found = queue.get(store, job.id)
        return None if found is None or found.open else found

    return until(look, seconds)  # type: ignore[return-value]


def measuring(store: Store, job: Job, rounds: int = 2) -> Job:
    """Wait until a job has so many rounds in the store."""

    def look() -> Job | None:
        found = queue.get(store, job.id)
        assert found
        assert found.open, found.reason
        return found if found.run_id and runs.record(store, found.run_id).rounds >= rounds else None

    return until(look)  # type: ignore[return-value]


def most_at_once(store: Store) -> int:
    """Watch until no job is left; return how many were active at a time at the most."""
    most = 0
    while queue.waiting(store):
        most = max(most, len(queue.active(store)))
        time.sleep(0.02)
    return most


def slices(store: Store, run_id: str) -> int:
    return sum(map(len, runs.record(store, run_id).slices.values()))
