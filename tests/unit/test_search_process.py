"""One process conducts a search; others see which, and how far it is."""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from src.bench.plan import Plan
from src.host import identity
from src.progress import Progress
from src.search import clock, live, process, state
from src.search.live import Teller, Told
from src.search.process import AlreadyConducted, NotBegun
from src.search.state import Search
from tests import command_line
from tests.conftest import ROOT
from tests.jobs import until
from tests.search_host import BEST, ROW, begin, record_of, truth_ms

HOLD = (
    "import sys, time; from src.search import process\nwith process.conducting(sys.argv[1]): time.sleep(60)"
)


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Search:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    kept = begin()
    state.keep(kept)
    return kept


def test_two_processes_do_not_conduct_one_search(search: Search):
    other = subprocess.Popen([sys.executable, "-c", HOLD, search.id], cwd=ROOT)
    try:
        until(lambda: process.conductor(search.id))
        assert process.conductor(search.id) == identity.of(other.pid)
        with pytest.raises(AlreadyConducted, match=f"by process {other.pid}"), process.conducting(search.id):
            pytest.fail("it was let in")
        done = command_line.run("find", "--resume", search.id)
        assert done.returncode == 1
        assert f"by process {other.pid}" in done.stderr.replace("\n", " ")
    finally:
        other.kill()
        other.wait()
    assert process.conductor(search.id) is None, "killed, it left nothing that keeps others out"
    with process.conducting(search.id):
        assert process.conductor(search.id) == identity.own()


def test_nobody_conducts_what_was_never_begun(search: Search):
    assert process.conductor(search.id) is None


def test_a_process_is_started_and_stopped(search: Search, monkeypatch: pytest.MonkeyPatch):
    """Started as from a shell that ignores Ctrl-C for what runs in the background."""
    ready = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{HOLD}"
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", ready))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start(search.id)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.conductor(search.id)
    process.stop(search.id)
    until(lambda: process.conductor(search.id) is None, 10)


def test_one_that_ends_at_once_says_why(search: Search, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", "raise SystemExit('no room')"))
    with pytest.raises(NotBegun, match="no room"):
        process.start(search.id)


def test_why_the_real_command_ends_is_told_whole(search: Search):
    """An engine that there is not: the command's JSON has the reason, in more than one line."""
    state.keep(replace(search, asked=replace(search.asked, engines=("no-such-engine",))))
    try:
        process.start(search.id)
        said = str(until(lambda: state.find(search.id).problem, 60))
    except NotBegun as error:
        said = str(error)
    assert "Unknown engine “no-such-engine”" in said


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ('Search x\n{\n  "error": "No room."\n}\n', "No room."),
        ("A line\nThe last one\n", "The last one"),
        ("", "It printed nothing."),
        ('{\n  "search": 1\n}\n', "}"),
    ],
)
def test_the_reason_is_that_of_the_json(printed: str, told: str):
    assert process.reason(printed) == told


def test_memory_groups_count_their_own_rounds(search: Search):
    """The second group is at its third round, when the first has long had sixty."""
    engines = (ROW, BEST)
    plan = Plan(engines, (16,), (1,), (2,), ("model",), 60.0, racing=engines)
    record = record_of(plan, "20261127-000001-abcd", 1)
    moved = next(cell for cell in record.slices if cell.engine == ROW)
    record.slices[moved._replace(group=1)] = [replace(one, group=1) for one in record.slices.pop(moved)[:3]]
    assert {racer.engine: racer.racing for racer in live.racers(record, plan)} == {ROW: True, BEST: True}


def test_how_far_it_is_is_told_and_taken_back(search: Search, monkeypatch: pytest.MonkeyPatch):
    teller = Teller(search.id)
    teller.tell(Progress("screen", "Screening it", 3, 9))
    assert live.of(search.id) == Told("Screening it", 3, 9)
    monkeypatch.setattr(live, "EVERY_S", 60.0)
    teller.tell(Progress("screen", "Screening another", 4, 9))
    assert live.of(search.id) == Told("Screening it", 3, 9), "not more often than somebody reads it"
    teller.end()
    assert live.of(search.id) is None


def test_a_race_is_told_as_it_stands(search: Search):
    engines = (ROW, "pytorch-fp32", BEST)
    plan = Plan(engines, (16,), (1,), (2,), ("model",), 60.0, racing=engines)
    record = record_of(plan, "20261127-000001-abcd", 1)
    teller = Teller(search.id)
    teller.between_rounds(record)
    told = live.of(search.id)
    assert told
    assert told.text == f"Race: round {record.rounds} is done"
    assert [racer.engine for racer in told.racers] == sorted(engines, key=truth_ms)
    assert [racer.racing for racer in told.racers] == [True, False, False]
    assert told.racers[1].ratios[0] == pytest.approx(truth_ms(ROW) / truth_ms(BEST), rel=0.02)


def test_waits_for_who_else_measures_are_not_the_searchs_time(monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: now[0]))
    watch, told = clock.Clock(), []
    tell = watch.beside(told.append)
    for stage, takes_s in (("build", 1.0), ("wait", 30.0), ("screen", 2.0), ("wait", 50.0)):
        tell(Progress(stage, "as it says"))
        now[0] += takes_s
    assert watch.lap_s() == 3.0
    now[0] += 4.0
    assert watch.lap_s() == 4.0
    assert [step.stage for step in told] == ["build", "wait", "screen", "wait"]


def test_a_run_that_goes_on_is_time_spent(search: Search):
    """In the search itself it is once the run has ended."""
    first = state.Heat(0, (ROW,), run="20261127-100000-abcd", ended=True, counted=True)
    search = replace(search, spent_s=60.0, heats=(first, state.Heat(1, (ROW,), run="20261127-100100-abcd")))
    assert live.so_far(search, datetime(2026, 11, 27, 10, 2, 30, tzinfo=UTC)).spent_s == 150.0
    assert live.so_far(search, datetime(2026, 11, 27, 9, 0, 0, tzinfo=UTC)).spent_s == 60.0, (
        "a clock set back"
    )
    ended = replace(search, heats=(first,))
    assert live.so_far(ended, datetime(2026, 11, 27, 10, 2, 30, tzinfo=UTC)) == ended
