"""Real worker processes: one runnable at a time, none left behind, every fault a reason."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from src.engines import registry
from src.host import machine
from src.host.lock import host_lock
from src.model import cache
from src.model.source import ModelSource
from src.workers import pool as pools
from src.workers.handle import Handle, WorkerFailed
from src.workers.pool import Pool
from tests.conftest import ROOT, gone_within

pytestmark = pytest.mark.usefixtures("fakes")
TEXT = "A sentence."


@pytest.fixture(scope="module", autouse=True)
def alone():
    """These tests load and time the CPU: they take their turn on the host like everything that does."""
    with host_lock("tests of the pool", print):
        yield


@pytest.fixture(scope="module")
def tokenizer(shared_home: Path) -> Path:
    from src.model.checkpoint import checkpoint

    return cache.build(checkpoint, ModelSource("embedded")).folder / "tokenizer.json"


def get(pool: Pool, tokenizer: Path, name: str, threads: int = 1, keep: set[str] | None = None) -> Handle:
    return pool.get(registry.get(name), None, tokenizer, threads, keep or set())


def state(pid: int) -> str:
    """Return the kernel's letter for a process's state: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def prepared(pool: Pool, tokenizer: Path, name: str) -> Handle:
    worker = get(pool, tokenizer, name)
    worker.prepare("c", [TEXT])
    return worker


def time_slice(worker: Handle, count: int = 10) -> list[int]:
    return worker.slice("c", "model", 2, count).ns


def test_a_worker_is_stopped_unless_it_is_asked(pool: Pool, tokenizer: Path):
    worker = prepared(pool, tokenizer, "fake-sleeping")
    assert state(worker.process.pid) == "T"
    assert len(time_slice(worker)) == 10
    assert state(worker.process.pid) == "T"


def test_only_one_worker_is_ever_runnable(pool: Pool, tokenizer: Path):
    """Watched from /proc while slices alternate. Two looks in a row, as one is not a single moment."""
    names = ("fake-sleeping", "fake-plausible", "fake-negative", "fake-talkative")
    workers = [prepared(pool, tokenizer, name) for name in names]
    pids = [worker.process.pid for worker in workers]
    most, looks, done = 0, 0, threading.Event()

    def watch() -> None:
        nonlocal most, looks
        while not done.is_set():
            first = {pid for pid in pids if state(pid) != "T"}
            second = {pid for pid in pids if state(pid) != "T"}
            most, looks = max(most, len(first & second)), looks + 1
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(5):
        for worker in workers:
            time_slice(worker, count=20 if worker.spec.id == "fake-sleeping" else 2000)
    done.set()
    watcher.join()
    assert looks > 50
    assert most == 1


def test_threads_affinity_and_environment_are_as_asked(
    pool: Pool, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KMP_AFFINITY", "granularity=fine")
    monkeypatch.setenv("LD_PRELOAD", "")
    for threads in {1, machine.usable_cpus()}:
        process = psutil.Process(get(pool, tokenizer, "fake-plausible", threads).process.pid)
        environment = process.environ()
        assert environment["OMP_NUM_THREADS"] == str(threads)
        assert environment["HF_HUB_OFFLINE"] == "1"
        assert environment["TOKENIZERS_PARALLELISM"] == "false"
        assert "KMP_AFFINITY" not in environment
        assert "LD_PRELOAD" not in environment
        assert process.cpu_affinity() == sorted(machine.allowed_cpus()[:threads])


def test_children_find_the_home_of_their_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """With XDG_DATA_HOME set and AWIY_HOME not, child and parent once looked in different folders."""
    monkeypatch.delenv("AWIY_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert pools.clean_environment(1)["AWIY_HOME"].startswith(str(tmp_path))


def test_workers_go_first_when_memory_runs_out(pool: Pool, tokenizer: Path):
    pid = get(pool, tokenizer, "fake-plausible").process.pid
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"


def test_what_an_engine_prints_does_not_reach_the_protocol(pool: Pool, tokenizer: Path):
    worker = prepared(pool, tokenizer, "fake-talkative")
    assert worker.infer("c").logits == [[-2.0, 2.0]]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fake-crash", "ended by SIGSEGV. Its last line: about to crash"),
        ("fake-exit", "exit code 3"),
        ("fake-nan", "not finite"),
        ("fake-shape", r"shape \(1, 384\); expected float32 \[1, 2\]"),
    ],
)
def test_a_faulty_engine_fails_with_a_reason(pool: Pool, tokenizer: Path, name: str, reason: str):
    worker = prepared(pool, tokenizer, name)
    pid = worker.process.pid
    with pytest.raises(WorkerFailed, match=reason):
        worker.infer("c")
    assert name not in pool.workers
    assert not psutil.pid_exists(pid)


def test_an_engine_that_does_not_load_fails_with_its_own_words(pool: Pool, tokenizer: Path):
    with pytest.raises(WorkerFailed, match="RuntimeError: the model file is of another version"):
        get(pool, tokenizer, "fake-crash-load")


def test_an_engine_that_hangs_is_ended(pool: Pool, tokenizer: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pools, "CALL_TIMEOUT_S", 1.0)
    worker = prepared(pool, tokenizer, "fake-hang")
    with pytest.raises(WorkerFailed, match="did not answer within 1 s"):
        worker.infer("c")
    assert not psutil.pid_exists(worker.process.pid)


def test_an_engine_that_eats_memory_is_ended(pool: Pool, tokenizer: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Pool, "budget_mb", lambda self: 400.0)
    with pytest.raises(WorkerFailed, match="more than the 400 MB allowed"):
        get(pool, tokenizer, "fake-hog")


def test_a_killed_worker_fails_once_and_is_back_next_time(pool: Pool, tokenizer: Path):
    worker = prepared(pool, tokenizer, "fake-sleeping")
    os.kill(worker.process.pid, signal.SIGKILL)
    with pytest.raises(WorkerFailed, match="SIGKILL"):
        time_slice(worker)
    again = prepared(pool, tokenizer, "fake-sleeping")
    assert again.process.pid != worker.process.pid
    assert time_slice(again)


def test_a_warm_worker_is_used_again_unless_threads_differ(pool: Pool, tokenizer: Path):
    first = get(pool, tokenizer, "fake-plausible", 1).process.pid
    assert get(pool, tokenizer, "fake-plausible", 1).process.pid == first
    assert get(pool, tokenizer, "fake-plausible", 2).process.pid != first
    assert not psutil.pid_exists(first)


def test_the_least_recently_used_goes_when_memory_runs_short(
    pool: Pool, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("fake-plausible", "fake-negative", "fake-sleeping"):
        get(pool, tokenizer, name)
    get(pool, tokenizer, "fake-plausible")
    room = sum(worker.pss_mb for worker in pool.workers.values()) + 1
    monkeypatch.setattr(Pool, "budget_mb", lambda self: room)
    get(pool, tokenizer, "fake-talkative")
    assert "fake-negative" not in pool.workers, "used longest ago"
    assert {"fake-plausible", "fake-talkative"} <= pool.workers.keys()


def test_what_does_not_fit_beside_the_others_asked_for_fails_with_a_remedy(
    pool: Pool, tokenizer: Path, monkeypatch: pytest.MonkeyPatch
):
    get(pool, tokenizer, "fake-plausible")
    room = pool.workers["fake-plausible"].pss_mb * 1.5
    monkeypatch.setattr(Pool, "budget_mb", lambda self: room)
    monkeypatch.setattr(Pool, "await_answer", lambda self, worker, *_: self.wait(worker.channel.fileno(), 60))
    with pytest.raises(WorkerFailed, match="Choose fewer engines"):
        get(pool, tokenizer, "fake-negative", keep={"fake-plausible", "fake-negative"})
    assert list(pool.workers) == ["fake-plausible"]


def test_workers_are_spawned_by_the_main_thread_only(pool: Pool, tokenizer: Path):
    caught: list[BaseException] = []

    def spawn() -> None:
        try:
            get(pool, tokenizer, "fake-plausible")
        except AssertionError as error:
            caught.append(error)

    thread = threading.Thread(target=spawn)
    thread.start()
    thread.join()
    assert len(caught) == 1


PARENT = """
import sys, time
from pathlib import Path
from src.workers.pool import Pool
from src.engines import registry
pool = Pool()
for name in ("fake-plausible", "fake-sleeping"):
    worker = pool.get(registry.get(name), None, Path(sys.argv[1]), 1, set())
    worker.prepare("c", ["x"])
print(*(worker.process.pid for worker in pool.workers.values()), flush=True)
worker.slice("c", "model", 0, 100000)
"""


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_parent(tokenizer: Path, kill: signal.Signals):
    """One worker is stopped and one computes when the parent ends in the middle of a slice."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tokenizer)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert parent.stdout
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    time.sleep(0.2)
    assert sorted(state(pid) for pid in pids)[-1] == "T"
    parent.send_signal(kill)
    parent.wait()
    assert gone_within(pids, 2)


def test_a_worker_whose_parent_is_gone_already_ends_at_once():
    worker = subprocess.run(
        [sys.executable, "-m", "src.workers.worker", "0", "1", "null", ""], cwd=ROOT, timeout=20
    )
    assert worker.returncode == 1


def test_null_measures_the_harness(pool: Pool, tokenizer: Path):
    """The harness's own cost, at most 2 µs a call: no real engine's time, so it may be asserted."""
    worker = prepared(pool, tokenizer, "null")
    medians = [sorted(time_slice(worker, 1000))[500] for _ in range(10)]
    assert min(medians) <= 2000
