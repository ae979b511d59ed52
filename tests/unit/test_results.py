"""From the record of a run to its figures, its files and its comparison, with made-up slices."""

import csv
import io
import json
import statistics
from dataclasses import asdict, replace

import numpy as np
import pytest

from src.bench.events import (
    SCHEMA_VERSION,
    TWIN,
    Begun,
    Ended,
    Failed,
    Loaded,
    Slice,
    Warmed,
    from_json,
    to_json,
)
from src.bench.plan import Case, Plan
from src.bench.record import Cell, Record
from src.figures import report
from src.figures.compare import Difference, Side, compare
from src.figures.results import summarise
from src.figures.run import Result, Run
from src.figures.run import from_json as run_from_json
from src.figures.run import to_json as run_to_json
from src.host.evidence import Evidence
from src.store import transfer

CASE = Case(1, 16, 2, "model")
QUIET = Evidence(1.98, 2, 0.004, 0.03, 0.0, 0, None, 1)
BASELINE = "onnxruntime-fp32"
FIELDS = {
    *("engine", "precision", "device", "environment", "batch_size", "sequence_length", "threads", "scope"),
    *("samples", "mean_ms", "median_ms", "median_ci95_ms", "min_ms", "std_ms", "p90_ms", "p95_ms", "p99_ms"),
    *("p90_bound_ms", "p95_bound_ms", "p99_bound_ms"),
    *("throughput_per_s", "load_s", "first_call_ms", "peak_rss_mb", "artifact_mb", "effective_threads"),
    *("ramp", "switch_ms", "verdict", "reasons", "ratios", "facts"),
    *("model_fingerprint", "artifact_key", "runtime", "cpu_key"),
}


def made(
    times_ms: dict[str, float],
    rounds: int = 20,
    seed: int = 1,
    calls: int = 10,
    drifts: bool = False,
    **host: str,
) -> Record:
    """Return the record of a run in which engines take 1 to 2 times these times: the host is now faster, now
    slower, or, where it `drifts`, ever slower.
    """
    rng = np.random.default_rng(seed)
    record = Record()
    plan = asdict(Plan(tuple(times_ms), (16,), (1,), (2,), ("model",), 60.0))
    described = {"name": "h", "cpu": "A CPU", "allowed_cpus": 2, "system": "Linux 6", **host}
    model = {"name": "M", "architecture": "MiniLM-L6-H384"}
    record.add(
        Begun(
            SCHEMA_VERSION,
            "20261124-010203-abcd",
            "2026-11-24T01:02:03Z",
            "bench",
            described,
            model,
            plan,
            {},
            {"16": "x"},
        )
    )
    for name in times_ms:
        told = {"onnxruntime": "1.32.0"}
        sizes = (0.5, 90.0, 80.0, 40.0)
        record.add(Loaded(0, name, 2, name, "fp32", "cpu", "main", *sizes, "fused-1", told))
        record.add(Warmed(0, name, CASE, 9.0, 20, True, 1000, 1e6, 120.0, None))
    for number in range(1, rounds + 1):
        drift = 1 + (number if drifts else number * 7 % rounds + 1) / rounds
        for name, ms in times_ms.items():
            ns = tuple(int(ms * drift * 1e6 * value) for value in rng.lognormal(0, 0.01, calls))
            record.add(Slice(0, number, 1, name, CASE, float(number), ns, 10, QUIET, ()))
    record.add(Ended("precision", 60.0, 50.0, 40.0, 45.0, 0.1, 0.0, 0.0))
    return record


@pytest.fixture
def record() -> Record:
    return made({BASELINE: 2.0, BASELINE + TWIN: 2.0, "onnxruntime-int8": 1.2, "pytorch-fp32": 6.0})


def side(record: Record) -> Side:
    return Side(summarise(record), record)


def only(found: Run, engine: str) -> Result:
    return next(row for row in found.results if row.engine == engine)


def test_every_field_of_the_schema_is_there(record: Record):
    found = json.loads(json.dumps(transfer.whole(record)))
    assert {"schema_version", "run", "results", "failures", "noise", "summary", "events"} <= found.keys()
    assert {row["engine"] for row in found["results"]} == {BASELINE, "onnxruntime-int8", "pytorch-fp32"}
    for row in found["results"]:
        assert row.keys() == FIELDS


def test_a_run_comes_back_from_its_json(record: Record):
    """With what an earlier version lacked, and what a later one may add."""
    run = summarise(record)
    written = json.loads(json.dumps(run_to_json(run)))
    assert json.loads(json.dumps(run_to_json(run_from_json(written)))) == written
    for row in written["results"]:
        del row["switch_ms"], row["ramp"], row["cpu_key"]
        row["of_later"] = 1
    del written["paced"], written["run"]["left_out"]
    older = run_from_json(written)
    assert [result.median_ms for result in older.results] == [result.median_ms for result in run.results]
    assert {(result.switch_ms, result.ramp, result.cpu_key) for result in older.results} == {(None,) * 3}


@pytest.mark.parametrize("damage", [{"results": 1}, {"run": {}}, {"noise": {"pairs": [{}]}}])
def test_what_is_no_run_is_refused(record: Record, damage: dict):
    with pytest.raises(ValueError, match="Run"):
        run_from_json({**run_to_json(summarise(record)), **damage})


def test_figures_are_those_of_the_calls(record: Record):
    row = only(summarise(record), "onnxruntime-int8")
    calls = [ns / 1e6 for one in record.slices[Cell(0, "onnxruntime-int8", CASE)] for ns in one.ns]
    assert row.samples == 200
    rounds = [statistics.median(one.ns) / 1e6 for one in record.slices[Cell(0, "onnxruntime-int8", CASE)]]
    assert row.median_ms == pytest.approx(statistics.median(rounds)), "from what its interval is from"
    assert row.mean_ms == pytest.approx(statistics.mean(calls))
    assert row.std_ms == pytest.approx(statistics.stdev(calls))
    assert row.min_ms == pytest.approx(min(calls))
    assert row.p90_ms == pytest.approx(np.percentile(calls, 90))
    assert row.p95_ms is not None
    assert row.p99_ms is None, "200 calls are too few"
    assert row.median_ci95_ms[0] <= row.median_ms <= row.median_ci95_ms[1]
    assert row.verdict == "valid"


def test_ratios_are_of_rounds_and_do_not_feel_the_drift(record: Record):
    found = summarise(record)
    ratio = only(found, "onnxruntime-int8").ratios[BASELINE]
    assert ratio.ratio == pytest.approx(0.6, rel=0.01)
    assert ratio.verdict == "faster"
    assert only(found, "pytorch-fp32").ratios[BASELINE].verdict == "slower"
    assert only(found, BASELINE).ratios == {}
    assert found.noise.pairs[0].ratio == pytest.approx(1, abs=0.01)
    assert found.noise.noise_floor == pytest.approx(0.01, abs=0.005)
    assert found.summary[0].geometric_mean_ratio == pytest.approx(0.6, rel=0.01)


def test_disturbed_slices_count_for_nothing_but_the_verdict(record: Record):
    cell = Cell(0, "onnxruntime-int8", CASE)
    busy = replace(QUIET, others_cores=0.9)
    record.slices[cell][:8] = [
        replace(one, ns=tuple(10**9 for _ in one.ns), disturbed=("others",), evidence=busy)
        for one in record.slices[cell][:8]
    ]
    row = only(summarise(record), "onnxruntime-int8")
    assert row.median_ms < 10
    assert row.samples == 120
    assert row.verdict == "noisy"
    assert row.reasons == (
        "Another process used 0.9 of a core in 8 of 20 slices. Close other programs and run again.",
    )
    assert row.ratios[BASELINE].rounds == 12
    assert row.facts["rounds_lost"] == 8


def test_a_repeat_makes_up_for_a_disturbed_slice(record: Record):
    cell = Cell(0, "onnxruntime-int8", CASE)
    for one in record.slices[cell][:15]:
        record.add(replace(one, attempt=2, disturbed=("others",)))
    found = summarise(record)
    assert only(found, "onnxruntime-int8").verdict == "valid", "every round has an undisturbed slice"
    assert only(found, "onnxruntime-int8").facts["disturbed_slices"] == 15
    assert not found.noise.noisy


def test_a_run_that_mostly_waited_is_noisy(record: Record):
    assert record.ended
    record.ended = replace(record.ended, waited_s=20.0)
    found = summarise(record)
    assert found.noise.noisy
    assert {row.verdict for row in found.results} == {"valid"}


def test_too_few_rounds_are_invalid_and_say_what_to_do():
    row = only(summarise(made({BASELINE: 2.0, "pytorch-fp32": 6.0}, rounds=4)), "pytorch-fp32")
    assert row.verdict == "invalid"
    assert "Give a larger budget" in row.reasons[0]
    assert row.median_ci95_ms is None
    assert row.ratios[BASELINE].verdict is None


def test_nothing_undisturbed_has_no_numbers(record: Record):
    cell = Cell(0, "pytorch-fp32", CASE)
    record.slices[cell] = [replace(one, disturbed=("steal",)) for one in record.slices[cell]]
    row = only(summarise(record), "pytorch-fp32")
    assert row.median_ms is None
    assert row.throughput_per_s is None
    assert row.ratios == {}
    assert row.verdict == "invalid"
    assert "| – |" in report.to_markdown(summarise(record))


def test_what_an_engine_finished_stays_when_it_fails(record: Record):
    (before,) = [row for row in summarise(record).results if row.engine == "pytorch-fp32"]
    record.add(Failed("pytorch-fp32", "It crashed | <b>."))
    found = summarise(record)
    (row,) = [row for row in found.results if row.engine == "pytorch-fp32"]
    later = "The engine failed later. It crashed | <b>."
    assert row == replace(before, reasons=(*before.reasons, later))
    assert found.failures == (Failed("pytorch-fp32", "It crashed | <b>."),)
    assert "It crashed \\| &lt;b>." in report.to_markdown(found)


def test_the_record_comes_back_from_its_events(record: Record):
    again = Record()
    for event in json.loads(json.dumps(record.to_json())):
        again.add(from_json(event))
    assert json.dumps(run_to_json(summarise(again))) == json.dumps(run_to_json(summarise(record)))
    assert json.dumps(again.to_json()) == json.dumps(record.to_json())


@pytest.mark.parametrize(
    "damaged", [{}, {"kind": "what"}, {"kind": "slice"}, {"kind": "failed", "engine": 1}, []]
)
def test_what_is_no_event_is_refused(damaged: object):
    with pytest.raises(ValueError, match="no event of a run"):
        from_json(damaged)  # type: ignore[arg-type]


def test_events_name_their_kind(record: Record):
    assert [to_json(one)["kind"] for one in (Failed("a", "b"),)] == ["failed"]


def test_the_csv_has_onnxruntimes_columns(record: Record):
    rows = list(csv.DictReader(io.StringIO(report.to_csv(summarise(record)))))
    assert tuple(rows[0]) == report.CSV_COLUMNS
    assert len(report.CSV_COLUMNS) == 21
    assert [row["engine"] for row in rows] == [BASELINE, "onnxruntime-int8", "pytorch-fp32"]
    row, result = rows[0], only(summarise(record), BASELINE)
    assert float(row["average_latency_ms"]) == pytest.approx(result.mean_ms, rel=1e-5)
    assert float(row["latency_variance"]) == pytest.approx((result.std_ms / 1000) ** 2 * 1000, rel=1e-5)
    assert row["latency_99_percentile"] == ""
    assert (row["version"], row["test_times"], row["inputs"]) == ("1.32.0", "200", "3")


def test_compare_lists_what_differs_first_and_greys_what_is_noise(record: Record):
    other = made(
        {BASELINE: 3.0, BASELINE + TWIN: 3.0, "onnxruntime-int8": 1.8, "pytorch-fp32": 7.2},
        seed=2,
        cpu="B CPU",
    )
    found = compare(side(record), side(other))
    assert Difference("host cpu", "A CPU", "B CPU") in found.differences
    rows = {row.engine: row for row in found.rows}
    assert rows["onnxruntime-int8"].latency.ratio == pytest.approx(1.5, rel=0.02)
    assert rows["onnxruntime-int8"].latency.verdict == "slower", "the host is slower"
    assert rows["onnxruntime-int8"].to_baseline.verdict == "tie", "its ratio to the baseline is not"
    assert rows["pytorch-fp32"].to_baseline.ratio == pytest.approx(0.8, rel=0.02)
    assert rows["pytorch-fp32"].to_baseline.verdict == "faster"
    assert rows[BASELINE].to_baseline is None


def test_compare_tells_another_lead_in(record: Record):
    """Before there was one that was measured, engines with large weights were read too slow."""
    other = made({BASELINE: 2.0, BASELINE + TWIN: 2.0, "onnxruntime-int8": 1.2})
    assert other.begun
    other.begun = replace(other.begun, protocol={"lead_in": {"tolerance": 0.01}})
    found = compare(side(record), side(other)).differences
    assert Difference("protocol lead_in", None, {"tolerance": 0.01}) in found


def test_a_run_whose_cell_was_not_steady_says_which(record: Record):
    cell = Cell(0, "onnxruntime-int8", CASE)
    falling = (1.2e6, 1.18e6, 1.16e6, 1.14e6, 1.12e6, 1.1e6)
    record.slices[cell] = [replace(one, ns=tuple(map(int, falling))) for one in record.slices[cell]]
    found = summarise(record)
    assert only(found, "onnxruntime-int8").verdict == "noisy"
    assert found.noise.reasons[0] == "Not steady within their slices: onnxruntime-int8 at 16 tokens."


def test_a_run_compared_with_itself_ties(record: Record):
    found = compare(side(record), side(record))
    assert found.differences == ()
    assert {row.latency.verdict for row in found.rows} == {"tie"}
