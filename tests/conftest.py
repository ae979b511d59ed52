"""What all tests share: one home folder, whose artifacts are built once a session, and the embedded model."""

import gc
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from src.home import default_home
from src.host import lock, machine
from src.workers.pool import Pool

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "test-artifacts" / "built"
OWN_HOME = Path(os.environ.get("AWIY_HOME") or default_home())  # read for its isolated environments only
DEMO = "This Live-event is great. I will sign up for Infinity."
SIX = (
    "pytorch-fp32",
    "torchscript-fp32",
    "torchscript-int8",
    "onnxruntime-fp32",
    "onnxruntime-fp16",
    "onnxruntime-int8",
)


# Files that take minutes, longest first. Begun last, each would be waited for alone.
LONGEST = (
    *(
        "test_releases.py",
        "test_job_faults.py",
        "test_compiled_engines.py",
        "test_bundle.py",
        "test_job_life.py",
    ),
    *("test_home.py", "test_environments.py", "test_protocol.py", "test_budget.py", "test_sentence.py"),
    *("test_find_page.py", "test_cli.py", "test_pages.py", "test_repeats.py", "test_ramp.py"),
    *("test_ramp.py", "test_store_faults.py", "test_pool.py", "test_accuracy.py", "test_search.py"),
    *("test_protocol_turns.py", "test_options.py", "test_adding_an_engine.py", "test_queue_faults.py"),
    *(
        "test_tails.py",
        "test_engines.py",
        "test_twins.py",
        "test_installing.py",
        "test_blocks.py",
        "test_terminal.py",
    ),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """What is there stays: a collection before each slice of a worker in this process need not walk it."""
    gc.collect()
    gc.freeze()


def runs(pid: int) -> bool:
    """Tell whether a process is alive. One that nobody has reaped yet is not: how soon an orphan is reaped is
    up to the host's first process.
    """
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone_within(pids: Iterable[int], seconds: float) -> bool:
    """Wait until none of these processes is alive; tell whether that came in time."""
    pids = list(pids)
    deadline = time.monotonic() + seconds
    while any(runs(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(scope="session", autouse=True)
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh home folder for the session: nothing of the developer's own is read or touched. Artifacts stay
    in the checkout, for the next session: what their names hash decides whether they still serve.
    """
    home = tmp_path_factory.mktemp("home")
    BUILT.mkdir(parents=True, exist_ok=True)
    (home / "artifacts").symlink_to(BUILT)
    os.environ["AWIY_HOME"] = str(home)
    if "PYTEST_XDIST_WORKER" in os.environ:  # processes beside each other: each has a host's lock of its own
        lock.PATH = home / "host.lock"
        os.environ["AWIY_LOCK"] = str(lock.PATH)
        if "AWIY_TESTS_SHARE" in os.environ:  # and a share of its CPUs
            cpus, number = sorted(os.sched_getaffinity(0)), os.environ["PYTEST_XDIST_WORKER"][2:]
            shares = min(len(cpus), int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
            os.sched_setaffinity(0, cpus[int(number) % shares :: shares])
    os.environ.pop("AWIY_MODEL", None)
    os.environ.pop("AWIY_EXTRA_ENGINES", None)
    # Most tests need some engines, not all: those of all ask for them.
    os.environ["AWIY_ENGINES"] = ",".join(SIX)
    return home


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES,tests.ramp_fakes:ENGINES")


@pytest.fixture
def two_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two may be used, wherever this test runs."""
    monkeypatch.setattr(machine, "allowed_cpus", lambda: [0, 1])


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    made.close()
