"""The command `find`: the fastest faithful configurations of this host."""

import argparse
import dataclasses
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from src.bench import field
from src.bench.observer import Observer
from src.bench.plan import Plan, from_json
from src.bench.record import Record
from src.bench.settings import Settings
from src.cli import terminal
from src.cli.bench import INTERRUPTED, numbers, words
from src.cli.bench import tables_of as run_tables
from src.cli.console import err, progress_bar, write
from src.cli.find_printing import show
from src.cli.live_run import carry_out
from src.cli.runs import tell
from src.engines import registry
from src.errors import Explained
from src.host import machine
from src.model import source
from src.progress import Progress
from src.search import asked as asking
from src.search import heats, own_texts, process, search_file, space, state
from src.search.answer import Proposal
from src.search.asked import Asked, BadSearch
from src.search.live import Teller, racers
from src.search.search import Conductor, Stopped
from src.search.state import Search
from src.search.time_left import BUDGET, budget_to_go_on
from src.search.words import objective_title
from src.stats import MEDIAN
from src.store.database import Store, open_store
from src.words import duration, many, times

LENGTHS = (16, 128)
UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600}
SHOWN = 15  # of a race


def find(arguments: argparse.Namespace) -> int:
    store = open_store()
    if arguments.export is not None:
        return export(arguments, store)
    if arguments.delete is not None:
        process.remove(arguments.delete)
        tell(arguments, {"id": arguments.delete}, f"Deleted {arguments.delete}. Its runs are kept.")
        return 0
    if arguments.show is not None:
        search = state.find(arguments.show)
        tell_answer(arguments, store, search, heats.proposals(store, search))
        return 0
    begun = state.begin(read(arguments)) if arguments.resume is None else to_resume(arguments.resume)
    # Also where who started it ignores Ctrl-C, as shells do for what runs in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with process.conducting(begun.id), closing_teller(begun.id) as teller:
        search = begun if arguments.resume is None else resumed(arguments, store, begun.id)
        search = dataclasses.replace(search, problem="")
        state.keep(search)
        err.print(
            f"Search {search.id}, at most {duration(max(0.0, search.left_s))}. "
            f"Should it be killed: python -m src find --resume {search.id}",
            highlight=False,
        )
        conducting = conductor(store, search, arguments.settings, teller)
        try:
            proposals = conducting.run()
        except Stopped as end:
            err.print(str(end), highlight=False)
            return INTERRUPTED
        except Explained as error:  # for who looks at the page
            state.keep(dataclasses.replace(conducting.search, problem=str(error)))
            raise
    tell_answer(arguments, store, conducting.search, proposals)
    return 0 if proposals else 1


def tell_answer(
    arguments: argparse.Namespace, store: Store, search: Search, proposals: list[Proposal]
) -> None:
    show(arguments, search, proposals, lambda: budget_to_go_on(store, search))


def export(arguments: argparse.Namespace, store: Store) -> int:
    """Write a search and its runs into one file. Raises NoSearch, NoRun, NotWritten."""
    search = state.find(arguments.show or "")
    path = arguments.export
    write(path, search_file.pack(store, search))
    if path != "-":
        tell(arguments, {"id": search.id, "file": path}, f"Wrote {path}: python -m src import {path}")
    return 0


@contextmanager
def closing_teller(id: str) -> Iterator[Teller]:
    """Tell how far a search is until the block ends."""
    teller = Teller(id)
    try:
        yield teller
    finally:
        teller.end()


def to_resume(id: str) -> Search:
    """Return a search that may go on here. Raises NoSearch, BadSearch."""
    search = state.find(id)
    if search.imported:
        raise BadSearch(
            f"Search {search.id} came in a file: what another host measured cannot go on here. "
            "Begin one of this host: python -m src find"
        )
    return search


def resumed(arguments: argparse.Namespace, store: Store, id: str) -> Search:
    """Return the search to go on with, as it stands now that nobody else conducts it; with a budget it has so
    much more time. Raises NoSearch, BadSearch.
    """
    search = heats.counted(store, state.find(id))
    if arguments.budget is None:
        return search
    asked = dataclasses.replace(search.asked, budget_s=search.spent_s + seconds(arguments.budget))
    return dataclasses.replace(search, asked=asked, ended_at="")


def seconds(text: str) -> float:
    """Return the seconds of a text such as 20m. Raises BadSearch."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match:
        raise BadSearch(f"“{text}” is no time. Write 20m, 1h, or a number of seconds.")
    return float(match[1]) * UNITS_S[match[2]]


def read(arguments: argparse.Namespace) -> Asked:
    """Return what the command line asks for. Raises BadSearch, BadPlan, UnknownEngine, ModelError."""
    model = source.parse(arguments.model)
    asked = Asked(
        lengths=tuple(dict.fromkeys(numbers(arguments.seq_len) or LENGTHS)),
        budget_s=seconds(arguments.budget or BUDGET),
        threads=arguments.threads or machine.default_threads(),
        scope=arguments.scope,
        engines=tuple(registry.get(id).id for id in words(arguments.engines) or ()),
        packages=words(arguments.packages),
        datasets=tuple(map(asking.placed, arguments.dataset or ())),
        releases=space.releases_named(words(arguments.releases)),
        max_drop=arguments.max_drop / 100,
        memory_mb=arguments.memory,
        load_s=arguments.load,
        model=model.to_text(),
        seed=arguments.seed,
        percentile=arguments.percentile,
    )
    if arguments.texts:
        if arguments.seq_len:
            raise BadSearch("--seq-len and --texts both say which lengths. Give one of them.")
        path = Path(arguments.texts).expanduser()
        asked = own_texts.asked_of(asked, own_texts.read(path), path.name)
    asking.check(asked)
    return asked


def conductor(store: Store, search: Search, settings: Settings, teller: Teller) -> Conductor:
    """Return what conducts a search for a terminal: each step is told in a line, and a race in a table. Who
    looks at the page is told by `teller`.
    """
    also = Observer(progress=teller.tell, between_rounds=teller.between_rounds)

    @contextmanager
    def showing() -> Iterator[Callable[[Progress], None]]:
        with progress_bar() as bar:

            def tell(step: Progress) -> None:
                bar(step)
                teller.tell(step)

            yield tell

    def measure(plan: Plan, begun: Callable[[str], None]) -> Record:
        kind = "Race" if plan.racing else "Confirmation, in new processes"
        err.print(f"{kind}: {many(len(plan.engines), 'configuration')}", highlight=False)
        model = source.parse(search.asked.model or None)
        return carry_out(store, plan, model, settings, tables_of, begun, also)

    return Conductor(store, search, measure, showing, lambda line: err.print(line, highlight=False))


def tables_of(record: Record, width: int) -> list[Table]:
    """Return how a race stands so far, or a confirmation's results."""
    if not record.begun:
        return []
    plan = from_json(record.begun.plan)
    return [race_table(record, plan)] if plan.racing else run_tables(record, width)


def race_table(record: Record, plan: Plan) -> Table:
    shown = racers(record, plan)
    racing = sum(racer.racing for racer in shown)
    titles = [objective_title(lengths) for lengths in field.objectives(plan.sequence_lengths, plan.shares)]
    title = f"[bold]Round {record.rounds}: {racing} of {len(shown)} in the race[/]"
    table = terminal.table(title, "Configuration", *titles, "State", right=titles, whole="Configuration")
    for racer in shown[:SHOWN]:
        ratios = [times(ratio) for ratio in racer.ratios]
        state = "[green]in the race[/]" if racer.racing else f"[dim]dropped after round {racer.rounds}[/]"
        table.add_row(escape(racer.engine), *ratios, state)
    return table


def add_command(
    command: Callable[..., argparse.ArgumentParser], model: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the command to a parser."""
    parser = command("find", find, "Find the fastest faithful configurations of this host.")
    model(parser)
    for flag, metavar, text in (
        ("--seq-len", "16,128", "sequence lengths in tokens: fast at each, and at all of them together"),
        ("--texts", "FILE", "your own texts, one a line: fast at their lengths, in their shares"),
        ("--packages", "A,B", "only configurations that need none but these packages"),
        (
            "--releases",
            "A@1.2,B@3.4",
            "releases of runtimes to try, or none (default: of each minor version the last installed here)",
        ),
    ):
        parser.add_argument(flag, metavar=metavar, help=text)
    for flag, text in (
        ("--resume", "go on with a search that was stopped or killed (without an id: the latest)"),
        ("--show", "show a search that is kept, and measure nothing (without an id: the latest)"),
    ):
        parser.add_argument(flag, nargs="?", const="", metavar="ID", help=text)
    parser.add_argument(
        "--export", metavar="FILE.zip", help="write a search (--show ID; else the latest) with its runs"
    )
    parser.add_argument("--delete", metavar="ID", help="forget a search; its runs are kept")
    parser.add_argument("--budget", metavar="TIME", help=f"for its runs, or so much more for them ({BUDGET})")
    parser.add_argument("--scope", default="model", metavar="model", help="what the timer encloses")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of each engine, at most")
    parser.add_argument(
        "--dataset", metavar="FILE.tsv", action="append", help="labelled sentences for what is not known yet"
    )
    parser.add_argument(
        "--max-drop",
        type=float,
        default=100 * asking.MAX_DROP,
        metavar="PERCENT",
        help="of FP32's accuracy, that a configuration may lose; more must be ruled out at 95 %%",
    )
    parser.add_argument(
        "--percentile",
        type=int,
        default=MEDIAN,
        choices=asking.PERCENTILES,
        help="of the calls, that is to be low: the median, or what 1 %% of them exceed",
    )
    parser.add_argument("--memory", type=float, metavar="MB", help="memory that a configuration may take")
    parser.add_argument("--load", type=float, metavar="SECONDS", help="how long it may take to load")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random orders and texts")
