"""What a run of real engines writes and keeps, as people and machines use it on the command line."""

import csv
import io
import json
from functools import partial
from pathlib import Path

import pytest

from src.figures.report import CSV_COLUMNS
from tests import command_line
from tests.unit.test_results import FIELDS

pytestmark = pytest.mark.measuring
# What is read again is judged again.
run = partial(command_line.run, calm=True)
run_json = partial(command_line.run_json, calm=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small run of real engines, with every file it can write."""
    folder = tmp_path_factory.mktemp("run")
    files = {kind: folder / f"run.{kind}" for kind in ("json", "csv", "markdown")}
    # Two engines, not six, wide intervals, and every round counts: the tests are about the files.
    done = run(
        *("bench", "--engines", "onnxruntime-int8,null,openvino-fp32", "--seq-len", "16"),
        *("--scope", "model,pipeline", "--percentile", "90", "--precision", "90", "--budget", "100"),
        *(part for kind, path in files.items() for part in (f"--{kind}", str(path))),
    )
    assert done.returncode == 0, done.stderr
    assert "Differences below" in done.stdout
    return files


def test_the_json_is_the_schema(made: dict[str, Path]):
    found = json.loads(made["json"].read_text())
    assert found["schema_version"] == 2
    assert {(row["engine"], row["scope"]) for row in found["results"]} == {
        (engine, scope)
        for engine in ("onnxruntime-fp32", "onnxruntime-int8", "null")
        for scope in ("model", "pipeline")
    }
    run_facts = found["run"]
    for row in found["results"]:
        assert row.keys() == FIELDS
        # A run that its budget ended may have fewer calls than a p90 needs: then it says none.
        assert (row["p90_ms"] is None) == (row["samples"] < 64)
        assert row["samples"] >= 64 or run_facts["stopped"] == "budget"
        if row["engine"] != "null":
            assert row["peak_rss_mb"] > 50
            assert row["artifact_mb"] > 10
            assert row["facts"]["answers"]["texts"] == 32
    assert [one["engine"] for one in found["failures"]] == ["openvino-fp32"]
    assert run_facts["command"].startswith("python -m src bench --engines")
    assert run_facts["stopped"] in ("precision", "budget")
    assert {"isa", "libraries", "clock"} <= run_facts["host"].keys()
    fp32 = next(row for row in found["results"] if row["engine"] == "onnxruntime-fp32")
    assert fp32["facts"]["answers"]["agreement"] == 1.0


def test_the_measurer_sleeps_while_it_measures(made: dict[str, Path]):
    """Its share of a core while slices run: below 2 % is the aim on a quiet host, asserted with room."""
    assert json.loads(made["json"].read_text())["run"]["time"]["measurer_cpu_cores"] < 0.04


def test_null_tells_the_harness_own_cost(made: dict[str, Path]):
    harness = json.loads(made["json"].read_text())["noise"]["harness"]
    model = next(one for one in harness if one["scope"] == "model")
    assert model["median_us"] <= 2


def test_the_csv_holds_scope_model(made: dict[str, Path]):
    rows = list(csv.DictReader(io.StringIO(made["csv"].read_text())))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert {row["engine"] for row in rows} == {"onnxruntime-fp32", "onnxruntime-int8"}


def test_show_tells_the_same_from_the_file_and_from_the_kept_run(made: dict[str, Path]):
    found = json.loads(made["json"].read_text())
    kept = run_json("show", found["run"]["id"])
    assert kept == found
    assert run_json("show", str(made["json"])) == found
    assert run("show", str(made["json"]), "--markdown").stdout == made["markdown"].read_text()
    assert run("show", str(made["json"]), "--csv").stdout == made["csv"].read_text()
    text = run("show", str(made["json"])).stdout
    assert "onnxruntime-int8" in text
    assert "openvino-fp32 failed" in text


def test_compare_with_itself_is_all_ties(made: dict[str, Path]):
    found = run_json("compare", str(made["json"]), str(made["json"]))
    assert found["differences"] == []
    assert found["rows"]
    assert {row["latency"]["verdict"] for row in found["rows"] if row["latency"]} == {"tie"}
    assert "New ÷ base" in run("compare", str(made["json"]), str(made["json"])).stdout


def test_a_run_goes_to_another_home_and_back(made: dict[str, Path], tmp_path: Path):
    """Export, delete, import: the same run again, also in a home that never saw it."""
    found = json.loads(made["json"].read_text())
    id, path = found["run"]["id"], tmp_path / "run.json"
    assert id in {one["id"] for one in run_json("runs")}
    assert run_json("export", id, str(path)) == {"id": id, "file": str(path)}
    assert json.loads(path.read_text()) == found
    other = {"AWIY_HOME": str(tmp_path / "elsewhere")}
    assert "No run is kept yet" in run("runs", **other).stdout
    assert run_json("import", str(path), **other) == {"id": id, "new": True}
    assert run_json("import", str(path), **other) == {"id": id, "new": False}
    assert run_json("show", id, **other) == found
    assert run_json("delete", id, **other) == {"id": id}
    assert run_json("runs", **other) == []


def test_an_onnxruntime_csv_joins_and_is_compared_without_a_verdict(made: dict[str, Path], tmp_path: Path):
    home = {"AWIY_HOME": str(tmp_path / "elsewhere")}
    id = run_json("import", str(made["csv"]), **home)["id"]
    assert "without raw samples" in run("show", id, **home).stdout
    compared = run_json("compare", str(made["json"]), id, **home)
    assert {row["latency"]["verdict"] for row in compared["rows"]} == {None}
    assert "(no" in run("compare", str(made["json"]), id, **home).stdout
    done = run("export", id, **home)
    assert done.returncode == 1
    assert "no raw samples to export" in " ".join(done.stderr.split())
