"""The commands that make, list and remove isolated environments."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from src import releases
from src.bench import catalogue, environments
from src.bench.environment_space import VARIABLE, most_gb, to_remove
from src.cli import terminal
from src.cli.console import err, out, progress_bar, show_json
from src.environments import ENVIRONMENTS, of_releases, trouble
from src.model import source


def create_environment(arguments: argparse.Namespace) -> int:
    goes = list(to_remove(arguments.name)) if arguments.anew or trouble(arguments.name) else []
    if goes:
        err.print(
            f"Releases may take {most_gb():g} GB together ({VARIABLE}), so those used longest ago go first: "
            + escape(", ".join(goes))
        )
    with progress_bar() as tell:
        state = environments.create(
            arguments.name, source.parse(arguments.model), tell, arguments.python, arguments.anew
        )
    if arguments.json:
        show_json(asdict(state))
    else:
        print_environments([state])
    return 1 if state.trouble or state.failed else 0


def list_environments(arguments: argparse.Namespace) -> int:
    states = [environments.state(environment) for environment in (*ENVIRONMENTS, *of_releases())]
    if arguments.json:
        show_json([asdict(state) for state in states])
    else:
        print_environments(states)
    return 0


def print_environments(states: list[environments.State]) -> None:
    columns = ("Environment", "State", "Python", "MB", "Made")
    table = terminal.table("Environments", *columns, right=("MB",))
    for state in states:
        text = (
            f"[yellow]{escape(state.trouble)}[/] {escape(state.remedy)}"
            if state.trouble
            else "[green]ready[/]"
        )
        for engine, reason in state.failed.items():
            text += f"\n[red]{engine}[/] failed its check: {escape(reason)}"
        if state.yanked:
            text += f"\n[yellow]Its publisher took it back:[/] {escape(state.yanked)}"
        size = "" if state.size_mb is None else f"{state.size_mb:,.0f}"
        table.add_row(
            f"{state.name}\n[dim]{escape(state.title)}[/]",
            text,
            python(state),
            size,
            state.created or "",
        )
    out.print(table)


def python(state: environments.State) -> str:
    """Return the Python of an environment, and a newer one that would do and was not here."""
    newer = state.best_python if state.best_python != state.python else None
    return (
        f"{state.python or ''}\n[dim]{newer} would do, and was not here[/]" if newer else state.python or ""
    )


def remove_environment(arguments: argparse.Namespace) -> int:
    freed = environments.remove(arguments.name)
    if arguments.json:
        show_json({"name": arguments.name, "freed_mb": freed})
    else:
        out.print(f"Removed the environment “{escape(arguments.name)}”: {freed:,.0f} MB are free again.")
    return 0


def list_offers(arguments: argparse.Namespace) -> int:
    with progress_bar() as tell:
        offers = catalogue.ask(arguments.runtime, tell)
    if arguments.json:
        show_json(asdict(offers))
        return 0
    title = f"{releases.RUNTIMES[offers.runtime]} in the package index"
    table = terminal.table(title, "Release", "Python", "Here", whole="Release")
    for offer in offers.offers:
        name = releases.Release(offers.runtime, offer.version).name
        table.add_row(name, ", ".join(offer.pythons), "" if trouble(name) else "ready")
    out.print(table)
    return 0


def add_commands(commands: Any) -> None:
    """Add the commands of environments to the command line."""
    about = "Create, list or remove an isolated environment."
    actions = commands.add_parser("envs", help=about, description=about).add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    names = ", ".join(environment.name for environment in ENVIRONMENTS)
    names += f", or RUNTIME@VERSION for a release of {', '.join(releases.RUNTIMES)}, as onnxruntime@1.24.4"

    def action(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        action_parser: argparse.ArgumentParser = actions.add_parser(name, help=help, description=help)
        action_parser.add_argument("--json", action="store_true", help="print JSON")
        action_parser.set_defaults(run=run)
        return action_parser

    action("list", list_environments, "List the environments and their states.")
    subparser = action("create", create_environment, "Make an environment, unless it is there and sound.")
    subparser.add_argument("name", metavar="NAME", help=names)
    subparser.add_argument(
        "--python", metavar="PATH", help="the Python to make it with (default: one is found)"
    )
    subparser.add_argument("--anew", action="store_true", help="make it again even if it is sound")
    subparser.add_argument("--model", metavar="MODEL", help="what its engines are checked with")
    subparser = action("offered", list_offers, "Ask the package index which releases of a runtime it has.")
    subparser.add_argument("runtime", choices=list(releases.RUNTIMES))
    subparser = action("remove", remove_environment, "Remove an environment and give its space back.")
    subparser.add_argument("name", metavar="NAME", help=names)
