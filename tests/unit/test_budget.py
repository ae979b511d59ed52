"""A budget bounds the whole of a run, and a sentence is let in whatever the run is at."""

import re
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from src.accuracy import confirming
from src.bench import accuracy
from src.bench.budget import Budget
from src.bench.plan import PRESETS, BadPlan, Plan
from src.bench.record import Record
from src.figures.results import summarise
from src.host.lock import host_lock
from src.jobs import queue
from src.model.source import ModelSource
from src.progress import Progress
from src.store.database import Store
from src.workers import artifacts
from src.workers.pool import Pool
from tests.measured import all_slices, calm, fake_answers, measure, plan
from tests.unit.test_results import made
from tests.unit.test_store import kept, store

__all__ = ["calm", "fake_answers", "store"]  # fixtures
pytestmark = pytest.mark.usefixtures("fakes", "fake_answers", "calm")
MODEL = ModelSource("embedded")


class Sentence:
    """Somebody who types once `began` is set, holds the host's lock for a moment, and notes the wait."""

    def __init__(self, holds_s: float = 0.3, times: int = 1) -> None:
        self.began = threading.Event()
        self.waits_s: list[float] = []
        self.held: list[tuple[float, float]] = []
        self.holds_s, self.times = holds_s, times
        self.thread = threading.Thread(target=self.ask, daemon=True)
        self.thread.start()

    def ask(self) -> None:
        self.began.wait()
        while len(self.waits_s) < self.times:
            began = time.monotonic()
            with host_lock("a sentence", lambda holder: None, urgent=True):
                taken = time.monotonic()
                self.waits_s.append(taken - began)
                time.sleep(self.holds_s)
                self.held.append((taken, time.monotonic()))


@pytest.fixture
def very_slow(monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Sixty cells of engines that take 5 s to load and half a second a call."""
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES,tests.fakes:VERY_SLOW")
    names = [f"fake-very-slow-{number}" for number in range(10)]
    return plan(*names, sequence_lengths=(8, 16, 32, 64, 128, 256), baseline=names[0], budget_s=10.0)


def test_no_budget_is_proposed_where_nothing_was_loaded():
    """Files that take long to build leave no time: by what was measured 0 s would do."""
    budget = Budget(plan("fake-negative"), time.monotonic())
    assert budget.remedy() == "Ask for more seconds, or once more: what was built is kept."
    budget.longest_load_s = 5.0
    assert re.match(r"A budget of [1-9]\d* s would do", budget.remedy())


def test_a_first_run_ends_with_its_budget_and_says_what_it_could_not_do(pool: Pool, very_slow: Plan):
    """What its engines cost is not known. A sentence that comes meanwhile waits for one load at most."""
    sentence = Sentence()

    def progress(step: Progress) -> None:
        if step.stage == "load":
            sentence.began.set()

    began = time.monotonic()
    record = measure(pool, very_slow, progress=progress)
    assert record.ended
    assert time.monotonic() - began - record.ended.yielded_s < 10.0 + 5.5
    told = [one.reason for one in record.failures]
    assert len(told) == 11, "ten engines, and the baseline's twin"
    assert all("A budget of" in reason and "would do" in reason for reason in told)
    sentence.thread.join()
    assert sentence.waits_s[0] < 3.5 + 5.5


@pytest.mark.usefixtures("two_cpus")
def test_what_is_known_not_to_fit_is_refused_with_the_budget_that_would_do(store: Store, very_slow: Plan):
    asked = replace(very_slow, threads=(2,))
    kept(store, made(dict.fromkeys(asked.engines, 500.0)))
    with pytest.raises(
        BadPlan, match=r"A budget of 10 s cannot pay.*at least \d+ s.*\d+ s would do"
    ) as refused:
        queue.ask(store, asked, "embedded", 10.0, "click", "token")
    would_do_s = float(re.findall(r"(\d+) s would do", str(refused.value))[0])
    assert would_do_s > 60 * 6 * 3 * 0.5, "six rounds of three calls of each cell, at the very least"
    queue.ask(store, replace(asked, budget_s=would_do_s), "embedded", 10.0, "click", "token")
    assert len(queue.waiting(store)) == 1


@pytest.mark.one_cpu
def test_cells_that_cannot_be_paid_for_are_left_out_and_the_others_are_whole(pool: Pool):
    """Seventy-five cells, a third of them of 20 ms, in 16 s, of which a slow host needs six to start its
    workers: those that were begun have their figures, the rest is named.
    """
    lengths = tuple(range(8, 58, 2))
    record = measure(
        pool, plan("fake-sleep-20", sequence_lengths=lengths, budget_s=16.0, precision=0.001, percentile=90)
    )
    assert record.ended
    found = summarise(record)
    assert record.ended.seconds < 16.0 + 1.5
    left_out = found.head.left_out
    assert left_out
    assert all("no time was left" in text for text in left_out)
    measured = len(found.results)
    assert measured + len([text for text in left_out if "#2" not in text]) == 2 * len(lengths)
    cases = Counter(row.sequence_length for row in found.results)
    assert measured >= 6
    assert list(cases.values()).count(2) >= 2, "some cases of both engines, not all of one"
    assert all(row.facts["rounds"] >= 6 for row in found.results)


def test_a_run_gives_sentences_no_more_than_its_budget(pool: Pool):
    """Somebody types without end: the run ends all the same, and tells what it gave."""
    sentence = Sentence(holds_s=3.0, times=50)
    sentence.began.set()
    began = time.monotonic()
    record = measure(pool, plan("fake-sleep-5", budget_s=10.0, precision=0.0001))
    sentence.times = 0
    assert record.ended
    assert record.begun
    assert record.begun.protocol["gives_way_for_s"] == 10.0
    assert 6.0 < record.ended.yielded_s < 10.0 + 4.0
    assert time.monotonic() - began < 2 * 10.0 + 7.0
    assert record.rounds >= 6


def test_what_comes_after_a_sentence_is_judged_from_its_first_slice_on(pool: Pool):
    """Else the CPU that others use is not seen for a second of slices (faults M16)."""
    sentence = Sentence()
    record = Record()
    rounds_before: list[int] = []

    def judged() -> list[bool]:
        return [slice.evidence.others_cores is not None for slice in all_slices(record)]

    def begin(_: Record) -> None:
        if any(judged()):  # a second of slices was needed for that
            sentence.began.set()
        if sentence.held:
            rounds_before.append(record.rounds)

    def stopped() -> bool:
        return bool(rounds_before) and record.rounds > rounds_before[0] + 2

    asked = plan("fake-sleep-20", budget_s=60.0, precision=0.0001)
    measure(pool, asked, happened=record.add, between_rounds=begin, stopped=stopped)
    assert sentence.held
    assert record.rounds > rounds_before[0] + 1
    slices = judged()
    assert all(slices[slices.index(True) :])


def test_an_engines_finished_cells_stay_when_it_fails_later(pool: Pool):
    record = measure(
        pool,
        plan("fake-later-crash", "fake-negative", sequence_lengths=(16, 32)),
    )
    assert [one.engine for one in record.failures] == ["fake-later-crash"]
    found = summarise(record)
    rows = [row for row in found.results if row.engine == "fake-later-crash"]
    assert len(rows) == 2
    for row in rows:
        assert row.facts["rounds"] >= 6
        assert row.verdict == "valid"
        assert row.median_ms > 1.0
        assert "failed later. At 1 × " in row.reasons[-1]


def test_a_baseline_that_dies_takes_the_verdicts_with_it(pool: Pool):
    record = measure(
        pool, plan("fake-negative", precision=0.0001, budget_s=12.0, baseline="fake-later-crash")
    )
    assert "fake-later-crash" in {one.engine for one in record.failures}
    (row,) = [row for row in summarise(record).results if row.engine == "fake-negative"]
    ratio = row.ratios["fake-later-crash"]
    assert ratio.ratio < 0.5
    assert ratio.verdict is None


def test_accuracy_lets_a_sentence_in(pool: Pool, tmp_path: Path):
    path = tmp_path / "d.tsv"
    path.write_text("".join(f"a film number {number}\t1\n" for number in range(400)))
    sentence = Sentence()

    def progress(step: Progress) -> None:
        if step.stage == "accuracy":
            sentence.began.set()

    began = time.monotonic()
    accuracy.measure(pool, [str(path)], ["fake-long-sleeping"], MODEL, progress)
    ended = time.monotonic()
    assert ended - began > 8.0
    sentence.thread.join(1.0)
    assert sentence.waits_s, "it waited until the end"
    assert sentence.waits_s[0] < 3.5


def test_a_sentence_goes_first_between_two_builds(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """And none is being built meanwhile: the sentence may need what would be half done."""
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    calls: list[list[str]] = []

    def between() -> str:
        calls.append([folder.name for folder in artifacts.cache.root().glob(".building-*")])
        return ""

    names = ["tests.recipes:small", "tests.recipes:slow", "tests.recipes:on_small"]
    for name in names:
        artifacts.cache.discard(name, MODEL)
    assert artifacts.ensure(names, MODEL, lambda _: None, pool.wait, between) == {}
    assert calls == [[], [], []]
    for name in names:
        artifacts.cache.discard(name, MODEL)
    failed = artifacts.ensure(names, MODEL, lambda _: None, pool.wait, lambda: "No time.")
    assert failed == dict.fromkeys(names, "No time.")


def test_what_is_looked_at_once_on_a_host_is_no_part_of_a_presets_budget(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    """Whether an engine answers as the one whose accuracy is stored; one's own budget bounds that, too."""
    given: list[float] = []
    identify = confirming.identify
    monkeypatch.setattr(Budget, "extend", lambda self, seconds: given.append(seconds))
    monkeypatch.setattr(confirming, "identify", lambda *those: (time.sleep(0.3), identify(*those)))
    budget_s = PRESETS["quick"].make().budget_s
    measure(pool, plan("fake-negative", preset="quick", budget_s=budget_s, precision=0.9))
    assert sum(given) >= 3 * 0.3, "of the baseline, its twin and the fake"
    given.clear()
    measure(pool, plan("fake-negative", preset="quick", budget_s=budget_s - 1, precision=0.9))
    assert sum(given) == 0


COUNT = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); date +%s.%N; sleep 0.1; done"


def test_a_long_command_stands_still_while_a_sentence_is_measured():
    """As pip does that makes an environment: it takes minutes, and CPUs."""
    from src.workers import long_command

    sentence = Sentence(holds_s=1.0)
    lines: list[float] = []

    def listen(line: str) -> None:
        lines.append(float(line))
        if len(lines) == 5:
            sentence.began.set()

    with host_lock("making an environment", lambda holder: None) as lock:
        long_command.run(["sh", "-c", COUNT], listen, lock)
    assert len(lines) == 40, "it went on to its end"
    assert sentence.waits_s[0] < 2.0
    (taken, let_go), offset = sentence.held[0], time.time() - time.monotonic()
    during = [at for at in lines if taken + 0.05 < at - offset < let_go - 0.05]
    assert during == []


def test_a_long_command_that_fails_tells_its_last_words():
    from src.workers import long_command

    with (
        host_lock("making an environment", lambda holder: None) as lock,
        pytest.raises(long_command.CommandFailed, match="ERROR: no such thing"),
    ):
        long_command.run(
            ["sh", "-c", "echo fine; echo ERROR: no such thing; exit 3"], lambda line: None, lock
        )
