"""Runs that travel: out to a file and in again, and every hostile file refused."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src import references
from src.bench.events import TWIN
from src.figures import report
from src.figures.run import from_json
from src.store import ort_csv, runs, transfer
from src.store.database import Store, open_store
from src.store.transfer import BadRun
from src.ui import run_view, tables
from tests.unit.test_results import BASELINE, made

TIMES = {BASELINE: 2.0, BASELINE + TWIN: 2.0, "onnxruntime-int8": 1.2}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    return open_store()


@pytest.fixture
def run() -> dict[str, Any]:
    return json.loads(json.dumps(transfer.whole(made(TIMES))))


def unsigned(run: dict[str, Any]) -> bytes:
    """The file without its hash, as somebody writes it who changes it on purpose."""
    run.pop(transfer.HASH, None)
    return json.dumps(run).encode()


def test_a_run_goes_out_and_comes_in_the_same(store: Store, run: dict[str, Any]):
    record = transfer.parse(json.dumps(run).encode(), "run.json")
    assert transfer.keep(store, record)
    id = run["run"]["id"]
    one = runs.listed(store)[0]
    assert (one.id, one.source, one.samples) == (id, "imported", 600)
    again = json.loads(json.dumps(transfer.whole(runs.record(store, id))))
    assert again == run
    assert not transfer.keep(store, record), "the same again changes nothing"
    assert len(runs.listed(store)) == 1


def test_what_is_imported_can_be_shown_everywhere(store: Store, run: dict[str, Any]):
    """With as little as a head may have."""
    event(run, "begun")["host"] = {"cpu": "A", "system": "B", "allowed_cpus": 1}
    event(run, "begun")["model"] = {"name": "M"}
    id, _ = ort_csv.take_in(store, unsigned(run), "run.json")
    found = runs.run(store, id)
    assert report.to_markdown(found)
    assert report.to_csv(found)
    assert tables.host_facts(found).shape[0] >= 4
    assert run_view.host_line(found.head.host) == "A, 1 CPU, B"
    for result in found.results:
        beside = references.beside_result(found, result)
        assert beside
        assert not any(comparison.comparable for _, comparison in beside), "nothing is divided"


def test_another_run_with_the_same_id_is_refused(store: Store, run: dict[str, Any]):
    transfer.keep(store, transfer.parse(json.dumps(run).encode(), "run.json"))
    other = transfer.parse(json.dumps(transfer.whole(made(TIMES, seed=2))).encode(), "other.json")
    with pytest.raises(BadRun, match="another run with the id"):
        transfer.keep(store, other)
    assert runs.run(store, run["run"]["id"]) == from_json(run), "the first is as it was"


def test_figures_that_the_file_tells_are_not_believed(store: Store, run: dict[str, Any]):
    lies = copy.deepcopy(run)
    for row in lies["results"]:
        row["median_ms"] = 0.001
    transfer.keep(store, transfer.parse(json.dumps(lies).encode(), "lies.json"))
    kept = runs.run(store, run["run"]["id"])
    assert [result.median_ms for result in kept.results] == [row["median_ms"] for row in run["results"]]


def test_json_lines_are_read_and_a_cut_line_is_left_out(run: dict[str, Any]):
    lines = [json.dumps(event) for event in run["events"]]
    whole = transfer.parse(("\n".join(lines) + "\n").encode(), "run.jsonl")
    assert whole.rounds == 20
    unended = transfer.parse("\n".join(lines).encode(), "run.jsonl")
    assert unended.ended, "a last line without its end of line counts"
    cut = transfer.parse(("\n".join(lines[:40]) + "\n" + lines[40][:30]).encode(), "run.jsonl")
    assert cut.begun
    assert len([one for some in cut.slices.values() for one in some]) == 40 - 7


Change = Callable[[dict[str, Any]], Any]


def event(run: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(one for one in run["events"] if one["kind"] == kind)


def put(kind: str, *path: str | int, value: Any) -> Change:
    def change(run: dict[str, Any]) -> None:
        target: Any = event(run, kind)
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value

    return change


HOSTILE: dict[str, tuple[Change, str]] = {
    "a text for a number": (put("slice", "ns", 3, value="12"), "valid integer"),
    "a number for a text": (put("begun", "command", value=7), "valid string"),
    "a float for nanoseconds": (put("slice", "ns", 0, value=1.5), "integer"),
    "negative nanoseconds": (put("slice", "ns", 0, value=-5), "took no time"),
    "a call of an hour and more": (put("slice", "ns", 0, value=10**14), "more than an hour"),
    "a number beyond 64 bits": (put("slice", "ns", 0, value=10**400), "is no run"),
    "no calls": (put("slice", "ns", value=[]), "no calls"),
    "a round below one": (put("slice", "round", value=0), "cannot be"),
    "another scope": (put("slice", "case", "scope", value="server"), "warmed up"),
    "a scope that is none": (
        lambda run: [one["case"].update(scope="server") for one in run["events"] if "case" in one],
        "is no case",
    ),
    "a missing field": (lambda run: event(run, "slice").pop("evidence"), "field required"),
    "an unknown event": (lambda run: run["events"].append({"kind": "x"}), "tag"),
    "an event that is none": (lambda run: run["events"].append(3), "is no run"),
    "two heads": (lambda run: run["events"].insert(1, event(run, "begun")), "more than one event “begun”"),
    "two ends": (lambda run: run["events"].append(event(run, "ended")), "more than one event “ended”"),
    "a slice twice": (lambda run: run["events"].append(event(run, "slice")), "twice"),
    "an engine loaded twice": (lambda run: run["events"].insert(2, event(run, "loaded")), "twice"),
    "a slice before its warm-up": (
        lambda run: run["events"].insert(1, event(run, "slice")),
        "before it was warmed",
    ),
    "a warm-up without loading": (lambda run: run["events"].remove(event(run, "loaded")), "never loaded"),
    "no head": (lambda run: run["events"].pop(0), "head is missing"),
    "no events": (lambda run: run.update(events=[]), "head is missing"),
    "events that are no list": (lambda run: run.update(events={"a": 1}), "no raw samples"),
    "markup for an engine": (put("slice", "engine", value="<script>"), "no engine"),
    "a path for an id": (put("begun", "id", value="../../etc/passwd"), "no id of a run"),
    "a plan of other types": (put("begun", "plan", "engines", value="all"), "plan cannot be read"),
    "a plan without end": (put("begun", "plan", "budget_s", value="inf"), "plan cannot be read"),
    "a baseline that is none": (put("begun", "plan", "baseline", value="<b>"), "no engine"),
    "another schema in the head": (put("begun", "schema_version", value=99), "schema version 99"),
    "a probe of no time": (put("slice", "evidence", "loop_us", value=0.0), "took no time"),
    "an end that is none": (put("ended", "stopped", value="whatever"), "no end of a run"),
    "a time that is none": (put("begun", "started_at", value="abcd"), "is no time"),
    "a model without a name": (put("begun", "model", value={}), "its model: name"),
    "an accuracy that is none": (put("begun", "model", "accuracy", value="x"), "its model: accuracy"),
    "a host without a CPU": (lambda run: event(run, "begun")["host"].pop("cpu"), "its host: cpu"),
    "libraries that are a text": (put("begun", "host", "libraries", value="abc"), "its host: libraries"),
    "cores that are a text": (put("begun", "host", "physical_cores", value="2"), "its host: physical_cores"),
    "CPUs that are a text": (put("begun", "host", "allowed_cpus", value="abc"), "its host: allowed_cpus"),
    "memory that is a list": (put("begun", "host", "memory_gb", value=[1]), "its host: memory_gb"),
    "cards that are a text": (put("begun", "host", "gpus", value="T4"), "its host: gpus"),
    "instruction sets that are a number": (put("begun", "host", "isa", value=5), "its host: isa"),
    "a title of a book's length": (put("loaded", "title", value="x" * 10_000), "far too long"),
    "a round beyond counting": (put("slice", "round", value=10**30), "cannot be"),
    "a lead-in beyond counting": (put("slice", "lead_in_ns", value=10**30), "cannot be"),
    "a group beyond counting": (put("loaded", "group", value=10**30), "no group"),
    "a batch beyond counting": (
        lambda run: [one["case"].update(batch_size=10**30) for one in run["events"] if "case" in one],
        "is no case",
    ),
    "a host nested too deep": (
        lambda run: event(run, "begun")["host"].update(a=json.loads("[" * 40 + "]" * 40)),
        "nested deeper",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_runs_are_refused_and_leave_nothing(store: Store, run: dict[str, Any], name: str):
    change, words = HOSTILE[name]
    change(run)
    with pytest.raises(BadRun, match=words) as refused:
        ort_csv.take_in(store, unsigned(run), "run.json")
    assert len(str(refused.value)) < 1000
    assert not runs.listed(store)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no run"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 50_000, "nested too deeply"),
        (b'{"schema_version": NaN}', "NaN"),
        (b'{"schema_version": 1, "events": [], "x": Infinity}', "Infinity"),
        (b'{"schema_version": 1, "events": [], "x": 1e999}', "too large"),
        (b'{"schema_version": 1, "schema_version": 1}', "a name twice"),
        (b'{"schema_version": [[]], "events": []}', "schema version"),
        (b"[1, 2]", "no schema_version"),
        (b'"text"', "no schema_version"),
        (b" " * (transfer.LARGEST_MB * 1_000_000 + 1), "at most 64 MB"),
    ],
    ids=range(12),
)
def test_hostile_files_are_refused(store: Store, data: bytes, words: str):
    with pytest.raises(BadRun, match=words):
        ort_csv.take_in(store, data, "run.json")
    assert not runs.listed(store)


def test_a_file_that_was_changed_after_it_was_written_is_refused(store: Store, run: dict[str, Any]):
    event(run, "slice")["ns"][0] += 1
    with pytest.raises(BadRun, match="hash does not fit"):
        ort_csv.take_in(store, json.dumps(run).encode(), "run.json")
