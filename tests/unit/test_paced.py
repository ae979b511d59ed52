"""One request each half second: paced cells beside those measured back to back."""

import json
import time
from dataclasses import asdict, replace

import pytest

from src.bench import paced, plan
from src.bench.events import Slice, from_json, to_json
from src.bench.plan import Case, Plan
from src.bench.record import Cell, Record
from src.figures import report
from src.figures.results import summarise
from src.host.probe import Speed
from src.references.pacing import paced_cells
from src.store import runs, transfer
from src.store.database import Store
from src.workers.pool import Pool
from tests.measured import BASELINE, calm, fake_answers, measure  # noqa: F401 (fixtures)
from tests.measured import plan as fake_plan
from tests.unit.test_results import QUIET, made
from tests.unit.test_store import kept, store  # noqa: F401 (a fixture)

pytestmark = pytest.mark.one_cpu

CASE = Case(1, 16, 2, "pipeline")


@pytest.fixture
def record() -> Record:
    """A run in scope `pipeline` with paced cells of two engines: 3 and 1.8 ms back to back (2 and 1.2 on a
    host that drifts), 4.5 and 2.7 ms with pauses.
    """
    record = Record()
    times = {"onnxruntime-fp32": 2.0, "onnxruntime-fp32#2": 2.0, "onnxruntime-int8": 1.2}
    for event in made(times).events():
        record.add(replace(event, case=CASE) if hasattr(event, "case") else event)  # type: ignore[type-var]
    for engine in ("onnxruntime-fp32", "onnxruntime-int8"):
        for number in range(1, 7):
            ns = tuple(int(2.25e6 * times[engine] * factor) for factor in (0.99, 1.0, 1.01))
            record.add(Slice(0, number, 1, engine, CASE, 100.0 + number, ns, 10, QUIET, (), 5, None, 0.5))
    return record


def test_paced_cells_are_figures_of_their_own(record: Record):
    run = summarise(record)
    assert [row.engine for row in run.paced] == ["onnxruntime-fp32", "onnxruntime-int8"]
    for row, ms in zip(run.paced, (4.5, 2.7), strict=True):
        assert row.median_ms == pytest.approx(ms, rel=0.01)
        assert (row.pace_s, row.samples, row.rounds, row.verdict) == (0.5, 18, 6, "valid")
    back_to_back = {row.engine: row.median_ms for row in run.results}
    assert back_to_back["onnxruntime-int8"] == pytest.approx(1.8, rel=0.05), "they do not change the results"
    assert run.head.rounds == 20
    assert "One request each 0.5 s: onnxruntime-int8, 16 tokens" in report.to_markdown(run)


def test_they_stand_beside_infinity_with_both_ways(record: Record):
    int8, fp32 = paced_cells(summarise(record))
    assert (int8.paced.engine, fp32.paced.engine) == ("onnxruntime-int8", "onnxruntime-fp32")
    assert int8.reference
    assert int8.paced_ratio == pytest.approx(2.7 / 2.6, rel=0.01)
    assert int8.back_to_back_ratio == pytest.approx(1.8 / 2.6, rel=0.05)
    assert int8.slower == pytest.approx(1.5, rel=0.1)
    assert int8.comparison
    assert not any("Pacing" in caveat for caveat in int8.comparison.caveats), "as the demo was driven"


def slowed(record: Record, times: float, only: int | None = None, but: int | None = None) -> Record:
    """Let the CPUs be slower than their 80 µs for a loop at all paced slices, only or all but a round's."""
    again = Record()
    for event in record.events():
        if isinstance(event, Slice):
            loop_us = event.evidence.loop_us or 80.0
            if event.pace_s and only in (None, event.round) and event.round != but:
                loop_us *= times
            event = replace(event, evidence=replace(event.evidence, loop_us=loop_us))
        again.add(event)
    return again


def test_a_clock_that_falls_while_it_rests_is_what_pacing_does(record: Record):
    for speed, told in ((1.0, False), (0.6, True)):
        run = summarise(slowed(record, 1 / speed))
        assert {row.verdict for row in run.paced} == {"valid"}
        assert [row.cpu_speed for row in run.paced] == pytest.approx([speed, speed])
        assert (f"a CPU runs at {100 * speed:.0f} % of its speed" in report.to_markdown(run)) == told
    assert run.noise.reference == Speed(None, 80.0), "back to back is judged by itself"
    assert run.noise.disturbed_slices == 0


def test_some_slices_at_which_the_clock_had_not_fallen_yet_are_no_yardstick(record: Record):
    run = summarise(slowed(record, 1.6, but=1))
    assert {row.verdict for row in run.paced} == {"valid"}
    assert [row.cpu_speed for row in run.paced] == pytest.approx([1 / 1.6, 1 / 1.6])


def test_what_disturbs_some_paced_slices_is_noise(record: Record):
    run = summarise(slowed(slowed(record, 1.5), 1.5, only=3))
    for row in run.paced:
        assert (row.rounds, row.verdict) == (5, "invalid")
        assert "A CPU ran at 67 % of its speed in 1 of 6 slices" in row.reasons[1]


def test_too_few_rounds_and_noise_are_told(record: Record):
    cell = Cell(0, "onnxruntime-int8", CASE)
    record.paced[cell] = record.paced[cell][:4]
    row = summarise(record).paced[1]
    assert row.verdict == "invalid"
    assert "4 undisturbed rounds" in row.reasons[0]
    int8, _ = paced_cells(summarise(record))
    assert int8.paced_ratio is None, "nothing is said that it does not carry"
    assert int8.slower is None


def test_they_survive_the_store_and_a_file(record: Record, store: Store):  # noqa: F811
    again = runs.record(store, kept(store, record))
    assert again.paced == record.paced
    data = json.dumps(transfer.whole(record)).encode()
    assert transfer.parse(data, "run.json").paced == record.paced
    assert [from_json(to_json(event)) for event in record.events()] == record.events()


def test_the_fastest_faithful_engines_and_the_baseline_are_chosen(record: Record):
    assert record.begun
    cells = [*record.warmed]
    assert [cell.engine for cell in paced.chosen(record, cells)] == ["onnxruntime-fp32", "onnxruntime-int8"]
    for key, loaded in list(record.loaded.items()):
        if loaded.engine == "onnxruntime-int8":
            record.loaded[key] = replace(loaded, facts={**loaded.facts, "accuracy": {"state": "misses"}})
    assert [cell.engine for cell in paced.chosen(record, cells)] == ["onnxruntime-fp32"]


def test_they_take_a_minute_or_a_tenth_of_the_budget_at_most():
    writeup = plan.writeup()
    assert paced.slice_calls(writeup) == paced.CALLS
    assert paced.reserved_s(writeup) == 60.0
    for budget_s in (10.0, 100.0, 300.0, 600.0):
        asked = replace(writeup, budget_s=budget_s)
        calls = paced.slice_calls(asked)
        assert calls * 6 * 6 * 0.5 <= 0.1 * budget_s
        assert paced.reserved_s(asked) <= 0.1 * budget_s
    assert paced.reserved_s(plan.quick()) == 0.0
    assert plan.from_json(asdict(writeup)) == writeup
    earlier = {name: value for name, value in asdict(writeup).items() if name != "demo_pace_s"}
    assert plan.from_json(earlier).demo_pace_s == 0.0, "plans of earlier versions have none"


@pytest.mark.usefixtures("fakes", "fake_answers", "calm")
def test_a_run_measures_them_at_its_end(pool: Pool):
    asked: Plan = fake_plan("fake-negative", "fake-sleep-5", scopes=("model", "pipeline"), demo_pace_s=0.02)
    record = measure(pool, asked)
    assert record.ended
    assert record.ended.stopped == "precision"
    assert {cell.engine for cell in record.paced} == {BASELINE, "fake-negative", "fake-sleep-5"}
    last = max(slice.at_s for slices in record.slices.values() for slice in slices)
    for cell, slices in record.paced.items():
        assert cell.case.scope == "pipeline"
        assert [len(slice.ns) for slice in slices] == [paced.CALLS] * 6
        assert all(slice.pace_s == 0.02 and slice.at_s > last for slice in slices)
    rows = {row.engine: row for row in summarise(record).paced}
    assert 2.0 < rows[BASELINE].median_ms < 10.0, "the pause is outside the timer"


@pytest.mark.usefixtures("fakes", "fake_answers", "calm")
def test_an_engine_that_fails_when_paced_is_left_out_and_the_others_go_on(pool: Pool):
    asked = fake_plan("fake-crash-paced", scopes=("pipeline",), demo_pace_s=0.4, budget_s=200.0)
    began = time.monotonic()
    record = measure(pool, asked)
    assert time.monotonic() - began < 60
    assert [failure.engine for failure in record.failures] == ["fake-crash-paced"]
    run = summarise(record)
    assert [(row.engine, row.rounds) for row in run.paced] == [(BASELINE, 6)]


def test_a_run_with_pauses_has_no_paced_cells_besides():
    assert paced.slice_calls(replace(plan.writeup(), pace_s=0.5)) == 0
