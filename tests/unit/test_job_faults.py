"""Every fault that a job must survive: kills, a full disk, a locked database, a clock that jumps."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import psutil
import pytest

from src.host import identity
from src.jobs import queue
from src.jobs.job import Job
from src.jobs.supervisor import Supervisor
from src.store import runs
from src.store.database import Store
from tests.conftest import ROOT, gone_within
from tests.jobs import (
    LONG,
    a_plan,
    ask,
    ended,
    home,
    measuring,
    most_at_once,
    slices,
    store,
    supervised,
    until,
)
from tests.measured import BASELINE

__all__ = ["home", "store", "supervised"]  # fixtures
pytestmark = pytest.mark.usefixtures("fakes")


def test_kill_9_of_a_job_loses_no_finished_slice(store: Store, supervised: Supervisor):
    job = measuring(store, ask(store, a_plan(**LONG)))
    assert job.process
    assert job.run_id
    pid = identity.pid(job.process)
    family = [one.pid for one in psutil.Process(pid).children(recursive=True)]
    before = slices(store, job.run_id)
    os.kill(pid, signal.SIGKILL)
    end = ended(store, job)
    assert end.state == "lost"
    assert "SIGKILL" in (end.reason or "")
    assert "kept" in (end.reason or "")
    assert gone_within(family, 5)
    assert slices(store, job.run_id) >= before
    assert runs.run(store, job.run_id).head.stopped == "unfinished"
    assert runs.listed(store)[0].rounds >= 2


def test_kill_9_of_a_worker_in_a_slice_is_that_engines_failure(store: Store, supervised: Supervisor):
    plan = a_plan("fake-negative", "fake-long-sleeping", **LONG)
    job = measuring(store, ask(store, plan, "killed"))
    assert job.process
    assert job.run_id
    workers = psutil.Process(identity.pid(job.process)).children()
    next(one for one in workers if "fake-long-sleeping" in one.cmdline()).kill()
    until(lambda: runs.record(store, job.run_id or "").failures)
    rounds = runs.record(store, job.run_id).rounds
    until(lambda: runs.record(store, job.run_id or "").rounds > rounds + 2)
    queue.cancel(store, job.id, "token of killed")
    assert ended(store, job).state == "cancelled"
    run = runs.run(store, job.run_id)
    assert [one.engine for one in run.failures] == ["fake-long-sleeping"]
    assert "SIGKILL" in run.failures[0].reason
    assert {row.engine for row in run.results} >= {BASELINE, "fake-negative"}, "the others went on"


ONLY_SUPERVISOR = """
import sys, time
from src.jobs import supervisor
supervisor.COMMAND = (sys.executable, "-m", "tests.fast")
supervisor.LOOK_S = 0.1
supervisor.Supervisor().start()
time.sleep(600)
"""


def another_app(**environment: str) -> subprocess.Popen[bytes]:
    """A process with a supervisor in it, as the app is one."""
    return subprocess.Popen(
        [sys.executable, "-c", ONLY_SUPERVISOR], cwd=ROOT, env={**os.environ, **environment}
    )


def test_kill_9_of_the_app_leaves_the_job_and_the_next_one_adopts_it(store: Store):
    first = another_app()
    job = measuring(store, ask(store, a_plan(budget_s=10.0, precision=0.0001)))
    waiting = ask(store)
    first.kill()
    first.wait()
    rounds = runs.record(store, job.run_id or "").rounds
    until(lambda: runs.record(store, job.run_id or "").rounds > rounds)
    second = another_app()
    try:
        end = ended(store, job)
        assert end.state == "succeeded"
        assert end.process == job.process, "it was never started again"
        assert ended(store, waiting).state == "succeeded"
        assert len(runs.listed(store)) == 2
    finally:
        second.kill()
        second.wait()


def test_a_job_that_dies_while_no_app_is_there_is_marked_by_the_next(store: Store):
    first = another_app()
    job = measuring(store, ask(store, a_plan(**LONG)))
    first.kill()
    first.wait()
    os.kill(identity.pid(job.process or ""), signal.SIGKILL)
    second = another_app()
    try:
        end = ended(store, job)
        assert end.state == "lost"
        assert runs.run(store, job.run_id or "").head.stopped == "unfinished"
    finally:
        second.kill()
        second.wait()


def test_a_claim_whose_app_died_before_it_started_anything_is_made_again(
    store: Store, supervised: Supervisor
):
    supervised.stop()
    job = ask(store)
    queue.claim(store, "boot:1:1")  # of a process that is not there
    again = Supervisor()
    again.start()
    try:
        assert ended(store, job).state == "succeeded"
    finally:
        again.stop()
        supervised.done.clear()


def test_two_apps_on_one_home_run_each_job_once(store: Store):
    apps = [another_app(), another_app()]
    try:
        jobs = [ask(store) for _ in range(4)]
        assert most_at_once(store) == 1
        ends = [ended(store, job) for job in jobs]
        assert [one.state for one in ends] == ["succeeded"] * 4, [one.reason for one in ends]
        assert sorted(one.id for one in runs.listed(store)) == sorted(one.run_id or "" for one in ends)
        assert len({one.run_id for one in ends}) == 4
    finally:
        for app in apps:
            app.kill()
            app.wait()


def test_a_full_disk_ends_the_job_with_its_reason_and_keeps_the_slices(store: Store, supervised: Supervisor):
    """The kernel refuses every write beyond the file's size as it is, as a full disk does."""
    job = measuring(store, ask(store, a_plan(**LONG)))
    assert job.process
    assert job.run_id
    before = slices(store, job.run_id)
    sizes = [one.stat().st_size for one in store.path.parent.glob("runs.db*")]
    resource.prlimit(identity.pid(job.process), resource.RLIMIT_FSIZE, (max(sizes), max(sizes)))
    end = ended(store, job)
    assert end.state == "failed"
    assert "full or cannot be written" in (end.reason or "")
    assert slices(store, job.run_id) >= before
    until(lambda: runs.listed(store)[0].stopped)
    assert runs.run(store, job.run_id).head.stopped == "unfinished"
    assert ended(store, ask(store)).state == "succeeded", "and the next one is measured"


def test_a_database_that_is_locked_for_ten_seconds_loses_nothing(store: Store, supervised: Supervisor):
    job = measuring(store, ask(store, a_plan(budget_s=16.0, precision=0.0001)))
    locker = sqlite3.connect(store.path, isolation_level=None, check_same_thread=False)
    locker.execute("BEGIN EXCLUSIVE")
    before = slices(store, job.run_id or "")
    threading.Timer(10.0, lambda: (locker.execute("ROLLBACK"), locker.close())).start()
    time.sleep(9.0)
    assert slices(store, job.run_id or "") == before, "readers read on, writers wait"
    end = ended(store, job)
    assert end.state == "succeeded"
    record = runs.record(store, end.run_id or "")
    assert slices(store, end.run_id or "") > before
    for some in record.slices.values():
        assert sorted({one.round for one in some}) == list(range(1, some[-1].round + 1)), (
            "no round is missing"
        )


def test_a_wall_clock_that_jumps_changes_nothing(store: Store):
    app = another_app(PYTHONPATH=str(ROOT / "tests" / "jumpy"))
    try:
        jobs = [ask(store) for _ in range(2)]
        ends = [ended(store, job) for job in jobs]
        assert [one.state for one in ends] == ["succeeded"] * 2, [one.reason for one in ends]
        for one in ends:
            record = runs.record(store, one.run_id or "")
            assert record.ended
            assert 0 < record.ended.seconds < 60
            ats = [slice.at_s for some in record.slices.values() for slice in some]
            assert all(0 <= at < 60 for at in ats)
    finally:
        app.kill()
        app.wait()


def test_the_command_line_and_a_job_take_turns(store: Store, supervised: Supervisor):
    """One measurement at a time on a host, whoever asks."""
    from src.host.lock import host_lock

    with host_lock("a test", print):
        job = ask(store)
        found = until(lambda: (one := queue.get(store, job.id)) and one.progress and one)
        assert isinstance(found, Job)
        assert "Waiting for another measurement" in found.progress.text
        assert found.progress.left_s == job.estimate_s, "the wait is not its own time"
        assert "a test" in found.progress.text
        time.sleep(0.5)
        assert not runs.listed(store)
    assert ended(store, job).state == "succeeded"
