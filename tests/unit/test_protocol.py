"""The measuring protocol, proven with faulty and predictable engines in real worker processes."""

import itertools
import statistics
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from src.bench.events import TWIN, Begun, Ended, Event, LeadIn, Loaded, Slice, Warmed
from src.bench.plan import Case
from src.bench.record import Record
from src.figures.results import summarise
from src.workers.pool import Pool
from tests import noting_fakes
from tests.fast import FAST
from tests.measured import BASELINE, all_slices, calm, cell, fake_answers, measure, plan
from tests.unit.test_pool import state

__all__ = ["calm", "fake_answers"]  # fixtures
pytestmark = [pytest.mark.one_cpu, pytest.mark.usefixtures("fakes", "fake_answers", "calm")]


def median_call_ns(record: Record, engine: str) -> float:
    return statistics.median(ns for one in record.slices[cell(engine)] for ns in one.ns)


def test_the_order_of_events(pool: Pool):
    """Set-up, warm-up, slices, end: each before the next begins, and the sink has it first."""
    events: list[Event] = []
    record = measure(pool, plan("fake-negative", sequence_lengths=(16, 32)), happened=events.append)
    kinds = [kind for kind, _ in itertools.groupby(type(event) for event in events)]
    assert kinds == [Begun, Loaded, Warmed, LeadIn, Slice, Ended]
    assert len([one for one in events if isinstance(one, Loaded)]) == 3, (
        "the baseline, its twin and the other"
    )
    assert len([one for one in events if isinstance(one, Warmed)]) == 6
    assert not pool.workers, "teardown"
    assert record.ended
    assert record.ended.stopped == "precision"
    assert record.rounds == 20
    for some in record.slices.values():
        assert [one.round for one in some] == list(range(1, 21)), "one slice a round"


def test_rounds_are_shuffled_and_a_seed_repeats_them(pool: Pool):
    def orders(seed: int) -> list[tuple[tuple[str, Case], ...]]:
        slices = all_slices(measure(pool, plan("fake-negative", sequence_lengths=(16, 32), seed=seed)))
        return [
            tuple((one.engine, one.case) for one in some)
            for _, some in itertools.groupby(slices, key=lambda one: one.round)
        ]

    first = orders(1)
    assert len(set(first)) > 10, "rounds differ"
    assert all(sorted(one) == sorted(first[0]) for one in first), "in their order only"
    assert all(len({case for _, case in one[:3]}) == 1 for one in first), "what is compared is close in time"
    again = orders(1)
    rounds = min(len(first), len(again))  # how many a run has is decided by how steady the host was
    assert rounds >= 20
    assert again[:rounds] == first[:rounds]
    assert orders(2)[:rounds] != first[:rounds]


def test_one_worker_is_runnable_at_a_time(pool: Pool):
    """Watched from /proc while the run goes on, not read from our own log."""
    most, looks, done = 0, 0, threading.Event()

    def watch() -> None:
        nonlocal most, looks
        while not done.is_set():
            pids = [worker.process.pid for worker in list(pool.workers.values())]
            try:
                first = {pid for pid in pids if state(pid) != "T"}
                second = {pid for pid in pids if state(pid) != "T"}
            except (FileNotFoundError, ProcessLookupError):
                continue
            if len(pids) == 4:
                most, looks = max(most, len(first & second)), looks + 1
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    measure(pool, plan("fake-negative", "fake-sleep-1"))
    done.set()
    watcher.join()
    assert looks > 100
    assert most == 1


@pytest.mark.measuring
@pytest.mark.parametrize(("name", "seconds"), [("fake-sleep-5", 0.005), ("fake-sleep-20", 0.02)])
def test_a_fixed_sleep_is_recovered_as_a_bare_loop_finds_it(pool: Pool, name: str, seconds: float):
    """Within 2 % of a bare loop around the same call, which runs in turn with the slices."""
    bare: list[int] = []

    def loop(event: Event) -> None:
        if isinstance(event, Slice) and event.engine == name:
            for _ in range(5):
                before = time.perf_counter_ns()
                time.sleep(seconds)
                bare.append(time.perf_counter_ns() - before)

    record = measure(pool, plan(name), happened=loop)
    assert median_call_ns(record, name) == pytest.approx(statistics.median(bare), rel=0.02)


@pytest.mark.measuring
@pytest.mark.parametrize("name", ["fake-noting-1", "fake-noting-5", "fake-noting-20"])
def test_a_fixed_sleep_is_recovered_as_the_engine_itself_notes_it(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, name: str
):
    """Within 2 %, by another clock; a millisecond too, where the kernel wakes two processes not alike."""
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES,tests.noting_fakes:ENGINES")
    record = measure(pool, plan(name))
    noted = np.fromfile(noting_fakes.notes(), np.int64)
    noted = noted[noted > 0]
    assert len(noted) >= sum(len(one.ns) for one in record.slices[cell(name)]) > 20
    assert median_call_ns(record, name) == pytest.approx(float(np.median(noted)), rel=0.02)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fake-crash", "ended by SIGSEGV"),
        ("fake-crash-load", "the model file is of another version"),
        ("fake-exit", "exit code 3"),
        ("fake-nan", "not finite"),
        ("fake-shape", "expected float32"),
        ("fake-late-crash", "SIGKILL"),
    ],
)
def test_a_faulty_engine_is_a_failure_and_the_others_go_on(pool: Pool, name: str, reason: str):
    record = measure(pool, plan(name, "fake-negative"))
    assert [one.engine for one in record.failures] == [name]
    assert reason in record.failures[0].reason
    found = summarise(record)
    whole = [row for row in found.results if "failed later" not in " ".join(row.reasons)]
    assert {row.engine for row in whole if row.samples} == {BASELINE, "fake-negative"}


def test_an_engine_that_hangs_is_a_failure(pool: Pool):
    record = measure(pool, plan("fake-hang", "fake-negative"), replace(FAST, answer_timeout_s=1.0))
    assert [(one.engine, "did not answer" in one.reason) for one in record.failures] == [("fake-hang", True)]


def test_an_engine_that_eats_memory_is_a_failure(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Pool, "budget_mb", lambda self: 600.0)
    record = measure(pool, plan("fake-hog", "fake-negative"))
    assert [(one.engine, "more than the 600 MB allowed" in one.reason) for one in record.failures] == [
        ("fake-hog", True)
    ]


def test_what_does_not_fit_in_memory_is_measured_in_groups_with_the_baseline(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    """Room for the baseline, its twin and one engine more."""
    room: list[float] = []

    def budget(self: Pool) -> float:
        sizes = [worker.pss_mb for worker in self.workers.values()]
        if len(sizes) == 3 and all(sizes) and not room:
            room.append(1.1 * sum(sizes))
        return room[0] if room else 1e9

    monkeypatch.setattr(Pool, "budget_mb", budget)
    monkeypatch.setattr(Pool, "await_answer", lambda self, worker, *_: self.wait(worker.channel.fileno(), 60))
    record = measure(pool, plan("fake-negative", "fake-sleep-1"))
    groups = {(one.group, one.engine) for one in record.loaded.values()}
    assert {engine for group, engine in groups if group == 0} == {BASELINE, BASELINE + TWIN, "fake-negative"}
    assert {engine for group, engine in groups if group == 1} == {BASELINE, BASELINE + TWIN, "fake-sleep-1"}
    rows = {(row.engine, row.facts["group"]): row for row in summarise(record).results}
    assert rows["fake-sleep-1", 1].ratios[BASELINE].rounds == 20, "ratios inside a group"
    assert not record.failures


def test_an_engine_that_runs_more_threads_than_asked_is_invalid(pool: Pool):
    found = summarise(measure(pool, plan("fake-crowding")))
    row = next(row for row in found.results if row.engine == "fake-crowding")
    assert row.verdict == "invalid"
    assert "were asked for" in row.reasons[0]


def test_the_budget_bounds_the_whole(pool: Pool):
    began = time.monotonic()
    record = measure(pool, plan("fake-sleep-20", budget_s=10.0, precision=0.0001))
    assert time.monotonic() - began < 12.0
    assert record.ended
    assert record.ended.stopped == "budget"


def test_pauses_come_before_each_call_and_outside_the_timer(pool: Pool):
    record = measure(pool, plan("fake-negative", pace_s=0.02))
    slices = record.slices[cell("fake-sleeping")]
    assert statistics.median(ns for one in slices for ns in one.ns) < 15e6
    assert statistics.median(one.evidence.effective_threads for one in slices) < 0.5


def test_stopping_finishes_the_slice_and_keeps_what_was_measured(pool: Pool):
    seen: list[Slice] = []
    record = measure(
        pool,
        plan("fake-negative"),
        happened=lambda event: seen.append(event) if isinstance(event, Slice) else None,
        stopped=lambda: len(seen) >= 10,
    )
    assert record.ended
    assert record.ended.stopped == "interrupted"
    assert len(seen) == 10
    assert summarise(record).head.interrupted
    assert not pool.workers


def test_batches_and_both_scopes(pool: Pool):
    asked = plan("fake-negative", "null", batch_sizes=(1, 4), scopes=("model", "pipeline"), budget_s=14.0)
    record = measure(pool, asked)
    found = summarise(record)
    assert len(found.results) == 3 * 4
    for row in found.results:
        assert row.throughput_per_s == pytest.approx(1000 * row.batch_size / row.mean_ms)
        if row.engine == "null":
            assert row.ratios == {}
            assert row.facts["answers"] is None
    negative = next(row for row in found.results if row.engine == "fake-negative")
    assert negative.facts["answers"] == {"texts": 32, "agreement": 0.0, "max_abs_delta_logit": 4.0}
    assert len(found.noise.harness) == 4
