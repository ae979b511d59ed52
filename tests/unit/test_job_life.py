"""A job from its start to its end: real processes, supervised."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from src.host import identity
from src.jobs import queue, supervisor
from src.jobs.job import Job
from src.jobs.supervisor import Supervisor
from src.store import runs
from src.store.database import Store
from tests.jobs import (
    LONG,
    a_plan,
    ask,
    ended,
    home,
    measuring,
    most_at_once,
    store,
    supervised,
    until,
)
from tests.measured import BASELINE

__all__ = ["home", "store", "supervised"]  # fixtures
pytestmark = pytest.mark.usefixtures("fakes")


def test_a_job_measures_its_plan_and_keeps_it(store: Store, supervised: Supervisor):
    job = ended(store, ask(store, a_plan("fake-negative", "fake-crash")))
    assert job.state == "succeeded", job.reason
    assert job.run_id
    assert job.process
    listed = runs.listed(store)
    assert [one.id for one in listed] == [job.run_id]
    assert listed[0].stopped == "precision"
    assert listed[0].samples == runs.record(store, job.run_id).samples > 0
    run = runs.run(store, job.run_id)
    assert [one.engine for one in run.failures] == ["fake-crash"]
    assert {row.engine for row in run.results} == {BASELINE, "fake-negative"}


def test_progress_and_results_so_far_are_told_while_it_runs(store: Store, supervised: Supervisor):
    job = ask(store, a_plan("fake-negative", "fake-crash-load", **LONG))

    def between_looks() -> Job | None:
        """At a look itself nothing is left. On a slow host a longer lead-in voids a cell's first rounds."""
        found = queue.get(store, job.id)
        told = found and found.live and found.live.round >= 6 and found.progress and found.progress.left_s
        if not (found and found.live and told):
            return None
        ratios = [cell.ratios.get(BASELINE) for cell in found.live.cells if cell.engine == "fake-negative"]
        return found if any(ratio and ratio.rounds >= 6 for ratio in ratios) else None

    found = until(between_looks)
    assert isinstance(found, Job)
    assert found.progress
    assert found.live
    assert found.progress.round >= 6
    assert 0 < found.progress.left_s <= 60
    rows = {row.engine: row for row in found.live.cells}
    assert rows["fake-negative"].ratios[BASELINE].ci95
    assert found.live.failures[0].engine == "fake-crash-load"
    os.kill(identity.pid(found.process or ""), signal.SIGTERM)
    end = ended(store, job)
    assert end.state == "interrupted", "asked to stop, but not by who asked for it"
    assert runs.listed(store)[0].stopped == "interrupted"


def test_cancelling_keeps_what_was_measured(store: Store, supervised: Supervisor):
    job = measuring(store, ask(store, a_plan(**LONG), click="x"))
    began = time.monotonic()
    queue.cancel(store, job.id, "token of x")
    end = ended(store, job)
    assert time.monotonic() - began < 5
    assert end.state == "cancelled"
    assert end.run_id
    assert runs.run(store, end.run_id).head.stopped == "interrupted"
    assert runs.record(store, end.run_id).rounds >= 2


def test_a_job_that_does_not_hear_is_stopped_and_then_killed(
    store: Store, supervised: Supervisor, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(supervisor, "TERM_AFTER_S", 0.2)
    monkeypatch.setattr(supervisor, "KILL_AFTER_S", 1.0)
    job = measuring(store, ask(store, a_plan(**LONG), click="deaf"))
    assert job.process
    os.kill(identity.pid(job.process), signal.SIGSTOP)
    queue.cancel(store, job.id, "token of deaf")
    end = ended(store, job, 20)
    assert end.state == "cancelled"
    assert runs.record(store, end.run_id or "").rounds >= 2


def test_a_cancel_before_the_process_has_begun_is_a_cancel(store: Store, supervised: Supervisor):
    job = ask(store, click="early")
    until(lambda: queue.get(store, job.id).state != "queued")  # type: ignore[union-attr]
    queue.cancel(store, job.id, "token of early")
    assert ended(store, job).state == "cancelled"


def test_a_job_is_told_once_by_a_signal_so_that_it_ends_in_good_order(
    store: Store, supervised: Supervisor, monkeypatch: pytest.MonkeyPatch
):
    """A second signal would stop it in the middle of a slice."""
    monkeypatch.setattr(supervisor, "TERM_AFTER_S", 0.0)
    job = measuring(store, ask(store, a_plan("fake-long-sleeping", **LONG), click="told"))
    queue.cancel(store, job.id, "token of told")
    end = ended(store, job)
    assert end.state == "cancelled"
    record = runs.record(store, end.run_id or "")
    assert record.ended
    assert record.ended.stopped == "interrupted"


def test_two_supervisors_of_one_process_leave_each_others_jobs_alone(store: Store, supervised: Supervisor):
    """As after the app's caches were cleared."""
    other = Supervisor()
    other.start()
    try:
        ends = [ended(store, job) for job in [ask(store), ask(store)]]
        assert [one.state for one in ends] == ["succeeded"] * 2, [one.reason for one in ends]
    finally:
        other.stop()


def test_many_threads_use_the_home_folder_at_once(home: Path):
    from src.home import home as the_home

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: the_home(), range(4000))) == {home}


def test_jobs_run_one_after_the_other_in_their_order(store: Store, supervised: Supervisor):
    jobs = [ask(store) for _ in range(3)]
    assert most_at_once(store) == 1
    ends = [ended(store, job) for job in jobs]
    assert [one.state for one in ends] == ["succeeded"] * 3
    started = [runs.record(store, one.run_id or "").begun.started_at for one in ends]  # type: ignore[union-attr]
    assert started == sorted(started)
