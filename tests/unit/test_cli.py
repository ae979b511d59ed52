"""The command line as people and machines use it: a new process each time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from src.cli.console import listed
from tests.command_line import run, run_json
from tests.conftest import DEMO, ROOT
from tests.unit.test_registry import DESIGNED

THREE = ("pytorch-fp32", "onnxruntime-fp32", "onnxruntime-int8")


def test_engines_lists_each_with_state_and_remedy():
    rows = {row["id"]: row for row in run_json("engines")}
    assert set(DESIGNED) <= rows.keys()
    for row in rows.values():
        expected = {
            "id",
            "title",
            "runtime",
            "precision",
            "device",
            "environment",
            "available",
            "reason",
            "remedy",
            "notes",
        }
        assert row.keys() == expected
        assert row["available"] == (row["reason"] is None) == (row["remedy"] is None)


def test_predict_answers_with_every_engine_beside_infinity():
    found = run_json("predict", DEMO, AWIY_ENGINES=",".join(THREE))
    assert {row["engine"] for row in found["engines"]} == set(THREE)
    assert found["tokens"] == 16
    assert [one["value"] for one in found["references"]] == [2.6, 9.7]
    assert not found["failures"]


def test_predict_prints_a_table_for_people():
    done = run(
        *("predict", DEMO, "--engines", "onnxruntime-int8"), AWIY_ENGINES="onnxruntime-int8", COLUMNS="120"
    )
    assert done.returncode == 0
    assert "onnxruntime-int8" in done.stdout
    assert "lower is better" in done.stdout
    assert "Infinity, 16 tokens, stored" in done.stdout


def test_all_means_every_engine_that_can_run_here():
    assert listed("all") is None
    assert listed("onnxruntime-fp32, null") == ["onnxruntime-fp32", "null"]
    found = run_json("predict", DEMO, "--engines", "all", AWIY_ENGINES="onnxruntime-int8")
    assert [row["engine"] for row in found["engines"]] == ["onnxruntime-int8"]


def test_accuracy_on_a_small_file(tmp_path: Path):
    rows = [
        ("A wonderful, moving film.", 1),
        ("A tedious mess from start to finish.", 0),
        ("One of the best performances of the year.", 1),
        ("I wanted my money back.", 1),  # mislabelled on purpose
    ]
    path = tmp_path / "small.tsv"
    path.write_text("".join(f"{text}\t{label}\n" for text, label in rows))
    found = run_json("accuracy", "--dataset", str(path), "--engines", "pytorch-fp32,onnxruntime-int8")
    assert found["dataset"] == "small.tsv"
    assert found["n"] == 4
    figures = {row["engine"]: row for row in found["engines"]}
    assert figures["pytorch-fp32"]["accuracy"] == 0.75
    assert figures["pytorch-fp32"]["flips"] == 0
    assert figures["pytorch-fp32"]["gate"]["state"] == "not proven", "four sentences prove nothing"
    mark = figures["onnxruntime-int8"]["fingerprint"]
    assert all(mark.values()), "an accuracy says what exactly answered"
    assert figures["onnxruntime-int8"]["max_abs_delta_logit"] > 0
    assert set(figures) == {"pytorch-fp32", "onnxruntime-int8"}


@pytest.mark.parametrize(
    ("text", "words"),
    [("only text\n", "line 1"), ("good\t1\nbad\t2\n", "line 2"), ("", "no rows")],
)
def test_a_bad_dataset_names_the_line(tmp_path: Path, text: str, words: str):
    path = tmp_path / "bad.tsv"
    path.write_text(text)
    done = run("accuracy", "--dataset", str(path))
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_references_are_listed_with_provenance():
    rows = run_json("references")
    assert len(rows) > 200
    assert all(row["url"].startswith("http") for row in rows)


def test_doctor_finds_this_installation_sound():
    findings = run_json("doctor")
    assert {finding["state"] for finding in findings} <= {"ok", "warning"}
    assert {"System", "Home", "Model", "Engines", "Host", "Host lock"} <= {
        finding["check"] for finding in findings
    }


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["predict", ""], {}, "nothing to measure"),
        (["predict", "x", "--engines", "nonsense"], {}, "Known: pytorch-fp32"),
        (["predict", "x", "--model", "/no/such/folder"], {}, "lacks config.json"),
        (["predict", "x"], {"AWIY_HOME": "/dev/null/home"}, "Set AWIY_HOME"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    arguments: list[str], environment: dict[str, str], words: str
):
    done = run(*arguments, "--json", **environment)
    assert done.returncode == 1
    assert words in json.loads(done.stdout)["error"]
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_doctor_names_an_unusable_home():
    done = run("doctor", AWIY_HOME="/dev/null/home", COLUMNS="300")
    assert done.returncode == 1
    assert "Set AWIY_HOME" in done.stdout


def test_an_old_python_is_told_which_one_to_install():
    code = (
        "import sys, runpy; sys.version_info = (3, 9, 18); sys.version = '3.9.18 (main)';"
        "sys.argv = ['src', 'engines'];"
        "runpy.run_module('src', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Install Python 3.11" in done.stderr
