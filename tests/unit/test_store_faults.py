"""The database's file moves, a migration fails, the home is named relative to a folder: nothing is lost."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from src.store import database, runs, writing
from src.store.database import StoreError, open_store
from tests.command_line import run
from tests.conftest import ROOT
from tests.unit.test_results import made
from tests.unit.test_store import TIMES, kept, later_version, store, with_id

__all__ = ["store"]  # a fixture


def write(opened: database.Store) -> None:
    with opened.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET title = 'written'")


@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_that_was_moved_away_is_not_written_to(store: database.Store, replaced: bool):
    """As the error about a damaged one says: move it away, or put a backup in its place."""
    kept(store, made(TIMES))
    away = store.path.with_name("away.db")
    if replaced:
        database.back_up(store.path, "copy").rename(away)
        away.replace(store.path)
    else:
        store.path.rename(away)
    with pytest.raises(StoreError, match="moved away or replaced"):
        write(store)


def test_after_a_database_was_moved_away_the_next_one_is_made_whole(store: database.Store):
    id = kept(store, made(TIMES))
    for name in ("runs.db", "runs.db-wal", "runs.db-shm"):
        if (file := store.path.with_name(name)).exists():
            file.rename(file.with_name(f"away-{name}"))
    fresh = open_store()
    assert database.revision(fresh) == database.HEAD, "migrated, as any new one"
    assert runs.listed(fresh) == []
    assert kept(fresh, made(TIMES)) == id
    assert len(runs.listed(open_store())) == 1


def test_a_short_write_is_no_lock(store: database.Store):
    """Whoever is stopped beside it is not ended for it."""
    assert not store.locked()
    with sqlite3.connect(store.path, isolation_level=None, check_same_thread=False) as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.3, other.execute, ("ROLLBACK",)).start()
        assert not store.locked()
        other.execute("BEGIN IMMEDIATE")
        assert store.locked()
        other.execute("ROLLBACK")


def failing_version(folder: Path) -> Path:
    scripts = later_version(folder)
    script = scripts / "versions" / "later_colour.py"
    script.write_text(script.read_text() + "    raise KeyError('a fault of the migration')\n")
    return scripts


def test_a_migration_that_fails_copies_the_database_once(
    store: database.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Each page view and the supervisor try again."""
    monkeypatch.setattr(database, "RETRY_S", 0.0, raising=False)
    kept(store, made(TIMES))
    scripts = failing_version(tmp_path)
    said = []
    for _ in range(3):
        try:
            database.migrate(store, scripts)
        except Exception as error:
            said.append(error)
        time.sleep(1.1)  # a copy's name tells its second
    assert len(said) == 3
    assert len(list(store.path.parent.glob("runs.db.before-*"))) == 1
    assert {type(error) for error in said} == {StoreError}
    assert "It is as it was" in str(said[0])
    assert database.revision(store) == database.HEAD
    assert len(runs.listed(store)) == 1


def with_a_damaged_orphan(store: database.Store) -> list[str]:
    """Put two runs there whose writers were killed, the first of them damaged; return their ids."""
    ids = [f"2026110{day}-000000-aaaa" for day in (1, 2)]
    for id in ids:
        kept(store, with_id(made(TIMES), id))
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE runs SET stopped = NULL, summary = NULL, writer = 'boot:1:1'")
        connection.exec_driver_sql("UPDATE slices SET ns = x'07' WHERE run_id = ?", (ids[0],))
    return ids


def test_runs_are_listed_beside_a_damaged_one(store: database.Store):
    ids = with_a_damaged_orphan(store)
    done = run("runs")
    assert done.returncode == 0, done.stderr.splitlines()[-1]
    assert ids[1] in done.stdout


def test_orphans_after_a_damaged_one_are_settled(store: database.Store):
    ids = with_a_damaged_orphan(store)
    with suppress(ValueError):  # what it was that cannot be read
        writing.settle_orphans(store)
    states = {listed.id: listed.stopped for listed in runs.listed(store)}
    assert states[ids[1]]


def test_a_migration_that_failed_is_not_tried_at_every_look(
    store: database.Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tries = []

    def fail(*_: object) -> None:
        tries.append(1)
        raise StoreError("It failed.")

    monkeypatch.setattr(database, "upgrade", fail)
    for _ in range(4):
        with pytest.raises(StoreError, match="It failed"):
            database.migrate(store, failing_version(tmp_path) if not tries else tmp_path)
    assert len(tries) == 1


def test_a_copy_that_was_cut_is_not_called_one(store: database.Store, monkeypatch: pytest.MonkeyPatch):
    kept(store, made(TIMES))

    class Full(sqlite3.Connection):
        def backup(self, *_: object, **__: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **more: connect(*given, factory=Full, **more))
    with pytest.raises(sqlite3.OperationalError):
        database.back_up(store.path, "cut")
    assert list(store.path.parent.glob("runs.db.before-cut*")) == []


CHILD = """
import os, subprocess, sys
from src.home import ROOT, home
from src.store.database import location
told = f"{home()} {location().database}"
if len(sys.argv) == 1:
    again = subprocess.run([sys.executable, __file__, "child"], cwd=ROOT, capture_output=True, text=True)
    told += f"\\n{again.stdout}{again.stderr}"
print(told)
"""


@pytest.mark.parametrize(
    ("variables", "folder", "file"),
    [
        ({"AWIY_HOME": "state"}, "work/state", "work/state/runs.db"),
        ({"AWIY_HOME": "~/state"}, "user/state", "user/state/runs.db"),
        (
            {"AWIY_HOME": "ein Ordner/mit Übung"},
            "work/ein Ordner/mit Übung",
            "work/ein Ordner/mit Übung/runs.db",
        ),
        ({"AWIY_HOME": "state", "AWIY_DATABASE_URL": "sqlite:///kept.db"}, "work/state", "work/kept.db"),
        ({"AWIY_HOME": "state", "AWIY_DATABASE_URL": "sqlite:///~/kept.db"}, "work/state", "user/kept.db"),
    ],
)
def test_app_and_children_use_one_home(tmp_path: Path, variables: dict[str, str], folder: str, file: str):
    """A child runs in the project's folder, wherever the app was started."""
    for name in ("work", "user"):
        (tmp_path / name).mkdir()
    script = tmp_path / "tells.py"
    script.write_text(CHILD)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path / "user"), **variables}
    told = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path / "work", env=environment, capture_output=True, text=True
    )
    lines = [line for line in told.stdout.splitlines() if line]
    assert lines == [f"{tmp_path / folder} {tmp_path / file}"] * 2, told.stderr
