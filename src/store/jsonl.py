"""A run as a file of JSON lines, one event a line, written as it happens."""

import json
import os
import re
from pathlib import Path
from types import TracebackType
from typing import Any

from src.bench.record import SCHEMA_VERSION, Begun, Event, Record, from_json, to_json
from src.home import HomeError, explain, home

RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


class BadRun(ValueError):
    """What was given is no run that can be read. The message says why and what to give."""


def folder() -> Path:
    """Return the folder of kept runs, made if needed."""
    found = home() / "runs"
    found.mkdir(exist_ok=True)
    return found


class JsonLines:
    """A sink: appends each event to AWIY_HOME/runs/ID.jsonl, in one write, before it returns."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.fd: int | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Begun):
            self.path = folder() / f"{event.id}.jsonl"
            self.fd = os.open(
                self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644
            )
        assert self.fd is not None, "a run begins with its head"
        assert self.path is not None
        line = (json.dumps(to_json(event), separators=(",", ":")) + "\n").encode()
        try:
            while line:
                line = line[os.write(self.fd, line) :]
        except OSError as error:
            raise HomeError(explain(error, self.path.parent)) from error

    def __enter__(self) -> "JsonLines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.fd is not None:
            os.close(self.fd)


def read(given: str) -> Record:
    """Return the record of a run: a kept run's id, a file of JSON lines, or a JSON file of `bench --json`.

    A last line that was cut off, as its writer was killed, is left out. Raises BadRun.
    """
    path = folder() / f"{given}.jsonl" if RUN_ID.fullmatch(given) else Path(given)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadRun(
            f"There is no run “{given}” ({reason}). Give a file that bench wrote, or one of these ids: "
            f"{', '.join(kept()[:5]) or 'none is kept yet'}."
        ) from error
    return record(lines(text, path), path)


def lines(text: str, path: Path) -> list[dict[str, Any]]:
    """Return the events in a file's text, of either kind."""
    try:
        whole = json.loads(text)
    except ValueError:
        *finished, _rest = text.split("\n")
        try:
            return [json.loads(line) for line in finished if line]
        except ValueError as error:
            raise BadRun(f"{path} is no run: {error}. Give a file that bench wrote.") from error
    if isinstance(whole, dict) and whole.get("kind") == "begun":
        return [whole]
    if not isinstance(whole, dict) or "schema_version" not in whole:
        raise BadRun(f"{path} is no run: it has no schema_version. Give a file that bench wrote.")
    version = whole["schema_version"]
    if version != SCHEMA_VERSION:
        raise BadRun(f"{path} has schema version {version}; this program reads {SCHEMA_VERSION}. Update it.")
    if not isinstance(whole.get("events"), list):
        raise BadRun(f"{path} has no raw samples (events). Give a file that bench wrote.")
    found: list[dict[str, Any]] = whole["events"]
    return found


def record(found: list[dict[str, Any]], path: Path) -> Record:
    made = Record()
    try:
        for one in found:
            made.add(from_json(one))
    except ValueError as error:
        raise BadRun(f"{path} is no run: {error} Give a file that bench wrote.") from error
    if not made.begun:
        raise BadRun(f"{path} is no run: its head is missing. Give a file that bench wrote.")
    if made.begun.schema_version != SCHEMA_VERSION:
        raise BadRun(
            f"{path} has schema version {made.begun.schema_version}; "
            f"this program reads {SCHEMA_VERSION}. Update it."
        )
    return made


def kept() -> list[str]:
    """Return the ids of kept runs, newest first."""
    return sorted((path.stem for path in folder().glob("*.jsonl")), reverse=True)
