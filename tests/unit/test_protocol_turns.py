"""A run and what else wants its host: sentences, other measurements, and who kills it."""

import os
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from src.bench.events import Event, Warmed
from src.bench.record import Record
from src.figures.results import summarise
from src.host import lock
from src.host.lock import host_lock
from src.workers.pool import Pool
from tests.conftest import runs
from tests.measured import BASELINE, calm, fake_answers, measure, plan

__all__ = ["calm", "fake_answers"]  # fixtures
pytestmark = [pytest.mark.one_cpu, pytest.mark.usefixtures("fakes", "fake_answers", "calm")]


def test_a_waiting_sentence_goes_first(pool: Pool):
    """Somebody urgent gets the host's lock in the middle of a run."""
    got: list[float] = []
    record = Record()

    def ask() -> None:
        while not record.rounds:
            time.sleep(0.01)
        began = time.monotonic()
        with host_lock("a sentence", lambda holder: None, urgent=True):
            got.append(time.monotonic() - began)
            time.sleep(0.5)

    asker = threading.Thread(target=ask)
    asker.start()
    finished = measure(pool, plan("fake-sleep-20"), happened=record.add)
    asker.join()
    assert got
    assert got[0] < 3.0
    assert finished.ended
    assert finished.ended.yielded_s > 0.4
    assert finished.rounds >= 20, "and the run goes on after it"


def test_many_sentences_do_not_keep_a_run_from_measuring(pool: Pool):
    """One after the other without a break: the run goes on between them, and its budget is its own time, of
    which a slow host needs a third to start its workers.
    """
    done = threading.Event()
    waits: list[float] = []

    def ask() -> None:
        while not done.is_set():
            began = time.monotonic()
            with host_lock("a sentence", lambda holder: None, urgent=True):
                waits.append(time.monotonic() - began)
                time.sleep(1.0)

    asker = threading.Thread(target=ask)

    def begin(event: Event) -> None:
        if isinstance(event, Warmed) and not asker.is_alive():
            asker.start()

    try:
        record = measure(pool, plan("fake-long-sleeping", budget_s=16.0, precision=0.0001), happened=begin)
    finally:
        done.set()
        asker.join()
    assert record.ended
    assert record.ended.yielded_s > 2.0
    assert record.ended.seconds - record.ended.yielded_s > 14.0, "the time of others is not this run's"
    assert record.rounds >= 20
    assert len(waits) >= 3
    assert max(waits) < 3.5


def test_a_run_waits_for_the_host(pool: Pool):
    """Two measurements on a host would disturb each other."""
    told: list[str] = []
    with host_lock("another", print):

        def stop_waiting(seconds: float) -> None:
            raise InterruptedError

        pool.pause = stop_waiting  # type: ignore[method-assign]
        with pytest.raises(InterruptedError):
            measure(pool, plan("fake-negative"), progress=lambda step: told.append(step.text))
    assert any("Waiting for another measurement" in text for text in told)


def test_a_killed_measurer_leaves_no_worker_and_a_readable_file(tmp_path: Path):
    """SIGKILL in the middle of a round: the kernel ends the workers, and every finished slice is there."""
    import subprocess
    import sys

    from src.store import runs as kept
    from src.store import writing
    from src.store.database import open_store
    from tests.conftest import ROOT, gone_within

    store = open_store()
    for kill, times in ((signal.SIGKILL, 1), (signal.SIGINT, 1), (signal.SIGINT, 2)):
        home = os.environ["AWIY_HOME"]
        before = {one.id for one in kept.listed(store)}
        said = tmp_path / "said.txt"
        with open(said, "wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.fast", "bench", "--engines", "fake-sleep-20"]
                + ["--baseline", BASELINE, "--seq-len", "16", "--budget", "60", "--precision", "0.001"],
                cwd=ROOT,
                env={**os.environ, "AWIY_HOME": home},
                stdout=stream,
                stderr=stream,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            new = {one.id for one in kept.listed(store)} - before
            if new and kept.record(store, next(iter(new))).rounds >= 2:
                break
            time.sleep(0.1)
        family = [one.pid for one in psutil.Process(process.pid).children(recursive=True)]
        assert len(family) >= 3, said.read_text()
        for _ in range(times):
            process.send_signal(kill)
            time.sleep(0.05)
        process.wait(timeout=30)
        assert gone_within(family, 2)
        assert not runs(process.pid)
        writing.settle_orphans(store)
        (id,) = {one.id for one in kept.listed(store)} - before
        record = kept.record(store, id)
        assert record.rounds >= 2
        found = summarise(record)
        assert found.head.interrupted
        if times == 1:
            assert found.head.stopped == ("unfinished" if kill == signal.SIGKILL else "interrupted")
        assert lock.PATH.exists()
