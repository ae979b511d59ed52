"""The command `clean`: list what nobody needs any more, and remove it if asked to."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rich.console import Console
from rich.markup import escape

from src.host.lock import host_lock
from src.model import cache, obsolete
from src.store import retention, runs
from src.store.database import open_store
from src.words import many

err, out = Console(stderr=True), Console()


@dataclass(frozen=True)
class Item:
    """Something that can be removed. `mb` is None where its size is not known."""

    kind: str
    name: str
    why: str
    mb: float | None
    remove: Callable[[], None]


def removable(keep_runs: int | None) -> list[Item]:
    """Return what can be removed: obsolete artifacts, and the runs beyond the newest if a number is given."""
    items = [
        Item("artifact", build.folder.name, build.why, build.mb, partial(cache.remove, build.folder.name))
        for build in obsolete.find()
    ]
    if keep_runs is not None:
        store = open_store()
        items += [
            Item("run", id, f"not among the newest {keep_runs}", None, partial(runs.remove, store, id))
            for id in retention.beyond(store, keep_runs)
        ]
    return items


def clean(arguments: argparse.Namespace) -> int:
    items = removable(arguments.keep_runs)
    if arguments.yes:
        with host_lock("cleaning", lambda holder: err.print(f"Waiting for {holder or 'a measurement'}.")):
            for item in items:
                item.remove()
    if arguments.json:
        rows = [{"kind": item.kind, "name": item.name, "why": item.why, "mb": item.mb} for item in items]
        json.dump({"removed": arguments.yes, "items": rows}, sys.stdout, indent=2)
        print()
        return 0
    for item in items:
        size = "" if item.mb is None else f", {item.mb:.0f} MB"
        out.print(f"{item.kind} [bold]{escape(item.name)}[/]{size}: {escape(item.why)}", highlight=False)
    total_mb = sum(item.mb or 0.0 for item in items)
    what = f"{many(len(items), 'item')}, {total_mb:.0f} MB of artifacts"
    if arguments.yes:
        out.print(f"Removed {what}.")
    elif items:
        out.print(f"{what}. Nothing was removed: add --yes to do that.")
    else:
        out.print("There is nothing that nobody needs.")
    return 0


def count(text: str) -> int:
    """Return a number of runs. Raises ArgumentTypeError."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"“{text}” is no number of runs. Give 0 or more.")
    return int(text)


def add_command(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add this command to the command line."""
    parser = command("clean", clean, "List artifacts and runs that nobody needs; remove them with --yes.")
    parser.add_argument("--yes", action="store_true", help="remove what is listed")
    parser.add_argument(
        "--keep-runs", type=count, metavar="N", help="the runs that have ended but the newest N, too"
    )
