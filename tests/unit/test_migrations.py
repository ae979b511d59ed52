"""Databases of earlier versions live on."""

import json
import shutil
import statistics
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from src.bench.events import SCHEMA_VERSION, TWIN, Loaded, Slice, Warmed, to_json
from src.bench.record import Cell, Record
from src.figures import judging
from src.store import database, runs, samples, trends, writing
from src.store.database import MIGRATIONS, open_store
from tests.unit.test_results import BASELINE, CASE, made
from tests.unit.test_store import TIMES, kept, with_id


def test_a_run_of_the_first_schema_is_computed_anew_from_its_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A database of the first form, with a run whose median was that of all its calls."""
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "old"))
    record = made(TIMES)
    with monkeypatch.context() as patch:
        patch.setattr(database, "HEAD", "0001")
        patch.setattr(database, "MIGRATIONS", up_to("0001", tmp_path))
        patch.setattr(database.migrate, "__defaults__", (up_to("0001", tmp_path),))
        store = open_store()
        with store.write() as connection:
            write_as_the_first_version(connection, record)
    database.opened.cache_clear()
    store = open_store()
    assert database.revision(store) == database.HEAD
    assert len(list(store.path.parent.glob("runs.db.before-0001-*"))) == 1
    assert record.begun
    assert writing.settle_orphans(store) == [record.begun.id]
    found = runs.run(store, record.begun.id)
    assert found.schema_version == SCHEMA_VERSION
    row = next(row for row in found.results if row.engine == "onnxruntime-int8")
    slices = record.slices[Cell(0, "onnxruntime-int8", CASE)]
    assert row.median_ms == pytest.approx(statistics.median(statistics.median(s.ns) for s in slices) / 1e6)
    assert row.facts["lead_in"] is None, "it was not recorded"
    assert row.ramp.ratio == pytest.approx(1.0, abs=0.02), "positions were"
    assert runs.listed(store)[0].stopped == "precision"
    again = runs.record(store, record.begun.id)
    assert again.slices == record.slices


def test_runs_of_the_second_schema_are_computed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Three runs: one whose baseline is invalid, one without an A/A pair, a sound one. What they lack is not
    recorded, and their verdicts are those of today.
    """
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "old"))
    alone = {name: ms for name, ms in TIMES.items() if not name.endswith(TWIN)}
    records = {
        "20261101-000000-aaaa": made(TIMES),
        "20261102-000000-aaaa": made(alone),
        "20261103-000000-aaaa": with_invalid_baseline(made(TIMES)),
    }
    with monkeypatch.context() as patch:
        patch.setattr(database, "HEAD", "0002")
        patch.setattr(database.migrate, "__defaults__", (up_to("0002", tmp_path),))
        store = open_store()
        for id, record in records.items():
            kept(store, with_id(record, id))
        with store.write() as connection:  # as they judged then
            for id, row in connection.execute(text("SELECT id, row FROM results")).fetchall():
                told = json.loads(row)
                for ratio in told["ratios"].values():
                    ratio["verdict"] = "faster"
                for name in ("model_fingerprint", "artifact_key", "runtime", "cpu_key"):
                    del told[name]
                connection.execute(
                    text("UPDATE results SET row = :row WHERE id = :id"), {"row": json.dumps(told), "id": id}
                )
    database.opened.cache_clear()
    store = open_store()
    assert database.revision(store) == database.HEAD
    assert sorted(writing.settle_orphans(store)) == sorted(records)
    verdicts = {}
    for id in records:
        rows = {row.engine: row for row in runs.run(store, id).results}
        row = rows["onnxruntime-int8"]
        verdicts[id] = row.ratios[BASELINE].verdict
        assert row.model_fingerprint is row.cpu_key is None, "not recorded"
    assert list(verdicts.values()) == ["faster", None, None]
    (point, *_) = trends.trend(store, "onnxruntime-int8", CASE)
    assert trends.NOT_RECORDED in point.subject


def test_a_run_whose_engine_took_more_cpu_than_its_threads_is_judged_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "old"))
    record = made(TIMES)
    for cell, slices in record.slices.items():
        if cell.engine == "onnxruntime-int8":
            record.slices[cell] = [
                replace(slice, evidence=replace(slice.evidence, effective_threads=3.0)) for slice in slices
            ]
    with monkeypatch.context() as patch:
        patch.setattr(database, "HEAD", "0003")
        patch.setattr(database.migrate, "__defaults__", (up_to("0003", tmp_path),))
        patch.setattr(judging, "too_many_threads", lambda *_: "")  # as it was
        id = kept(open_store(), record)
        assert verdicts_of(id) == {"valid"}
    database.opened.cache_clear()
    assert writing.settle_orphans(open_store()) == [id]
    assert verdicts_of(id) == {"invalid"}


def test_a_run_with_paced_cells_is_judged_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Their CPUs rest and are slower: paced slices were held against those back to back."""
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "old"))
    record, other = Record(), with_id(made(TIMES), "20261101-000000-aaaa")
    for event in made(TIMES).events():
        if isinstance(event, Slice):
            event = replace(event, evidence=replace(event.evidence, loop_us=80.0))
        record.add(event)
    (cell,) = (cell for cell in record.slices if cell.engine == BASELINE)
    for slice in record.slices[cell][:6]:
        record.add(replace(slice, pace_s=0.5, evidence=replace(slice.evidence, loop_us=130.0)))
    with monkeypatch.context() as patch:
        patch.setattr(database, "HEAD", "0004")
        patch.setattr(database.migrate, "__defaults__", (up_to("0004", tmp_path),))
        patch.setattr(Record, "reference_of", lambda record, _: record.reference)  # as it was
        id = kept(open_store(), record)
        kept(open_store(), other)
        assert [row.verdict for row in runs.run(open_store(), id).paced] == ["invalid"]
    database.opened.cache_clear()
    assert writing.settle_orphans(open_store()) == [id], "the other has none"
    assert [row.verdict for row in runs.run(open_store(), id).paced] == ["valid"]


def verdicts_of(id: str) -> set[str]:
    run = runs.run(open_store(), id)
    return {row.verdict for row in run.results if row.engine == "onnxruntime-int8"}


def with_invalid_baseline(record: Record) -> Record:
    """Let the baseline run more threads than it was asked for."""
    for cell, slices in record.slices.items():
        if cell.engine == BASELINE:
            record.slices[cell] = [
                replace(one, evidence=replace(one.evidence, threads_ran=3)) for one in slices
            ]
    return record


def test_a_run_that_cannot_be_computed_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    store = open_store()
    ids = [kept(store, with_id(made(TIMES), f"2026110{day}-000000-aaaa")) for day in (1, 2)]
    with store.write() as connection:
        connection.execute(text("UPDATE runs SET stopped = NULL, summary = NULL"))
        connection.execute(text("UPDATE slices SET ns = x'07' WHERE run_id = :id"), {"id": ids[0]})
    assert writing.settle_orphans(store) == [ids[1]]


def up_to(newest: str, tmp_path: Path) -> Path:
    """Return the migrations as they were when this was the newest."""
    scripts = tmp_path / newest
    later = [path.name for path in MIGRATIONS.glob("versions/0*.py") if path.name[: len(newest)] > newest]
    if not scripts.exists():
        shutil.copytree(MIGRATIONS, scripts, ignore=shutil.ignore_patterns(*later))
    return scripts


def write_as_the_first_version(connection: Connection, record: Record) -> None:
    """Insert a record's rows by name, as commit 0efc3dd did."""

    def add(table: str, **values: object) -> None:
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)

    begun, ended = record.begun, record.ended
    assert begun
    assert ended
    add("hosts", id="h", name="h", cpu="A CPU", cpus=2, memory_gb=1.0)
    head = json.dumps(to_json(replace(begun, schema_version=1)))
    counts = {"rounds": 20, "slices": 60, "samples": 600}
    row = {"source": "measured", "started_at": begun.started_at, "host_id": "h", "model": "M", "preset": ""}
    row |= {"id": begun.id, "head": head, "ended": json.dumps(to_json(ended)), "stopped": "precision"}
    add("runs", **row, **counts, summary=json.dumps({"schema_version": 1}))
    for event in record.events():
        if isinstance(event, Loaded | Warmed):
            table = type(event).__name__.lower()
            add(table, run_id=begun.id, engine=event.engine, event=json.dumps(to_json(event)))
        elif isinstance(event, Slice):
            values = {**asdict(event), **asdict(event.case), "ns": samples.pack(event.ns)}
            for name in ("case", "lead_in", "first_ns", "pace_s"):
                del values[name]
            values |= {name: json.dumps(values[name]) for name in ("disturbed", "evidence")}
            add("slices", run_id=begun.id, **values)
