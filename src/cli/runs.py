"""The commands about runs: `python -m src bench | runs | show | compare | export | import | delete`."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from src.cli import terminal
from src.cli.console import out, write
from src.cli.run_printing import change, print_run
from src.facts import Facts
from src.figures import compare, report, results
from src.figures.run import Run, to_json
from src.search import search_file
from src.store import runs, transfer, writing
from src.store.database import open_store
from src.words import significant


def read_run(given: str) -> Run:
    """Return a run: of a kept run's id, or of a file. Raises BadRun, NoRun."""
    store = open_store()
    if runs.RUN_ID.fullmatch(given):
        return runs.run(store, given)
    return results.summarise(transfer.read(store, given))


def show(arguments: argparse.Namespace) -> int:
    run = read_run(arguments.which)
    if arguments.json:
        write("-", json.dumps(portable(run, arguments.which), ensure_ascii=False, indent=1) + "\n")
    elif arguments.csv:
        write("-", report.to_csv(run))
    elif arguments.markdown:
        write("-", report.to_markdown(run))
    else:
        print_run(run)
    return 0


def portable(run: Run, given: str) -> Facts:
    """Return the JSON of a run with its events; without them where it came as a table."""
    return transfer.whole(transfer.read(open_store(), given)) if run.has_samples else to_json(run)


def list_runs(arguments: argparse.Namespace) -> int:
    store = open_store()
    writing.settle_orphans(store)
    rows = runs.listed(store)
    if arguments.json:
        write("-", json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1) + "\n")
        return 0
    if not rows:
        out.print("No run is kept yet. Make one: python -m src bench", highlight=False)
        return 0
    right = ("Rounds", "Samples")
    table = terminal.table("Kept runs", "Run", "Host", *right, "State", right=right, whole="Run")
    for row in rows:
        host = f"{row.title}\n" * bool(row.title) + f"{row.host}, {row.cpu}"
        state = "noisy" if row.noisy else row.stopped or "being measured"
        marked = f"{state}, imported" if row.source == "imported" else state
        cells = (row.id, host, str(row.rounds), f"{row.samples:,}", marked)
        table.add_row(*map(escape, cells))
    out.print(table)
    return 0


def export(arguments: argparse.Namespace) -> int:
    run = read_run(arguments.which)
    if not run.has_samples:
        raise transfer.BadRun(
            f"Run {run.head.id} came as a table and has no raw samples to export. Its figures: "
            f"python -m src show {run.head.id} --json"
        )
    path = arguments.file or f"{run.head.id}.json"
    text = json.dumps(portable(run, arguments.which), ensure_ascii=False) + "\n"
    if len(text.encode()) > transfer.LARGEST_MB * 1_000_000:
        raise transfer.BadRun(f"This run takes more than the {transfer.LARGEST_MB} MB that an import reads.")
    write(path, text)
    if path != "-":
        tell(arguments, {"id": run.head.id, "file": path}, f"Wrote {path}.")
    return 0


def import_run(arguments: argparse.Namespace) -> int:
    store = open_store()
    path = Path(arguments.file)
    data = transfer.read_file(path)
    id, new, is_search = search_file.keep_file(store, data, path.name)
    said = "Kept as" if new else "It is here already:"
    command = "find --show" if is_search else "show"
    tell(arguments, {"id": id, "new": new}, f"{said} {id}: python -m src {command} {id}")
    return 0


def delete(arguments: argparse.Namespace) -> int:
    runs.remove(open_store(), arguments.which)
    tell(arguments, {"id": arguments.which}, f"Deleted {arguments.which}.")
    return 0


def tell(arguments: argparse.Namespace, facts: Facts, text: str) -> None:
    """Say what was done, for machines with --json."""
    if arguments.json:
        write("-", json.dumps(facts) + "\n")
    else:
        out.print(text, highlight=False, markup=False)


def compare_runs(arguments: argparse.Namespace) -> int:
    comparison = compare.compare(side(arguments.base), side(arguments.new))
    if arguments.json:
        write("-", json.dumps(asdict(comparison), ensure_ascii=False, indent=1) + "\n")
        return 0 if comparison.rows else 1
    if comparison.differences:
        differ = terminal.table("", "What differs", escape(comparison.base), escape(comparison.new))
        for difference in comparison.differences:
            differ.add_row(difference.what, escape(str(difference.base)), escape(str(difference.new)))
        out.print(differ)
    right = ("Base ms", "New ms", "Latency", "Ratio to baseline")
    title = "New ÷ base, below 1 is faster"
    table = terminal.table(title, "Case", "Engine", *right, right=right, whole="Engine")
    for row in comparison.rows:
        table.add_row(
            report.title(row),
            escape(row.engine),
            "–" if row.base_ms is None else significant(row.base_ms),
            "–" if row.new_ms is None else significant(row.new_ms),
            change(row.latency),
            change(row.to_baseline),
        )
    out.print(table)
    return 0 if comparison.rows else 1


def side(given: str) -> compare.Side:
    """Return a run as one side of a comparison."""
    run = read_run(given)
    return compare.Side(run, transfer.read(open_store(), given) if run.has_samples else None)


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands of this module to the command line."""
    parser = command("show", show, "Show a run: its id, or a file that bench wrote.")
    parser.add_argument("which", metavar="RUN")
    parser.add_argument("--csv", action="store_true", help="print ONNX Runtime's benchmark CSV")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser = command("compare", compare_runs, "Compare two runs.")
    parser.add_argument("base", metavar="BASE")
    parser.add_argument("new", metavar="NEW")
    command("runs", list_runs, "List the kept runs.")
    parser = command("export", export, "Write a kept run as one file that another host can import.")
    parser.add_argument("which", metavar="RUN")
    parser.add_argument("file", metavar="FILE", nargs="?", help="default: RUN.json; - for standard output")
    parser = command(
        "import", import_run, "Keep a run from a file: bench's or export's JSON, or ONNX Runtime's CSV."
    )
    parser.add_argument("file", metavar="FILE")
    parser = command("delete", delete, "Delete a kept run and its samples.")
    parser.add_argument("which", metavar="RUN")
