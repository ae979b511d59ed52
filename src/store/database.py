"""The database: opened, migrated, its errors explained. SQLite in the home folder."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, text
from sqlalchemy.engine import URL, make_url

from src.home import home

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0002"  # the newest migration; a test compares
NAME = "runs.db"
BUSY_S = 30.0  # how long another process may keep the database locked


class StoreError(Exception):
    """The database cannot be used. The message says why and what to do."""


@dataclass(frozen=True)
class Store:
    """An open database. `engine` begins transactions that read, `writing` those that may write."""

    engine: Engine
    writing: Engine
    path: Path

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database. Raises StoreError."""
        with explained(self.path), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give the only connection that may write now, and commit at the end. Raises StoreError."""
        with explained(self.path), self.writing.begin() as connection:
            yield connection


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the database's errors into StoreErrors that say what to do."""
    try:
        yield
    except exc.IntegrityError:
        raise  # somebody else was faster: the caller knows what that means
    except exc.TimeoutError as error:  # of the pool: all its connections wait
        raise StoreError(explain("locked", path)) from error
    except exc.DBAPIError as error:
        raise StoreError(explain(str(error.orig), path)) from error
    except sqlite3.Error as error:
        raise StoreError(explain(str(error), path)) from error


def explain(said: str, path: Path) -> str:
    """Return what an error of SQLite about the database `path` means and what to do next."""
    if "locked" in said or "busy" in said:
        return (
            f"Another process has kept the database {path} locked for {BUSY_S:.0f} s. "
            "End what uses it (a backup, another program), then try again."
        )
    if "disk is full" in said or "disk I/O error" in said:
        return (
            f"The disk that holds {path} is full or cannot be written ({said}). What was measured so far is "
            "kept. Free some space, then try again."
        )
    if "malformed" in said or "not a database" in said:
        return (
            f"The database {path} is damaged ({said}). Move it away, or put a backup in its place "
            f"({path.name}.before-… beside it is one)."
        )
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return f"The database {path} cannot be written ({said}). Make its folder writable, or set AWIY_HOME."
    return f"The database {path} failed: {said}."


def location() -> URL:
    """Return where the database is: AWIY_DATABASE_URL, else a file in the home folder. Raises StoreError,
    HomeError.
    """
    given = os.environ.get("AWIY_DATABASE_URL")
    if not given:
        return URL.create("sqlite", database=str(home() / NAME))
    try:
        url = make_url(given)
    except exc.ArgumentError as error:
        raise StoreError(
            "AWIY_DATABASE_URL is no address of a database. Write sqlite:////folder/runs.db."
        ) from error
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        raise StoreError(
            f"AWIY_DATABASE_URL names {url.get_backend_name()}; this version keeps runs in a file of SQLite "
            "only. Write sqlite:////folder/runs.db, or unset it."
        )
    return url


def open_store() -> Store:
    """Return the store, made or migrated if needed. Raises StoreError, HomeError."""
    return opened(location())


@lru_cache(maxsize=8)
def opened(url: URL) -> Store:
    assert url.database
    path = Path(url.database)
    engine = create_engine(url, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    store = Store(engine, engine.execution_options(begin="IMMEDIATE"), path)
    with explained(path):
        if revision(store) != HEAD:
            migrate(store)
    return store


def prepare(connection: Any, _record: Any) -> None:
    """Set up a new connection: write-ahead log, each commit on the disk before it returns, foreign keys.

    The driver begins no transaction of its own: `begin` does, at the right moment.
    """
    connection.isolation_level = None
    with closing(connection.cursor()) as cursor:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")


def begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def revision(store: Store) -> str | None:
    """Return the migration that made the database what it is; None for an empty one."""
    with store.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(store: Store, scripts: Path = MIGRATIONS) -> None:
    """Bring the database to the newest form; an older one is copied first, a newer one refused.

    One process does it, the others wait. Raises StoreError.
    """
    try:
        with open(store.path.with_suffix(".lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            upgrade(store, scripts)
    except OSError as error:
        raise StoreError(explain(f"unable to open: {error.strerror}", store.path)) from error


def upgrade(store: Store, scripts: Path) -> None:
    """Copy and migrate the database, where that is needed. Needs the lock."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    known = ScriptDirectory.from_config(config)
    current = revision(store)
    if current == known.get_current_head():
        return
    if current is not None:
        try:
            known.get_revision(current)
        except CommandError as error:
            raise StoreError(
                f"The database {store.path} was made by a newer version of this program (its form is "
                f"“{current}”, this one knows up to “{known.get_current_head()}”). Update this program, "
                "or set AWIY_HOME to another folder."
            ) from error
        back_up(store.path, current)
    with store.writing.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def back_up(path: Path, name: str) -> Path:
    """Copy the database beside itself, the write-ahead log included; return the copy."""
    target = path.with_name(f"{path.name}.before-{name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
    return target
