"""The store: a real SQLite file, its migrations, and what goes in coming out again."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st

from src.bench.events import TWIN
from src.bench.plan import Case
from src.bench.record import Record
from src.figures import results
from src.figures.run import to_json
from src.store import database, runs, samples, schema, transfer, trends, writing
from src.store.database import MIGRATIONS, Store, StoreError, open_store
from tests.conftest import ROOT
from tests.unit.test_results import BASELINE, made

TIMES = {BASELINE: 2.0, BASELINE + TWIN: 2.0, "onnxruntime-int8": 1.2}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    return open_store()


def kept(store: Store, record: Record) -> str:
    """Put a record into the store as a benchmark does; return its id."""
    sink = writing.StoreSink(store)
    for event in record.events():
        sink(event)
    writing.settle(store, sink.run_id)
    return sink.run_id


def asked_for_on_a_page(store: Store, id: str, at: str) -> None:
    """Put the job there that somebody asked for and that made this run."""
    with store.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO jobs (id, click, token_sha256, model, plan, estimate_s, state, created_at, "
            "ended_at, run_id, cancel_asked) "
            "VALUES (?, ?, 'x', 'embedded', '{}', 1, 'succeeded', ?, ?, ?, 0)",
            (id, id, at, at, id),
        )


def with_id(record: Record, id: str, **head: object) -> Record:
    assert record.begun
    record.begun = replace(record.begun, id=id, **head)  # type: ignore[arg-type]
    return record


def test_a_run_comes_out_as_it_went_in(store: Store):
    record = made(TIMES)
    id = kept(store, record)
    again = runs.record(store, id)
    assert json.loads(json.dumps(transfer.whole(again))) == json.loads(json.dumps(transfer.whole(record)))
    assert json.dumps(to_json(runs.run(store, id))) == json.dumps(to_json(results.summarise(record)))
    one = runs.listed(store)[0]
    assert (one.id, one.rounds, one.slices, one.samples) == (id, 20, 60, 600)
    assert one.stopped == "precision"
    assert one.noisy is False
    assert [listed.id for listed in runs.listed(store, id)] == [id]
    assert runs.listed(store, "20260101-000000-0000") == []


def test_every_event_is_on_the_disk_before_the_call_returns(store: Store):
    """Seen by another connection after each event, and each commit waits for the disk."""
    sink = writing.StoreSink(store)
    with closing(sqlite3.connect(f"file:{store.path}?mode=ro", uri=True)) as other:
        for number, event in enumerate(made(TIMES).events()):
            sink(event)  # type: ignore[arg-type]
            tables = ("runs", "loaded", "warmed", "slices", "failures")
            there = sum(other.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)
            assert there >= min(number + 1, 67)
    with store.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "FULL"
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_run_that_was_killed_is_settled_with_what_it_has(store: Store):
    record = made(TIMES)
    record.ended = None
    sink = writing.StoreSink(store)
    for event in record.events():
        sink(event)
    assert runs.listed(store)[0].stopped is None
    assert writing.settle_orphans(store) == [], "its writer, this process, is alive"
    with store.write() as connection:
        connection.execute(schema.runs.update().values(writer="boot:1:1"))
    assert writing.settle_orphans(store) == [sink.run_id]
    assert writing.settle_orphans(store) == []
    assert runs.listed(store)[0].stopped == "unfinished"
    assert len(runs.run(store, sink.run_id).results) == 2


def test_rename_and_delete(store: Store):
    id = kept(store, made(TIMES))
    runs.rename(store, id, "  Before\nthe update ")
    assert runs.listed(store)[0].title == "Before the update"
    runs.rename(store, id, "")
    assert runs.listed(store)[0].title is None
    runs.remove(store, id)
    assert runs.listed(store) == []
    with store.read() as connection:
        for table in (schema.slices, schema.loaded, schema.warmed, schema.results, schema.failures):
            assert not connection.execute(table.select()).first(), table.name
    for change in (
        lambda: runs.remove(store, id),
        lambda: runs.rename(store, id, "x"),
        lambda: runs.record(store, id),
    ):
        with pytest.raises(runs.NoRun, match="There is no run"):
            change()


def test_a_run_that_is_being_measured_is_not_deleted(store: Store):
    sink = writing.StoreSink(store)
    sink(made(TIMES).begun)  # type: ignore[arg-type]
    with pytest.raises(runs.RunBusy, match="Cancel it first"):
        runs.remove(store, sink.run_id)


def test_trend_has_one_point_a_run_and_tells_hosts_apart(store: Store):
    case = Case(1, 16, 2, "model")
    for day, host in ((1, "here"), (2, "here"), (3, "there")):
        record = with_id(
            made(TIMES, name=host), f"2026110{day}-000000-abcd", started_at=f"2026-11-0{day}T00:00:00Z"
        )
        kept(store, record)
    points = trends.trend(store, "onnxruntime-int8", case)
    assert [point.host for point in points] == ["here", "here", "there"]
    row = next(row for row in runs.run(store, points[0].run_id).results if row.engine == "onnxruntime-int8")
    assert points[0].median_ms == row.median_ms
    assert [points[0].low_ms, points[0].high_ms] == list(row.median_ci95_ms)
    assert trends.cases(store, "onnxruntime-int8") == [case]
    assert BASELINE in trends.engines(store)
    assert runs.typical_ms(store)["onnxruntime-int8", 1, 16, 2, "model"] == points[-1].median_ms


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_samples_come_out_as_they_went_in(ns: list[int]):
    assert samples.unpack(samples.pack(ns)) == tuple(ns)


def test_usual_samples_take_four_bytes_and_damaged_ones_are_refused():
    packed = samples.pack([2_000_000] * 100)
    assert len(packed) == 401
    for damaged in (b"", packed[:-1], b"\x07" + packed[1:]):
        with pytest.raises(ValueError, match="damaged"):
            samples.unpack(damaged)


# --- the database itself


def test_the_migrations_make_the_tables_that_the_code_uses(store: Store):
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == database.HEAD


def test_an_older_database_is_copied_and_migrated(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With one more migration, as a later version of the program has."""
    id = kept(store, made(TIMES))
    scripts = later_version(tmp_path)
    database.migrate(store, scripts)
    assert database.revision(store) == "later"
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT colour FROM runs").scalar() == "blue"
    copies = list(store.path.parent.glob(f"runs.db.before-{database.HEAD}-*"))
    assert len(copies) == 1
    with closing(sqlite3.connect(copies[0])) as copy:
        assert copy.execute("SELECT id FROM runs").fetchall() == [(id,)]
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [(database.HEAD,)]
    database.migrate(store, scripts)
    assert len(list(store.path.parent.glob("runs.db.before-*"))) == 1, "again changes nothing"


def later_version(tmp_path: Path) -> Path:
    scripts = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, scripts)
    (scripts / "versions" / "later_colour.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f"revision = 'later'\ndown_revision = '{database.HEAD}'\n\n"
        "def upgrade():\n    op.add_column('runs', sa.Column('colour', sa.Text, server_default='blue'))\n"
    )
    return scripts


def test_a_newer_database_is_refused_and_left_alone(store: Store, tmp_path: Path):
    kept(store, made(TIMES))
    database.migrate(store, later_version(tmp_path))
    database.opened.cache_clear()
    with pytest.raises(StoreError, match=r"newer version.*Update this program"):
        open_store()
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("later",)]


def test_several_processes_make_one_database(tmp_path: Path):
    home = tmp_path / "shared"
    code = "from src.store.database import open_store, revision; print(revision(open_store()))"
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "AWIY_HOME": str(home)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [one.communicate()[0].strip() for one in starts] == [database.HEAD] * 4


def test_writers_take_turns(store: Store):
    """Read, decide, write is one step: no count is lost."""
    kept(store, made(TIMES))

    def add() -> None:
        for _ in range(25):
            with store.write() as connection:
                count = connection.exec_driver_sql("SELECT rounds FROM runs").scalar() or 0
                connection.exec_driver_sql(f"UPDATE runs SET rounds = {count + 1}")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert runs.listed(store)[0].rounds == 20 + 100


def test_what_is_no_database_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home = tmp_path / "damaged"
    home.mkdir()
    (home / "runs.db").write_text("this is no database, but a text of some length " * 50)
    monkeypatch.setenv("AWIY_HOME", str(home))
    with pytest.raises(StoreError, match=r"damaged.*Move it away"):
        open_store()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://host/runs", "SQLite only"),
        ("sqlite://", "SQLite only"),
        ("what is this", "no address"),
    ],
)
def test_other_databases_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, url: str, words: str):
    monkeypatch.setenv("AWIY_DATABASE_URL", url)
    with pytest.raises(StoreError, match=words):
        open_store()


def test_the_database_can_be_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_DATABASE_URL", f"sqlite:///{tmp_path}/elsewhere.db")
    store = open_store()
    kept(store, made(TIMES))
    assert store.path == tmp_path / "elsewhere.db"
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
