"""Which releases a time line has: as the package index offers them, made where they are missing."""

import argparse
import time
from collections.abc import Sequence

from rich.markup import escape

from src import releases
from src.bench import catalogue, timeline_plan
from src.bench import environments as making
from src.bench.environment_space import most_gb, sizes_gb
from src.bench.release_room import room_for
from src.cli.console import err, progress_bar
from src.model import source
from src.words import duration


def say(text: str) -> None:
    err.print(text, highlight=False, markup=False)


def say_spent(begun_s: float) -> None:
    """Tell what a command took that began at this time (monotonic), and what the releases here do."""
    taken_gb = sum(sizes_gb().values())
    say(
        f"Took {duration(time.monotonic() - begun_s)}. Releases take {taken_gb:.1f} of at most "
        f"{most_gb():g} GB here."
    )


def offers_of(arguments: argparse.Namespace) -> list[catalogue.Offer]:
    """Return the releases that were asked for, oldest first: as the index answered last, or answers now.

    Where it cannot be asked, that is said, and those that are installed are taken.
    """
    known = None if arguments.installed else of_index(arguments)
    if known is None:
        versions = reversed(timeline_plan.here(arguments.runtime))
        offers = [catalogue.Offer(version, ()) for version in versions]
        known = catalogue.Catalogue(arguments.runtime, "", tuple(offers))
    return timeline_plan.chosen(known, arguments.first, arguments.last, arguments.minor)


def of_index(arguments: argparse.Namespace) -> catalogue.Catalogue | None:
    """Return what the index offers: as it answered last, or answers now; None where it cannot be asked."""
    known = catalogue.kept(arguments.runtime)
    if known and not arguments.ask:
        say(f"Releases as the index offered them on {known.asked_at[:10]}; --ask asks it again.")
        return known
    try:
        with progress_bar() as tell:
            return catalogue.ask(arguments.runtime, tell)
    except catalogue.CatalogueFailed as error:
        say(f"{error} Going on with what is installed.")
        return None


def make_environments(arguments: argparse.Namespace, versions: Sequence[str]) -> list[str]:
    """Make what is missing, after telling what that takes; return the releases that are there then.

    Raises BadPlan where they do not all fit.
    """
    runtime = arguments.runtime
    room = room_for(runtime, versions)
    if room.missing:
        say(
            f"{len(room.missing)} of {len(versions)} releases are to be installed: about "
            f"{duration(room.seconds)} and {room.needed_gb:.1f} GB."
        )
    there = []
    for version in versions:
        if version in room.missing and not made(arguments, version):
            continue
        there.append(version)
    return there


def made(arguments: argparse.Namespace, version: str) -> bool:
    """Make the environment of one release; tell why not where that fails."""
    name = releases.Release(arguments.runtime, version).name
    try:
        with progress_bar() as tell:
            making.create(name, source.parse(arguments.model), tell)
    except (making.EnvironmentFailed, catalogue.CatalogueFailed) as error:
        err.print(f"[yellow]{escape(name)}[/] is left out: {escape(str(error))}", highlight=False)
        return False
    return True
