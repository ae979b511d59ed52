"""Which releases a time line has: as the package index offers them, made where they are missing."""

import argparse
from collections.abc import Sequence

from rich.markup import escape

from src import environments, releases
from src.bench import catalogue, timeline_plan
from src.bench import environments as making
from src.bench.environment_space import VARIABLE, most_gb, size_mb
from src.bench.plan import BadPlan
from src.cli.console import err, progress_bar
from src.model import source
from src.ui.format import duration

MAKING_S = 30.0  # an environment of a release, from nothing; seen here
USUAL_GB = 0.3  # of one, where none is here to tell


def say(text: str) -> None:
    err.print(text, highlight=False, markup=False)


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
    missing = timeline_plan.absent(versions, runtime)
    names = [releases.Release(runtime, version).name for version in timeline_plan.here(runtime)]
    sizes = [size_mb(environments.folder(name)) / 1000 for name in names]
    each_gb = max(sizes, default=USUAL_GB)
    if missing:
        needed_gb = each_gb * len(versions)
        if needed_gb > most_gb():
            raise BadPlan(
                f"{len(versions)} releases take about {needed_gb:.1f} GB, and releases may take "
                f"{most_gb():g} GB here. Set {VARIABLE}={needed_gb + 1:.0f}, or ask for fewer: "
                "--minor takes the last of each minor version, --from and --to bound them."
            )
        say(
            f"{len(missing)} of {len(versions)} releases are to be installed: about "
            f"{duration(MAKING_S * len(missing))} and {each_gb * len(missing):.1f} GB."
        )
    there = []
    for version in versions:
        if version in missing and not made(arguments, version):
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
