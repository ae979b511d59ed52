"""The database: opened, migrated, its errors explained. SQLite in the home folder."""

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, text
from sqlalchemy.engine import URL, make_url

from src.errors import OfTheMachine
from src.home import home, locked
from src.store import neighbours

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0005"  # the newest migration; a test compares
NAME = "runs.db"
RETRY_S = 30.0  # after a migration that failed
LONG_WRITE_S = 2.0
BUSY_S = 30.0  # how long another process may keep the database locked
FileId = tuple[int, int]  # device and inode

log = logging.getLogger(__name__)


class StoreError(OfTheMachine):
    """The database cannot be used. The message says why and what to do."""


failures: dict[Path, tuple[float, StoreError]] = {}  # of migrations: when (monotonic seconds), and why


def file_id(path: Path) -> FileId | None:
    """Return which file a path leads to; None for none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


@dataclass(frozen=True)
class Store:
    """An open database. `engine` begins transactions that read, `writing` those that may write. `file` is
    which file it was when it was opened.
    """

    engine: Engine
    writing: Engine
    path: Path
    file: FileId | None = None

    @property
    def moved(self) -> bool:
        """Tell whether its file has been moved away, deleted or replaced: what is written would be lost."""
        return self.file is not None and file_id(self.path) != self.file

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database. Raises StoreError."""
        with explained(self.path), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give the only connection that may write now, and commit at the end. Raises StoreError."""
        if self.moved:
            raise StoreError(
                f"The database {self.path} was moved away or replaced while it was in use, so nothing more "
                "is written to it. Start what uses it (the app, a run) again."
            )
        with explained(self.path), self.writing.begin() as connection:
            yield connection

    def locked(self) -> bool:
        """Tell whether somebody keeps others from writing for longer than any write takes."""
        with closing(sqlite3.connect(self.path, timeout=LONG_WRITE_S, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            connection.execute("ROLLBACK")
            return False


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
    file = str(Path(url.database).expanduser().resolve())
    if file != url.database:  # children run elsewhere: they are given what it means here
        url = url.set(database=file)
        os.environ["AWIY_DATABASE_URL"] = url.render_as_string(hide_password=False)
    return url


def open_store() -> Store:
    """Return the store, made or migrated if needed. Raises StoreError, HomeError."""
    url = location()
    store = opened(url)
    if store.moved:
        store.engine.dispose()
        opened.cache_clear()
        store = opened(url)
    return store


@lru_cache(maxsize=8)
def opened(url: URL) -> Store:
    assert url.database
    path = Path(url.database)
    if neighbours.others_use(path.parent):
        raise StoreError(
            f"Another container is using the folder {path.parent}. Give each its own AWIY_HOME, or let all "
            "run in one container: neither could tell whether the other's runs are still measured."
        )
    engine = create_engine(url, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    store = Store(engine, engine.execution_options(begin="IMMEDIATE"), path)
    with explained(path):
        if revision(store) != HEAD:
            migrate(store)
    return replace(store, file=file_id(path))


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

    One process does it, the others wait. Raises StoreError, and the same again within RETRY_S.
    """
    when, failure = failures.get(store.path, (0.0, None))
    if failure and time.monotonic() - when < RETRY_S:
        raise failure
    try:
        with explained(store.path), locked(store.path.with_suffix(".lock")):
            upgrade(store, scripts)
    except OSError as error:
        raise StoreError(explain(f"unable to open: {error.strerror}", store.path)) from error
    except StoreError as error:
        failures[store.path] = (time.monotonic(), error)
        raise
    failures.pop(store.path, None)


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
    try:
        with store.writing.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (exc.SQLAlchemyError, sqlite3.Error):
        raise
    except Exception as error:
        log.exception("the migration of %s failed", store.path)
        raise StoreError(
            f"The database {store.path} could not be brought to this version's form ({error}). It is as it "
            "was. Go back to the version that made it, and report this with the log."
        ) from error


def back_up(path: Path, name: str) -> Path:
    """Copy the database beside itself, the write-ahead log included; return the copy.

    The copy has its name when it is whole. One that was made since the database last changed is enough: a
    migration that fails is tried again and again.
    """
    sources = [file for file in (path, path.with_name(f"{path.name}-wal")) if file.exists()]
    changed = max(file.stat().st_mtime_ns for file in sources)
    for copy in path.parent.glob(f"{path.name}.before-{name}-*[0-9]"):
        if copy.stat().st_mtime_ns >= changed:
            return copy
    target = path.with_name(f"{path.name}.before-{name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
    part = target.with_name(f"{target.name}.part")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copied:
            source.backup(copied)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target
