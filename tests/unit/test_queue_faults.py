"""One bad job, one bad moment: the queue goes on, and who was stopped does not lock out everybody."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update

from src.home import HomeError
from src.host import identity
from src.jobs import queue, supervisor
from src.jobs.cancelling import cancel_note
from src.jobs.job import Job
from src.jobs.supervisor import Supervisor
from src.store import schema
from src.store.database import Store
from tests.conftest import gone_within
from tests.jobs import ask, ended, home, store, supervised, until

__all__ = ["home", "store", "supervised"]  # fixtures
pytestmark = pytest.mark.usefixtures("fakes")

HOLDER = """
import os, signal, sqlite3, sys
sys.stdin.read(1)
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
if sys.argv[2] == "holds":
    connection.execute("BEGIN IMMEDIATE")
os.kill(os.getpid(), signal.SIGSTOP)
"""


def damage(store: Store, job: Job, plan: str) -> None:
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET plan = ? WHERE id = ?", (plan, job.id))


@pytest.mark.parametrize("plan", ['{"of": "another version"}', '{"engines": ["x"', "7"])
def test_a_job_that_cannot_be_read_ends_and_the_others_are_measured(
    store: Store, supervised: Supervisor, monkeypatch: pytest.MonkeyPatch, plan: str
):
    supervised.stop()
    jobs = [ask(store) for _ in range(3)]
    damage(store, jobs[0], plan)
    damage(store, jobs[2], plan)
    again = Supervisor()
    again.start()
    try:
        assert ended(store, jobs[1]).state == "succeeded"
        assert queue.waiting(store) == []
        assert again.problem == ""
    finally:
        again.stop()
    with store.read() as connection:
        states = connection.exec_driver_sql("SELECT state, reason FROM jobs ORDER BY number").all()
    assert [state for state, _ in states] == ["failed", "succeeded", "failed"]
    assert "cannot be read" in states[0].reason


def test_a_home_that_is_full_for_a_moment_loses_no_job(store: Store, monkeypatch: pytest.MonkeyPatch):
    """The database is elsewhere, or has room left: each look would claim and fail one."""
    jobs = [ask(store) for _ in range(3)]
    tried = Supervisor()

    def full(_: str) -> Path:
        raise HomeError("The disk that holds it is full.")

    with monkeypatch.context() as moment:
        moment.setattr(supervisor, "log_path", full)
        for _ in range(5):
            with suppress(HomeError):
                tried.look(store)
    assert [one.state for one in queue.waiting(store)] == ["queued"] * 3
    with monkeypatch.context() as moment:
        moment.setattr(supervisor, "COMMAND", ("/no/such/program",))
        with pytest.raises(HomeError, match=r"cannot be started .* tried again"):
            tried.look(store)
    assert [one.id for one in queue.waiting(store)] == [job.id for job in jobs], "in their order"
    assert [one.state for one in queue.waiting(store)] == ["queued"] * 3


@pytest.fixture
def halted(store: Store, request: pytest.FixtureRequest) -> Iterator[tuple[Job, psutil.Process]]:
    """A job whose process was stopped: while it holds the database, if the parameter says so. A supervisor
    starts after it, or might itself wait for the database to claim the job.
    """
    job = ask(store, click="halted")
    command = [sys.executable, "-c", HOLDER, str(store.path), request.param]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        with store.write() as connection:
            connection.execute(
                update(schema.jobs)
                .where(schema.jobs.c.id == job.id)
                .values(state="running", process=identity.of(process.pid), claimed_by="nobody")
            )
        assert process.stdin
        process.stdin.write(b"1")
        process.stdin.flush()
        found = psutil.Process(process.pid)
        until(lambda: found.status() == psutil.STATUS_STOPPED)
        yield job, found
        process.kill()


@pytest.mark.parametrize("halted", ["holds"], indirect=True)
def test_a_job_that_was_stopped_while_it_holds_the_database_can_be_cancelled(
    store: Store, halted: tuple[Job, psutil.Process], supervised: Supervisor
):
    job, process = halted
    cancelling = threading.Thread(target=queue.cancel, args=(store, job.id, "token of halted"), daemon=True)
    cancelling.start()
    cancelling.join(5)
    try:
        assert not cancelling.is_alive(), "it waits for the database"
    finally:
        process.kill()
    assert ended(store, job, 10).state == "cancelled"


@pytest.mark.parametrize("halted", ["holds"], indirect=True)
def test_a_job_that_a_cancel_ended_is_cancelled_whoever_finds_it_dead_first(
    store: Store, halted: tuple[Job, psutil.Process], monkeypatch: pytest.MonkeyPatch
):
    """A supervisor that looks between the end of its process and the note in the store calls it lost."""
    job, _ = halted
    end_if_stopped = queue.end_if_stopped

    def found_dead_first(store: Store, id: str, process: str) -> None:
        end_if_stopped(store, id, process)
        until(lambda: not identity.alive(process))
        queue.end(store, id, "lost")

    monkeypatch.setattr(queue, "end_if_stopped", found_dead_first)
    queue.cancel(store, job.id, "token of halted")
    found = queue.get(store, job.id)
    assert found
    assert found.state == "cancelled"
    assert not cancel_note(job.id).exists()


@pytest.mark.parametrize("halted", ["holds"], indirect=True)
def test_a_job_that_stops_only_once_its_write_is_done_can_be_cancelled(
    store: Store, halted: tuple[Job, psutil.Process], monkeypatch: pytest.MonkeyPatch
):
    """At the first look it is still in the kernel: a signal stops it only when it comes back from there."""
    looks = iter([False])
    stopped = identity.stopped
    monkeypatch.setattr(identity, "stopped", lambda process: next(looks, None) is None and stopped(process))
    cancelling = threading.Thread(
        target=queue.cancel, args=(store, halted[0].id, "token of halted"), daemon=True
    )
    cancelling.start()
    cancelling.join(10)
    try:
        assert not cancelling.is_alive(), "it waits for the database"
    finally:
        halted[1].kill()
        cancelling.join(10)


@pytest.mark.parametrize("halted", ["holds"], indirect=True)
def test_who_was_stopped_with_the_database_in_its_hand_is_ended(
    store: Store, halted: tuple[Job, psutil.Process], supervised: Supervisor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(supervisor, "HALTED_S", 1.0, raising=False)
    assert gone_within([halted[1].pid], 10), "nobody can write any more"
    assert ended(store, halted[0], 10).state == "lost"


@pytest.mark.parametrize("halted", ["holds nothing"], indirect=True)
def test_a_job_that_was_stopped_is_told_and_left_alone(
    store: Store, halted: tuple[Job, psutil.Process], supervised: Supervisor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(supervisor, "HALTED_S", 0.2, raising=False)
    told = until(lambda: getattr(supervised, "standstill", "no such thing"))
    assert "stopped from outside" in str(told)
    assert f"kill -CONT {halted[1].pid}" in str(told)
    assert not gone_within([halted[1].pid], 1)
    os.kill(halted[1].pid, signal.SIGCONT)  # it ends by itself
    assert ended(store, halted[0], 10).state == "lost"
    until(lambda: not supervised.standstill)


def test_a_job_that_lives_and_tells_nothing_is_told(
    store: Store, supervised: Supervisor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """As one that waits for a lock that is never released."""
    monkeypatch.setattr(supervisor, "STANDSTILL_S", 0.5, raising=False)
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(supervisor, "COMMAND", (sys.executable, "-c", "import time; time.sleep(60)"))
    job = ask(store, click="deaf")
    told = until(lambda: getattr(supervised, "standstill", "no such thing"), 10)
    assert "told nothing" in str(told)
    queue.cancel(store, job.id, "token of deaf")
    assert ended(store, job).state == "cancelled"


ENDING = """
import ctypes, os, signal, threading, time
def last():
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=last).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_whose_first_thread_is_gone_is_waited_for():
    """It counts as dead by then, and how it ended is known only once its other threads are gone, too."""
    child = subprocess.Popen([sys.executable, "-c", ENDING])
    until(lambda: identity.of(child.pid) is None, 10)
    assert child.poll() is None
    assert supervisor.exit_code(child) == -signal.SIGKILL
