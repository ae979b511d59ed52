"""ONNX Runtime's benchmark CSV: taken in as a run without raw samples, and every hostile table refused."""

import csv
import io

import pytest

from src.figures import report, results
from src.store import ort_csv, runs
from src.store.database import Store
from src.store.transfer import BadRun
from tests.unit.test_results import made
from tests.unit.test_transfer import TIMES, run, store

__all__ = ["run", "store"]  # fixtures

ROW = {
    **dict.fromkeys(report.CSV_COLUMNS, ""),
    **{
        "engine": "onnxruntime",
        "version": "1.10.0",
        "device": "cpu",
        "precision": "fp32",
        "optimizer": "by_script",
    },
    **{"io_binding": "True", "model_name": "MiniLM", "inputs": "1", "threads": "2", "batch_size": "1"},
    **{"sequence_length": "16", "datetime": "2021-10-03 12:00:00.123", "test_times": "100", "QPS": "400"},
    **{"average_latency_ms": "2.50", "latency_90_percentile": "2.7"},
}


def table(*rows: dict[str, str], columns: tuple[str, ...] = report.CSV_COLUMNS) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def test_a_csv_joins_as_an_imported_run_without_a_verdict(store: Store):
    data = table(ROW, ROW | {"engine": "torchscript", "average_latency_ms": "5.1"})
    id, new = ort_csv.take_in(store, data, "detail.csv")
    assert new
    assert ort_csv.take_in(store, data, "detail.csv") == (id, False)
    one = runs.listed(store)[0]
    assert (one.source, one.stopped, one.noisy, one.samples) == ("imported", "table", None, 200)
    assert one.started_at == "2021-10-03T12:00:00Z"
    rows = runs.run(store, id).results
    assert {row.engine: row.mean_ms for row in rows} == {
        "onnxruntime-fp32": 2.5,
        "torchscript-fp32": 5.1,
    }
    for row in rows:
        assert row.median_ms is None
        assert row.median_ci95_ms is None
        assert row.verdict is None
        assert row.facts["inputs"] == "1"


def test_rows_of_other_models_devices_and_settings_stay_apart(store: Store):
    data = table(
        ROW,
        ROW | {"model_name": "bert-base", "average_latency_ms": "9"},
        ROW | {"device": "cuda", "average_latency_ms": "0.5"},
        ROW | {"optimizer": "by_ort", "average_latency_ms": "3"},
    )
    id, _ = ort_csv.take_in(store, data, "detail.csv")
    run = runs.run(store, id)
    assert sorted(row.mean_ms for row in run.results) == [0.5, 2.5, 3, 9]
    assert len({row.engine for row in run.results}) == 4
    assert any("model bert-base" in row.title for row in run.results)
    out = {line["average_latency_ms"]: line for line in csv.DictReader(io.StringIO(report.to_csv(run)))}
    assert out["3"]["optimizer"] == "by_ort"
    assert out["9"]["model_name"] == "bert-base"
    assert out["2.5"]["io_binding"] == "True"


def test_headers_in_the_middle_and_repeated_cases_are_that_tools_way(store: Store):
    data = table(ROW) + table(ROW | {"average_latency_ms": "2.6"})
    run = ort_csv.parse(data, "detail.csv")
    assert [row.mean_ms for row in run.results] == [2.6]


def test_our_own_csv_comes_back(store: Store):
    ours = results.summarise(made({**TIMES, "onnxruntime-int8-fused": 1.1, "onnxruntime-int8@1.24.4": 1.0}))
    run = ort_csv.parse(report.to_csv(ours).encode(), "ours.csv")
    assert {row.engine: row.mean_ms for row in run.results} == {
        row.engine: pytest.approx(row.mean_ms, rel=1e-5) for row in ours.results if row.samples
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a,b\n1,2\n", "missing: engine"),
        (table(columns=tuple(reversed(report.CSV_COLUMNS))), "order differs"),
        (table(), "no rows"),
        (table(ROW | {"average_latency_ms": "nan"}), "line 2, column average_latency_ms"),
        (table(ROW | {"average_latency_ms": "-1"}), "milliseconds above 0"),
        (table(ROW | {"batch_size": "1e9"}), "column batch_size"),
        (table(ROW | {"threads": "1" + "0" * 30}), "column threads"),
        (table(ROW | {"engine": "<script>alert(1)</script>"}), "no name of an engine"),
        (table(*[ROW] * 5001), "at most 5,000"),
        (b"engine," + b"x" * 2_100_000, "at most 2 MB"),
        (table(ROW) + b'"', "no CSV"),
        (table(ROW).replace(b"MiniLM", b"Mini,LM"), "22 cells"),
    ],
    ids=range(12),
)
def test_hostile_tables_are_refused(store: Store, data: bytes, words: str):
    with pytest.raises(BadRun, match=words):
        ort_csv.take_in(store, data, "table.csv")
    assert not runs.listed(store)
