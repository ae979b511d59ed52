"""The measuring protocol, proven with faulty and predictable engines in real worker processes."""

import itertools
import os
import signal
import statistics
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from src.bench import protocol, session
from src.bench.events import TWIN, Begun, Ended, Event, LeadIn, Loaded, Slice, Warmed
from src.bench.observer import Observer
from src.bench.plan import Case, Plan
from src.bench.record import Cell, Record, round_medians
from src.bench.settings import Settings
from src.engines import registry
from src.figures.results import floors, summarise
from src.host import evidence, lock
from src.host.lock import host_lock
from src.model.source import ModelSource
from src.stats import paired_ratio
from src.workers.pool import Pool
from tests.conftest import runs
from tests.fast import FAST
from tests.unit.test_pool import state

pytestmark = [pytest.mark.one_cpu, pytest.mark.usefixtures("fakes", "fake_answers", "calm")]
BASELINE = "fake-sleeping"
IMPATIENT = replace(FAST, patience_share=-1.0)


@pytest.fixture
def fake_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare answers with a fake's, so that PyTorch is not loaded for every test."""
    monkeypatch.setattr(registry, "ACCURACY_BASELINE", "fake-plausible")


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run beside pytest itself and whatever else the host does: nothing counts as a disturbance unless
    a test says so.
    """
    monkeypatch.setattr(evidence, "disturbances", lambda seen, *_: ())
    monkeypatch.setattr(evidence, "slowdowns", lambda speed, reference: ())


def plan(*engines: str, **changes: object) -> Plan:
    values: dict[str, object] = {
        "engines": engines,
        "sequence_lengths": (16,),
        "batch_sizes": (1,),
        "threads": (1,),
        "scopes": ("model",),
        "budget_s": 60.0,
        "percentile": 50,
        "precision": 0.5,
        "baseline": BASELINE,
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]


def measure(pool: Pool, asked: Plan, settings: Settings = FAST, **observer: Any) -> Record:
    """Carry out a plan in short slices; `observer` has fields of an Observer."""
    return protocol.run(pool, asked, ModelSource("embedded"), Observer(**observer), settings=settings)


def cell(engine: str, scope: str = "model", batch: int = 1, length: int = 16) -> Cell:
    return Cell(0, engine, Case(batch, length, 1, scope))


def all_slices(record: Record) -> list[Slice]:
    return sorted((one for some in record.slices.values() for one in some), key=lambda one: one.at_s)


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


@pytest.mark.parametrize("name", ["fake-sleep-1", "fake-sleep-5", "fake-sleep-20"])
def test_a_fixed_sleep_is_recovered_as_a_bare_loop_finds_it(pool: Pool, name: str):
    """Within 2 % of a bare loop around the same call, which runs in turn with the slices."""
    seconds = {"fake-sleep-1": 0.001, "fake-sleep-5": 0.005, "fake-sleep-20": 0.02}[name]
    bare: list[int] = []

    def loop(event: Event) -> None:
        if isinstance(event, Slice) and event.engine == name:
            for _ in range(5):
                before = time.perf_counter_ns()
                time.sleep(seconds)
                bare.append(time.perf_counter_ns() - before)

    record = measure(pool, plan(name), happened=loop)
    calls = [ns for one in record.slices[cell(name)] for ns in one.ns]
    assert statistics.median(calls) == pytest.approx(statistics.median(bare), rel=0.02)


def test_a_drift_leaves_paired_ratios_unchanged_while_pooled_means_move(pool: Pool, shared_home: Path):
    (shared_home / "drift.started").unlink(missing_ok=True)
    record = measure(
        pool, plan("fake-drifting-slower", baseline="fake-drifting", precision=0.001, budget_s=10.0)
    )
    slower, baseline = (record.slices[cell(name)] for name in ("fake-drifting-slower", "fake-drifting"))
    assert len(slower) >= 20

    def mean_ms(slices: list[Slice]) -> float:
        return statistics.mean(ns for one in slices for ns in one.ns) / 1e6

    half = len(baseline) // 4
    assert mean_ms(baseline[-half:]) > 1.3 * mean_ms(baseline[:half]), "the pooled means move"
    found = [
        paired_ratio(round_medians(slower[part]), round_medians(baseline[part]))
        for part in (slice(0, half), slice(-half, None))
    ]
    early, late = (one.ratio for one in found if one)
    assert early == pytest.approx(late, rel=0.04)
    assert early == pytest.approx(1.5, rel=0.04)


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


def test_disturbed_slices_stay_in_the_record_leave_the_statistics_and_are_repeated(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    turn = itertools.count()
    monkeypatch.setattr(
        evidence, "disturbances", lambda seen, *_: ("waited",) if next(turn) % 10 == 3 else ()
    )
    monkeypatch.setattr(evidence.Watch, "others_now", lambda self: (0.0, 0.0))
    record = measure(pool, plan("fake-negative"))
    found = summarise(record)
    disturbed = [one for one in all_slices(record) if one.disturbed]
    assert disturbed
    assert found.noise.disturbed_slices == len(disturbed)
    repeated = [one for one in all_slices(record) if one.attempt > 1]
    assert len(repeated) == len(disturbed)
    for row in found.results:
        kept = [one for one in record.slices[cell(row.engine)] if not one.disturbed]
        assert row.samples == sum(len(one.ns) for one in kept)
        assert row.verdict == "valid"


def test_a_cell_with_more_than_a_third_disturbed_is_noisy_and_says_why(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    turn = itertools.count()
    monkeypatch.setattr(evidence, "disturbances", lambda seen, *_: ("steal",) if next(turn) % 2 else ())
    monkeypatch.setattr(evidence.Watch, "others_now", lambda self: (9.0, 0.0))
    found = summarise(measure(pool, plan("fake-negative", budget_s=10.0, precision=0.9), IMPATIENT))
    noisy = [row for row in found.results if row.verdict == "noisy"]
    assert noisy
    assert all("hypervisor" in row.reasons[0] for row in noisy)
    assert found.noise.noisy


def test_a_busy_neighbour_is_noticed_and_named(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """A real one, on every CPU that is measured on."""
    monkeypatch.undo()
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES")
    monkeypatch.setattr(registry, "ACCURACY_BASELINE", "fake-plausible")
    neighbours = [psutil.Popen(["python3", "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    try:
        record = measure(pool, plan("fake-busy", budget_s=10.0), IMPATIENT)
    finally:
        for one in neighbours:
            one.kill()
            one.wait()
    found = summarise(record)
    busy = next(row for row in found.results if row.engine == "fake-busy")
    assert busy.verdict != "valid"
    assert found.noise.noisy
    assert any("used" in reason and "core" in reason for reason in found.noise.reasons)


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
    record = measure(pool, plan("fake-negative", "null", batch_sizes=(1, 4), scopes=("model", "pipeline")))
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


def test_twins_tie_and_five_percent_is_seen(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """Twenty repeats: an engine and its copy tie in at least 19, one 5 % slower is called slower in at least
    19. The noise floor comes from the baseline's A/A pair, another process still.
    """
    # Their processes stay from repeat to repeat: a sleeping engine is the same in each.
    monkeypatch.setattr(session.Session, "leave", lambda self, **_: self.seated.clear())
    ties = slower = 0
    for seed in range(20):
        names = ("fake-sleep-2-again", "fake-sleep-2-percent")
        record = measure(pool, plan(*names, baseline="fake-sleep-2", precision=0.9, seed=seed))
        verdicts = {row.engine: row.ratios for row in summarise(record).results}
        ties += verdicts["fake-sleep-2-again"]["fake-sleep-2"].verdict == "tie"
        slower += verdicts["fake-sleep-2-percent"]["fake-sleep-2"].verdict == "slower"
        assert all(pair for pair, *_ in floors(record).values())
    assert ties >= 19
    assert slower >= 19


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
    """One after the other without a break: the run goes on between them, and its budget is its own time."""
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
        record = measure(pool, plan("fake-long-sleeping", budget_s=10.0, precision=0.0001), happened=begin)
    finally:
        done.set()
        asker.join()
    assert record.ended
    assert record.ended.yielded_s > 2.0
    assert record.ended.seconds - record.ended.yielded_s > 8.0, "the time of others is not this run's"
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
