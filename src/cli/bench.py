"""The command `bench`: a plan from flags, a live table while it is measured, and its files."""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from src.bench import plan
from src.bench.plan import BadPlan, Plan
from src.bench.record import Record
from src.cli.console import err, out, write
from src.cli.live_run import carry_out
from src.cli.run_printing import print_run, tables
from src.figures import report, results
from src.model import source
from src.store import costs, transfer
from src.store.database import open_store
from src.words import duration

INTERRUPTED = 130


def bench(arguments: argparse.Namespace) -> int:
    run_plan = read_plan(arguments)
    for path in (arguments.json, arguments.csv, arguments.markdown):
        if path not in (None, "-") and not Path(path).absolute().parent.is_dir():
            raise BadPlan(
                f"{Path(path).absolute().parent} is no folder, so {path} cannot be written. Make it first."
            )
    store = open_store()
    about_s = costs.accept(store, plan.accept(run_plan)[0])
    err.print(f"About {duration(about_s)}, at most {duration(run_plan.budget_s)}.", highlight=False)
    record = carry_out(store, run_plan, source.parse(arguments.model), arguments.settings, tables_of)
    run = results.summarise(record)
    if arguments.json:
        write(arguments.json, json.dumps(transfer.whole(record), ensure_ascii=False) + "\n")
    write(arguments.csv, report.to_csv(run))
    write(arguments.markdown, report.to_markdown(run))
    if "-" not in (arguments.json, arguments.csv, arguments.markdown):
        print_run(run)
        out.print(f"Kept as {run.head.id}: python -m src show {run.head.id}", highlight=False)
    if run.head.interrupted:
        return INTERRUPTED
    return 0 if run.results else 1


def tables_of(record: Record, width: int) -> list[Table]:
    return tables(results.summarise(record), width)


def numbers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise BadPlan(f"“{text}” is no list of numbers. Write them like 16,128.") from error


def words(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def read_plan(arguments: argparse.Namespace) -> Plan:
    """Return the plan of the command line: a preset, changed by flags. Raises BadPlan."""
    flags = {
        "engines": words(arguments.engines),
        "sequence_lengths": numbers(arguments.seq_len),
        "batch_sizes": numbers(arguments.batch_size),
        "threads": numbers(arguments.threads),
        "scopes": words(arguments.scope),
        "budget_s": arguments.budget,
        "pace_s": arguments.pace,
        "percentile": arguments.percentile,
        "precision": None if arguments.precision is None else arguments.precision / 100,
        "seed": arguments.seed,
        "blocks": arguments.blocks,
        "baseline": arguments.baseline,
    }
    if flags["engines"] == (plan.ALL,):
        flags["engines"] = plan.default_engines()
    given = {name: value for name, value in flags.items() if value is not None}
    return replace(plan.preset(arguments.preset), **given)


def add_command(
    command: Callable[..., argparse.ArgumentParser], model: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the command to a parser."""
    parser = command("bench", bench, "Run a benchmark by the measuring protocol.", json_flag=False)
    presets = "; ".join(f"{name}: {preset.title}" for name, preset in plan.PRESETS.items())
    parser.add_argument("--preset", default="quick", metavar="NAME", help=presets.replace("%", "%%"))
    model(parser)
    for flag, metavar, text in (
        ("--seq-len", "16,128", "sequence lengths in tokens, [CLS] and [SEP] included"),
        ("--batch-size", "1,8", "batch sizes"),
        ("--threads", "2", "threads of each engine"),
        ("--scope", "model,pipeline", "what the timer encloses"),
        ("--baseline", "ENGINE", "what ratios are taken to (default: onnxruntime-fp32)"),
    ):
        parser.add_argument(flag, metavar=metavar, help=text)
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="the whole run takes at most so long")
    parser.add_argument("--pace", type=float, metavar="SECONDS", help="idle so long before each call")
    parser.add_argument(
        "--percentile", type=int, metavar="N", help="measure enough samples for p50, p90, p95 or p99"
    )
    parser.add_argument(
        "--precision", type=float, metavar="PERCENT", help="stop when every ratio is known to ± so much"
    )
    parser.add_argument(
        "--blocks", type=int, metavar="B", help="measure in B blocks, each with a new process of every engine"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of the random orders and the composed texts")
    for flag, text in (
        ("--json", "write everything, raw samples included (- for standard output)"),
        ("--csv", "write ONNX Runtime's benchmark CSV"),
        ("--markdown", "write Markdown tables"),
    ):
        parser.add_argument(flag, metavar="FILE", help=text)
