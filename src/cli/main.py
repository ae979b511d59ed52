"""The commands behind `python -m src`: what they print, for people and, with --json, for machines."""

import argparse
import logging
import sys
from collections.abc import Callable

from rich.markup import escape

from src import references
from src.bench.settings import BENCHMARK, Settings
from src.cli import accuracy, bench, bundle, clean, envs, find, predict, runs, serve, terminal, timeline
from src.cli.console import err, out, progress_bar, show_json
from src.doctor import doctor, gpu_check, roofline, timer_check
from src.engines import registry
from src.errors import Explained
from src.facts import Facts
from src.host import machine
from src.jobs import check
from src.model import source
from src.progress import Progress


def engines(arguments: argparse.Namespace) -> int:
    rows: list[Facts] = []
    for spec in registry.all_engines():
        missing = registry.availability(spec)
        rows.append(
            {
                "id": spec.id,
                "title": spec.title,
                "runtime": spec.runtime,
                "precision": spec.precision,
                "device": spec.device,
                "environment": spec.environment,
                "available": missing is None,
                "reason": missing.reason if missing else None,
                "remedy": missing.remedy if missing else None,
                "notes": registry.notes(spec),
            }
        )
    if arguments.json:
        show_json(rows)
        return 0
    columns = ("Engine", "Precision", "Device", "Environment", "State")
    table = terminal.table("Engines", *columns, whole="Engine")
    for row in rows:
        state = (
            "[green]available[/]"
            if row["available"]
            else f"[yellow]missing[/]: {escape(row['reason'] + ' ' + row['remedy'])}"
        )
        table.add_row(row["id"], row["precision"], row["device"], row["environment"], state)
    out.print(table)
    return 0


def list_references(arguments: argparse.Namespace) -> int:
    rows = references.load()
    if arguments.json:
        show_json([references.to_json(row) for row in rows])
        return 0
    columns = ("Id", "Engine", "Hardware", "Tokens", "Scope", "Statistic", "Value")
    table = terminal.table("Stored numbers", *columns, right=("Value",))
    for row in rows:
        length = "" if row.sequence_length is None else str(row.sequence_length)
        value = f"{row.value:g} {row.unit}"
        cells = (row.id, row.engine, row.hardware, length, row.scope, row.statistic, value)
        table.add_row(*map(escape, cells))
    out.print(table)
    return 0


def examine(arguments: argparse.Namespace) -> int:
    findings = doctor.examine(source.parse(arguments.model) if arguments.model else None)
    findings += check.check_store()
    if arguments.gpu:
        with progress_bar() as tell:
            findings += gpu_check.check(source.parse(arguments.model), tell)
    if arguments.roofline:
        with progress_bar() as tell:
            findings += roofline.check(arguments.threads or machine.default_threads(), tell)
    if arguments.measure:
        with progress_bar() as tell:
            findings += timer_check.check(
                source.parse(arguments.model), lambda text: tell(Progress("measure", text))
            )
    if arguments.json:
        show_json([finding.to_json() for finding in findings])
    else:
        table = terminal.table("Doctor", "Check", "State", "Finding", whole="Check")
        colours = {"ok": "green", "warning": "yellow", "failed": "red"}
        for finding in findings:
            remedy = f" → {finding.remedy}" if finding.remedy else ""
            table.add_row(
                finding.check, f"[{colours[finding.state]}]{finding.state}[/]", escape(finding.text + remedy)
            )
        out.print(table)
    return 1 if any(finding.state == "failed" for finding in findings) else 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m src",
        description="Do stock inference engines reach Hugging Face Infinity's latency on this host?",
    )
    top.add_argument("--debug", action="store_true", help="log what is done, and show tracebacks")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], help: str, json_flag: bool = True
    ) -> argparse.ArgumentParser:
        command_parser = commands.add_parser(name, help=help, description=help)
        if json_flag:
            command_parser.add_argument("--json", action="store_true", help="print JSON")
        command_parser.set_defaults(run=run)
        return command_parser

    def model_options(command_parser: argparse.ArgumentParser) -> None:
        command_parser.add_argument(
            "--engines", metavar="A,B", help="only these engines; all: each that can run here"
        )
        command_parser.add_argument(
            "--model",
            metavar="MODEL",
            help="embedded, hub, or a checkpoint's folder (default: AWIY_MODEL, else embedded)",
        )

    command("engines", engines, "List every engine, and why one cannot run here.")
    predict.add_command(command, model_options)
    accuracy.add_command(command, model_options)
    bench.add_command(command, model_options)
    timeline.add_commands(command, model_options)
    find.add_command(command, model_options)
    bundle.add_command(command)
    serve.add_command(command)
    runs.add_commands(command)
    clean.add_command(command)
    envs.add_commands(commands)
    command("references", list_references, "List the stored numbers.")
    subparser = command("doctor", examine, "Check this installation and this host.")
    subparser.add_argument("--model", metavar="MODEL", help="embedded, hub, or a checkpoint's folder")
    subparser.add_argument("--gpu", action="store_true", help="check the GPU engines' answers and times, too")
    subparser.add_argument(
        "--roofline",
        action="store_true",
        help="measure what the CPUs can do at most, too, which the share of the limit is of (20 s)",
    )
    subparser.add_argument("--threads", type=int, metavar="N", help="of the roofline")
    subparser.add_argument(
        "--measure", action="store_true", help="compare workers' times with hand-written loops, too (minutes)"
    )
    return top


def main(given: list[str] | None = None, settings: Settings = BENCHMARK) -> int:
    """Run one command; return the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted. `settings` are
    those of a benchmark.
    """
    arguments = parser().parse_args(given)
    arguments.settings = settings
    logging.basicConfig(level=logging.DEBUG if arguments.debug else logging.ERROR, stream=sys.stderr)
    try:
        code: int = arguments.run(arguments)
    except Explained as error:
        if arguments.debug:
            raise
        if arguments.json:
            show_json({"error": str(error)})
        err.print(f"[red]Error:[/] {escape(str(error))}", highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    return code
