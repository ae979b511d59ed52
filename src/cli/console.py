"""What the commands print with, and what several of them print alike."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from src.bench import plan
from src.errors import OfTheMachine
from src.home import write_whole
from src.progress import Progress
from src.references.answer import Answer
from src.ui import answers
from src.workers.asking import Failure

out = Console(emoji=False)
err = Console(stderr=True, emoji=False)


def show_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


class NotWritten(OfTheMachine, OSError):
    """A file that was asked for cannot be written. The message says why."""


def write(path: str | None, content: str | bytes) -> None:
    """Write a file in one step, so that it is there whole or not at all; `-` is standard output. Raises
    NotWritten.
    """
    if path is None:
        return
    if path == "-":
        if isinstance(content, bytes):
            sys.stdout.buffer.write(content)
        else:
            sys.stdout.write(content)
        return
    try:
        write_whole(Path(path).absolute(), content)
    except OSError as error:
        raise NotWritten(
            f"{path} cannot be written ({error.strerror or error}). Name a file in a folder that is there."
        ) from error


def listed(text: str | None) -> list[str] | None:
    """Return the ids in a comma-separated list; None for no list and for `all`."""
    ids = [part.strip() for part in text.split(",") if part.strip()] if text else None
    return None if ids == [plan.ALL] else ids


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """Draw progress on standard error where that is a terminal. It is redrawn only when told something."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=err, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("Starting", total=None)

        def tell(step: Progress) -> None:
            bar.update(task, description=escape(step.text), completed=step.done, total=step.total or None)
            bar.refresh()

        yield tell


def print_spoken(spoken: Answer, prefix: str = "") -> None:
    """Print an answer: its sentence, what does not count in it, and what would settle it."""
    lines = [prefix + answers.sentence(spoken, str, strong=""), *answers.notes(spoken, str)]
    if command := answers.remedy(spoken):
        lines.append(f"This settles the accuracy, on sentences with labels: {command}")
    for line in lines:
        out.print(line, highlight=False, markup=False)


def print_failures(failures: Iterable[Failure]) -> None:
    for failure in failures:
        out.print(f"[red]{failure.engine} failed:[/] {escape(failure.reason)}")
