"""Jobs: their queue and the supervisor, with real processes, and every fault they must survive."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from src.bench.plan import Plan
from src.host import identity
from src.jobs import queue, supervisor
from src.jobs.job import Job
from src.jobs.supervisor import Supervisor
from src.limits import HOSTED
from src.store import runs
from src.store.database import Store, open_store
from tests.conftest import ROOT, gone_within

BASELINE = "fake-sleeping"
pytestmark = pytest.mark.usefixtures("fakes")


def a_plan(*engines: str, **changes: object) -> Plan:
    values: dict[str, object] = {
        "engines": engines or ("fake-negative",),
        "sequence_lengths": (16,),
        "batch_sizes": (1,),
        "threads": (1,),
        "scopes": ("model",),
        "budget_s": 60.0,
        "percentile": 50,
        "precision": 0.9,
        "baseline": BASELINE,
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]


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


# --- the queue


def test_a_double_click_is_one_job(store: Store):
    with ThreadPoolExecutor(8) as people:
        jobs = list(people.map(lambda _: ask(store, click="one"), range(16)))
    assert {job.id for job in jobs} == {jobs[0].id}
    assert len(queue.waiting(store)) == 1


def test_twenty_people_at_once_each_get_their_own_place(store: Store):
    with ThreadPoolExecutor(20) as people:
        jobs = list(people.map(lambda number: ask(store, click=f"c{number}", owner=f"p{number}"), range(20)))
    places = sorted(queue.place(store, job).before for job in jobs)
    assert places == list(range(20))
    waits = {queue.place(store, job).before: queue.place(store, job).wait_s for job in jobs}
    assert all(waits[before] == pytest.approx(5.0 * before) for before in range(20))


def test_caps_hold_when_twenty_come_at_once(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOSTED", "1")

    def one(number: int) -> Job | str:
        try:
            return ask(store, click=f"c{number}", owner=f"p{number}")
        except queue.Refused as refused:
            return str(refused)

    with ThreadPoolExecutor(20) as people:
        found = list(people.map(one, range(20)))
    taken = [job for job in found if isinstance(job, Job)]
    assert len(taken) == HOSTED.waiting
    assert all("Try again in some minutes" in text for text in found if isinstance(text, str))
    queue.cancel(store, taken[0].id, f"token of c{taken[0].owner[1:]}")  # type: ignore[index]
    with pytest.raises(queue.Refused, match="You have a run"):
        ask(store, owner=taken[1].owner)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget_s": 1000.0}, "at most 120 s"),
        ({"sequence_lengths": tuple(range(8, 200))}, "at most 60 are taken"),
    ],
)
def test_a_hosted_plan_is_capped_where_the_work_is_done(
    store: Store, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], words: str
):
    monkeypatch.setenv("AWIY_HOSTED", "1")
    with pytest.raises(queue.Refused, match=words):
        ask(store, a_plan(**changes))
    assert not queue.waiting(store)


def test_only_who_asked_may_cancel(store: Store):
    job = ask(store, click="mine", owner="me@example.org")
    for token, user in ((None, None), ("wrong", None), (None, "you@example.org"), ("", "")):
        with pytest.raises(queue.NotYours):
            queue.cancel(store, job.id, token, user)
    assert queue.get(store, job.id).state == "queued"  # type: ignore[union-attr]
    queue.cancel(store, job.id, None, "me@example.org")
    assert queue.get(store, job.id).state == "cancelled"  # type: ignore[union-attr]
    with_token = ask(store, click="token", owner="me@example.org")
    queue.cancel(store, with_token.id, "token of token")
    assert queue.get(store, with_token.id).state == "cancelled"  # type: ignore[union-attr]


def test_an_end_is_final(store: Store):
    job = ask(store)
    assert queue.end(store, job.id, "failed", "first")
    for state in queue.ENDS:
        assert not queue.end(store, job.id, state, "second")
    queue.tell(store, job.id, progress={"stage": "late"})
    found = queue.get(store, job.id)
    assert found
    assert (found.state, found.reason, found.progress) == ("failed", "first", None)


def test_a_job_begins_once_however_often_it_is_started(store: Store):
    ask(store)
    me = identity.own()
    job = queue.claim(store, me)
    assert job
    assert queue.claim(store, me) is None, "one at a time"
    with ThreadPoolExecutor(8) as starts:
        begun = list(starts.map(lambda _: queue.begin(store, job.id, me), range(8)))
    assert sum(one is not None for one in begun) == 1


def test_a_plan_that_cannot_be_carried_out_is_not_queued(store: Store):
    from src.bench.plan import BadPlan

    with pytest.raises(BadPlan, match="from 8 to 512"):
        ask(store, a_plan(sequence_lengths=(4,)))
    assert not queue.waiting(store)


# --- a job's life


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
    found = until(lambda: (one := queue.get(store, job.id)) and one.live and one.live.round >= 6 and one)
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


# --- faults


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
    job = measuring(
        store, ask(store, a_plan("fake-negative", "fake-long-sleeping", budget_s=10.0, precision=0.0001))
    )
    assert job.process
    workers = psutil.Process(identity.pid(job.process)).children()
    victim = next(one for one in workers if "fake-long-sleeping" in one.cmdline())
    victim.kill()
    end = ended(store, job)
    assert end.state == "succeeded"
    run = runs.run(store, end.run_id or "")
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
