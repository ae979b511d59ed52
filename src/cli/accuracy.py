"""The command `accuracy`: how many sentences each engine labels right, and is it as accurate as FP32?"""

import argparse
from collections.abc import Callable

from rich.markup import escape
from rich.table import Table

from src.accuracy import accuracy_files
from src.accuracy.accuracy_result import Accuracy
from src.accuracy.gate import HOLDS, MISSES, NOT_PROVEN, Gate
from src.bench import accuracy
from src.cli import terminal
from src.cli.console import listed, out, print_failures, progress_bar, show_json
from src.model import source
from src.workers.pool import Pool

COLOURS = {HOLDS: "green", MISSES: "red", NOT_PROVEN: "yellow"}


def measure_accuracy(arguments: argparse.Namespace) -> int:
    pool = Pool()
    try:
        with progress_bar() as tell:
            result = accuracy.measure(
                pool, arguments.dataset or (), listed(arguments.engines), source.parse(arguments.model), tell
            )
    finally:
        pool.close()
    accuracy_files.keep(result)
    if arguments.json:
        show_json(result.to_json())
        return 0 if result.engines else 1
    out.print(table_of(result))
    print_failures(result.failures)
    return 0 if result.engines else 1


def table_of(result: Accuracy) -> Table:
    """Return the engines' figures, two under each other, so that in 80 columns each stays whole."""
    title = f"Accuracy on {escape(result.dataset)}, {result.n} sentences"
    numbers = ("accuracy\n95 % interval", "flips\npadded", "Δlogit\np")
    table = terminal.table(
        title, "Engine", *numbers, "gate: drop\n95 % bounds", right=numbers, whole="Engine"
    )
    for row in result.engines:
        compared = ("–",) * 3
        if row.max_abs_delta_logit is not None and row.gate:
            gate = row.gate
            compared = (
                f"{row.flips}\n{row.padding.flips if row.padding else '–'}",
                f"{row.max_abs_delta_logit:.2g}\n{row.mcnemar_p:.2g}",
                gate_words(gate),
            )
        accuracy = f"{row.accuracy:.4f}\n{row.ci95[0]:.4f}–{row.ci95[1]:.4f}"
        table.add_row(row.engine, accuracy, *compared)
    return table


def gate_words(gate: Gate) -> str:
    """Return an accuracy gate's state in colour, the drop and its bounds, and what would settle one that is
    not proven.
    """
    more = f"\n{gate.more_sentences:,} more sentences would tell" if gate.more_sentences else ""
    bounds = f"{gate.low:.2%} to {gate.high:.2%}"
    return f"[{COLOURS[gate.state]}]{gate.state}[/]: {gate.drop:.2%}\n{bounds}{more}"


def add_command(
    command: Callable[..., argparse.ArgumentParser], options: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the command to a parser."""
    parser = command("accuracy", measure_accuracy, "Measure each engine's accuracy on labelled sentences.")
    parser.add_argument(
        "--dataset",
        metavar="FILE.tsv",
        action="append",
        help="lines of text<TAB>label, 1 = positive; a .csv with these columns; or hub, which fetches SST-2 "
        "(default: data/sentences.csv); several are pooled by sentence",
    )
    options(parser)
