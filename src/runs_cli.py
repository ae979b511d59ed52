"""The commands about runs: `python -m src bench | runs | show | compare | export | import | delete`."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from src import terminal
from src.bench import compare, plan, protocol, report, results
from src.bench.plan import BadPlan, Plan
from src.bench.pool import Pool
from src.bench.progress import Progress
from src.bench.record import Record
from src.bench.stopping import Stop
from src.console import err, out, print_spoken
from src.home import write_whole
from src.model import source
from src.references import verdict
from src.store import costs, ort_csv, runs, transfer
from src.store.database import open_store
from src.ui.format import duration, interval, significant

INTERRUPTED = 130
WIDE = 110  # columns of a terminal
COLOURS = {"valid": "green", "noisy": "yellow", "invalid": "red", None: "dim"}
VERDICTS = {"faster": "green", "slower": "red", "tie": "dim"}


class Screen:
    """The live table on standard error. It is drawn between rounds only, and where that is a terminal."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.step = ""
        self.body: list[Table] = []

    def tell(self, step: Progress) -> None:
        done = f" {step.done} of {step.total}" if step.total else ""
        self.step = f"{step.text}{done}"
        self.draw()

    def between_rounds(self, record: Record) -> None:
        if self.live.console.is_terminal:
            run = results.summarise(record)
            self.step = f"Round {record.rounds} is done"
            self.body = tables(run, self.live.console.width)
            self.draw()

    def draw(self) -> None:
        if self.live.console.is_terminal:
            text = Text(self.step)
            self.live.update(Group(*self.body, text), refresh=True)


def bench(arguments: argparse.Namespace) -> int:
    asked = read_plan(arguments)
    for path in (arguments.json, arguments.csv, arguments.markdown):
        if path not in (None, "-") and not Path(path).absolute().parent.is_dir():
            raise BadPlan(
                f"{Path(path).absolute().parent} is no folder, so {path} cannot be written. Make it first."
            )
    stop = Stop(
        lambda: err.print(
            "Stopping after this slice; what is measured is kept. Press Ctrl-C again to stop at once."
        )
    )
    pool = Pool()
    command = shlex.join(["python", "-m", "src", *sys.argv[1:]])
    store = open_store()
    sink = runs.StoreSink(store)
    about_s = costs.accept(store, plan.accept(asked)[0])
    err.print(f"About {duration(about_s)}, at most {duration(asked.budget_s)}.", highlight=False)
    with stop.listening():
        try:
            with Live(console=err, auto_refresh=False, transient=True) as live:
                screen = Screen(live)
                record = protocol.run(
                    pool,
                    asked,
                    source.parse(arguments.model),
                    sink,
                    screen.tell,
                    screen.between_rounds,
                    stop,
                    command,
                )
        finally:
            pool.close()
            if sink.run_id:
                runs.settle(store, sink.run_id)
    run = transfer.whole(record)
    write(arguments.json, json.dumps(run, ensure_ascii=False) + "\n")
    write(arguments.csv, report.to_csv(run))
    write(arguments.markdown, report.to_markdown(run))
    if "-" not in (arguments.json, arguments.csv, arguments.markdown):
        print_run(run)
        out.print(f"Kept as {run['run']['id']}: python -m src show {run['run']['id']}", highlight=False)
    if run["run"]["interrupted"]:
        return INTERRUPTED
    return 0 if run["results"] else 1


def write(path: str | None, text: str) -> None:
    """Write a file in one step, so that it is there whole or not at all; `-` is standard output."""
    if path is None:
        return
    if path == "-":
        sys.stdout.write(text)
        return
    write_whole(Path(path).absolute(), text)


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
        "baseline": arguments.baseline,
    }
    if flags["engines"] == (plan.ALL,):
        flags["engines"] = plan.default_engines()
    given = {name: value for name, value in flags.items() if value is not None}
    return replace(plan.preset(arguments.preset), **given)


def tables(run: dict[str, Any], width: int) -> list[Table]:
    """Return a run's results as tables for a terminal, one for each case; a narrow one gets fewer columns."""
    wide = width >= WIDE
    made: dict[str, Table] = {}
    for row in run["results"]:
        case = report.title(row)
        if case not in made:
            right = ("Median ms (95 %)", *(("p90", "p99", "Per s") if wide else ()), "Ratio (95 %)")
            title = f"[bold]{escape(case[0].upper() + case[1:])}[/]"
            made[case] = terminal.table(title, "Engine", *right, "Verdict", right=right, whole="Engine")
        made[case].add_row(*table_cells(row, wide))
    return list(made.values())


def table_cells(row: dict[str, Any], wide: bool) -> list[str]:
    def shown(value: float | None) -> str:
        return "–" if value is None else significant(value)

    spread = row["median_ci95_ms"]
    ratio = next(iter(row["ratios"].values()), None)
    compared = "–"
    if ratio:
        between = f" ({ratio['ci95'][0]:.3f}–{ratio['ci95'][1]:.3f})" if ratio["ci95"] else ""
        colour = VERDICTS.get(ratio["verdict"] or "", "dim")
        compared = f"{ratio['ratio']:.3f}{between} [{colour}]{ratio['verdict'] or 'too few rounds'}[/]"
    more = [shown(row[name]) for name in ("p90_ms", "p99_ms", "throughput_per_s")] if wide else []
    return [
        escape(row["engine"]),
        shown(results.figure_ms(row)) + (f" ({interval(*spread)})" if spread else ""),
        *more,
        compared,
        f"[{COLOURS[row['verdict']]}]{row['verdict'] or 'not judged'}[/]",
    ]


def print_run(run: dict[str, Any]) -> None:
    """Print a run for people."""
    head, noise = run["run"], run["noise"]
    host = head["host"]
    out.print(
        f"{head['id']}: {head['model']['name']}, "
        f"{host['cpu']}, {host['allowed_cpus'] or 'unknown'} CPUs, {host['system']}",
        highlight=False,
        markup=False,
    )
    out.print(
        f"Latency in ms, lower is better. Ratio: to {head['plan']['baseline']} in the same rounds.",
        highlight=False,
    )
    out.print(*tables(run, out.width), sep="\n")
    for row in run["results"]:
        if row["verdict"] == "invalid":
            where = f"{row['engine']}, {report.title(row)}"
            out.print(f"[red]{escape(where)}:[/] {escape(row['reasons'][0])}", highlight=False)
    for length in verdict.LENGTHS:
        if spoken := verdict.answer(run, "cpu", length):
            print_spoken(spoken, f"{length} tokens – ")
    for text in report.not_measured(run):
        out.print(f"[red]{escape(text)}[/]", highlight=False)
    left_out = f"{noise['disturbed_slices']} of {noise['slices']} slices were disturbed and left out."
    for line in (*report.paced_lines(run), report.ending(run), f"{report.seen_from(run)} {left_out}"):
        out.print(line, highlight=False, markup=False)
    for reason in noise["reasons"]:
        out.print(f"[yellow]Noise:[/] {escape(reason)}", highlight=False)


def read_run(given: str) -> dict[str, Any]:
    """Return the JSON of a run without its events: of a kept run's id, or of a file. Raises BadRun, NoRun."""
    store = open_store()
    if runs.RUN_ID.fullmatch(given):
        return runs.run_json(store, given)
    return results.summarise(transfer.read(store, given))


def show(arguments: argparse.Namespace) -> int:
    if arguments.json:
        write("-", json.dumps(portable(arguments.which), ensure_ascii=False, indent=1) + "\n")
        return 0
    run = read_run(arguments.which)
    if arguments.csv:
        write("-", report.to_csv(run))
    elif arguments.markdown:
        write("-", report.to_markdown(run))
    else:
        print_run(run)
    return 0


def portable(given: str) -> dict[str, Any]:
    """Return the JSON of a run with its events; without them where it came as a table."""
    run = read_run(given)
    return transfer.whole(transfer.read(open_store(), given)) if runs.has_samples(run) else run


def list_runs(arguments: argparse.Namespace) -> int:
    store = open_store()
    runs.settle_orphans(store)
    rows = runs.listed(store)
    if arguments.json:
        write("-", json.dumps([asdict(one) for one in rows], ensure_ascii=False, indent=1) + "\n")
        return 0
    if not rows:
        out.print("No run is kept yet. Make one: python -m src bench", highlight=False)
        return 0
    right = ("Rounds", "Samples")
    table = terminal.table("Kept runs", "Run", "Host", *right, "State", right=right, whole="Run")
    for one in rows:
        host = f"{one.title}\n" * bool(one.title) + f"{one.host}, {one.cpu}"
        state = "noisy" if one.noisy else one.stopped or "being measured"
        marked = f"{state}, imported" if one.source == "imported" else state
        cells = (one.id, host, str(one.rounds), f"{one.samples:,}", marked)
        table.add_row(*map(escape, cells))
    out.print(table)
    return 0


def export(arguments: argparse.Namespace) -> int:
    run = portable(arguments.which)
    if not runs.has_samples(run):
        raise transfer.BadRun(
            f"Run {run['run']['id']} came as a table and has no raw samples to export. Its figures: "
            f"python -m src show {run['run']['id']} --json"
        )
    path = arguments.file or f"{run['run']['id']}.json"
    text = json.dumps(run, ensure_ascii=False) + "\n"
    if len(text.encode()) > transfer.LARGEST_MB * 1_000_000:
        raise transfer.BadRun(f"This run takes more than the {transfer.LARGEST_MB} MB that an import reads.")
    write(path, text)
    if path != "-":
        tell(arguments, {"id": run["run"]["id"], "file": path}, f"Wrote {path}.")
    return 0


def import_run(arguments: argparse.Namespace) -> int:
    store = open_store()
    path = Path(arguments.file)
    data = transfer.read_file(path)
    id, new = ort_csv.take_in(store, data, path.name)
    said = "Kept as" if new else "It is here already:"
    tell(arguments, {"id": id, "new": new}, f"{said} {id}: python -m src show {id}")
    return 0


def delete(arguments: argparse.Namespace) -> int:
    runs.remove(open_store(), arguments.which)
    tell(arguments, {"id": arguments.which}, f"Deleted {arguments.which}.")
    return 0


def tell(arguments: argparse.Namespace, found: dict[str, Any], text: str) -> None:
    """Say what was done, for machines with --json."""
    if arguments.json:
        write("-", json.dumps(found) + "\n")
    else:
        out.print(text, highlight=False, markup=False)


def compare_runs(arguments: argparse.Namespace) -> int:
    found = compare.compare(side(arguments.base), side(arguments.new))
    if arguments.json:
        write("-", json.dumps(found, ensure_ascii=False, indent=1) + "\n")
        return 0 if found["rows"] else 1
    if found["differences"]:
        differ = terminal.table("", "What differs", escape(found["base"]), escape(found["new"]))
        for one in found["differences"]:
            differ.add_row(one["what"], escape(str(one["base"])), escape(str(one["new"])))
        out.print(differ)
    right = ("Base ms", "New ms", "Latency", "Ratio to baseline")
    title = "New ÷ base, below 1 is faster"
    made = terminal.table(title, "Case", "Engine", *right, right=right, whole="Engine")
    for row in found["rows"]:
        made.add_row(
            report.title(row),
            escape(row["engine"]),
            "–" if row["base_ms"] is None else significant(row["base_ms"]),
            "–" if row["new_ms"] is None else significant(row["new_ms"]),
            change(row["latency"]),
            change(row["to_baseline"]),
        )
    out.print(made)
    return 0 if found["rows"] else 1


def side(given: str) -> compare.Side:
    """Return a run as one side of a comparison."""
    run = read_run(given)
    return compare.Side(run, transfer.read(open_store(), given) if runs.has_samples(run) else None)


def change(found: dict[str, Any] | None) -> str:
    if not found:
        return "–"
    if not found["ci95"]:
        return f"{found['ratio']:.3f} (no interval)"
    low, high = found["ci95"]
    return f"{found['ratio']:.3f} ({low:.3f}–{high:.3f}) [{VERDICTS[found['verdict']]}]{found['verdict']}[/]"


def add_commands(
    command: Callable[..., argparse.ArgumentParser], model: Callable[[argparse.ArgumentParser], None]
) -> None:
    """Add the commands of this module to the command line."""
    made = command("bench", bench, "Run a benchmark by the measuring protocol.", json_flag=False)
    presets = "; ".join(f"{name}: {one.title}" for name, one in plan.PRESETS.items())
    made.add_argument("--preset", default="quick", metavar="NAME", help=presets.replace("%", "%%"))
    model(made)
    for flag, metavar, text in (
        ("--seq-len", "16,128", "sequence lengths in tokens, [CLS] and [SEP] included"),
        ("--batch-size", "1,8", "batch sizes"),
        ("--threads", "2", "threads of each engine"),
        ("--scope", "model,pipeline", "what the timer encloses"),
        ("--baseline", "ENGINE", "what ratios are taken to (default: onnxruntime-fp32)"),
    ):
        made.add_argument(flag, metavar=metavar, help=text)
    made.add_argument("--budget", type=float, metavar="SECONDS", help="the whole run takes at most so long")
    made.add_argument("--pace", type=float, metavar="SECONDS", help="idle so long before each call")
    made.add_argument(
        "--percentile", type=int, metavar="N", help="measure enough samples for p50, p90, p95 or p99"
    )
    made.add_argument(
        "--precision", type=float, metavar="PERCENT", help="stop when every ratio is known to ± so much"
    )
    made.add_argument("--seed", type=int, metavar="N", help="of the random orders and the composed texts")
    for flag, text in (
        ("--json", "write everything, raw samples included (- for standard output)"),
        ("--csv", "write ONNX Runtime's benchmark CSV"),
        ("--markdown", "write Markdown tables"),
    ):
        made.add_argument(flag, metavar="FILE", help=text)
    made = command("show", show, "Show a run: its id, or a file that bench wrote.")
    made.add_argument("which", metavar="RUN")
    made.add_argument("--csv", action="store_true", help="print ONNX Runtime's benchmark CSV")
    made.add_argument("--markdown", action="store_true", help="print Markdown tables")
    made = command("compare", compare_runs, "Compare two runs.")
    made.add_argument("base", metavar="BASE")
    made.add_argument("new", metavar="NEW")
    command("runs", list_runs, "List the kept runs.")
    made = command("export", export, "Write a kept run as one file that another host can import.")
    made.add_argument("which", metavar="RUN")
    made.add_argument("file", metavar="FILE", nargs="?", help="default: RUN.json; - for standard output")
    made = command(
        "import", import_run, "Keep a run from a file: bench's or export's JSON, or ONNX Runtime's CSV."
    )
    made.add_argument("file", metavar="FILE")
    made = command("delete", delete, "Delete a kept run and its samples.")
    made.add_argument("which", metavar="RUN")
