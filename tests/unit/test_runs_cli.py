"""`bench`, `show` and `compare` as people and machines use them, on real engines, and what they refuse."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.bench.report import CSV_COLUMNS
from src.runs_cli import write
from src.store import jsonl
from tests.conftest import ROOT
from tests.unit.test_cli import run, run_json
from tests.unit.test_results import FIELDS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One small run of real engines, with every file it can write."""
    folder = tmp_path_factory.mktemp("run")
    files = {kind: folder / f"run.{kind}" for kind in ("json", "csv", "markdown")}
    # Three engines, not six, and wide intervals: the tests are about the files.
    done = run(
        *("bench", "--engines", "onnxruntime-int8,null,pytorch-fp32,openvino-fp32", "--seq-len", "16"),
        *("--scope", "model,pipeline", "--percentile", "90", "--precision", "90", "--budget", "60"),
        *(part for kind, path in files.items() for part in (f"--{kind}", str(path))),
    )
    assert done.returncode == 0, done.stderr
    assert "Differences below" in done.stdout
    return files


def test_the_json_is_the_schema(made: dict[str, Path]):
    found = json.loads(made["json"].read_text())
    assert found["schema_version"] == 1
    assert {(row["engine"], row["scope"]) for row in found["results"]} == {
        (engine, scope)
        for engine in ("onnxruntime-fp32", "onnxruntime-int8", "pytorch-fp32", "null")
        for scope in ("model", "pipeline")
    }
    for row in found["results"]:
        assert row.keys() == FIELDS
        assert row["samples"] >= 64 or row["verdict"] != "valid"
        if row["engine"] != "null":
            assert row["peak_rss_mb"] > 50
            assert row["artifact_mb"] > 10
            assert row["facts"]["answers"]["texts"] == 32
    assert [one["engine"] for one in found["failures"]] == ["openvino-fp32"]
    run_facts = found["run"]
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
    assert {row["engine"] for row in rows} == {"onnxruntime-fp32", "onnxruntime-int8", "pytorch-fp32"}


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bench", "--seq-len", "4"), "from 8 to 512 is possible"),
        (("bench", "--seq-len", "x"), "no list of numbers"),
        (("bench", "--preset", "fast"), "Choose one of quick, writeup, full"),
        (("bench", "--engines", "nothing"), "Unknown engine"),
        (("bench", "--scope", "server"), "Ask for model or pipeline"),
        (("bench", "--json", "/nowhere/at/all.json"), "Make it first"),
        (("show", "20200101-000000-0000"), "There is no run"),
        (("show", "README.md"), "is no run"),
        (("compare", "README.md", "README.md"), "is no run"),
    ],
)
def test_what_cannot_be_done_says_why_and_what_to_do(arguments: tuple[str, ...], words: str):
    done = run(*arguments)
    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"schema_version": 99}', "schema version 99"),
        ('{"schema_version": 1}', "no raw samples"),
        ('{"schema_version": 1, "events": [{"kind": "x"}]}', "no event of a run"),
        ('{"schema_version": 1, "events": []}', "head is missing"),
        ("[1, 2]", "no schema_version"),
        ('{"kind": "failed", "engine": "a", "reason": "b"}\nnot json\n', "is no run"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, text: str, words: str):
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(jsonl.BadRun, match=words):
        jsonl.read(str(path))


def test_a_line_that_was_cut_off_is_left_out(made: dict[str, Path], tmp_path: Path):
    """As after SIGKILL in the middle of a write."""
    id = json.loads(made["json"].read_text())["run"]["id"]
    lines = (jsonl.folder() / f"{id}.jsonl").read_text().splitlines(keepends=True)
    path = tmp_path / "cut.jsonl"
    path.write_text("".join(lines[:40]) + lines[40][:30])
    assert jsonl.read(str(path)).rounds >= 1


def test_files_are_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.json"
    write(str(path), "first")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write(str(path), "second")
    assert path.read_text() == "first"


def test_help_is_readable():
    done = subprocess.run(
        [sys.executable, "-m", "src", "bench", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for flag in (
        "--preset",
        "--seq-len",
        "--batch-size",
        "--threads",
        "--scope",
        "--pace",
        "--budget",
        "--csv",
    ):
        assert flag in done.stdout
