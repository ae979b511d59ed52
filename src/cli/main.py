"""The commands behind `python -m src`: what they print, for people and, with --json, for machines."""

import argparse
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from src import references
from src.bench import environments, sentence
from src.bench.sentence_answer import Answer, Latency
from src.bench.settings import BENCHMARK, Settings
from src.cli import accuracy, bench, clean, runs, terminal
from src.cli.console import err, listed, out, print_failures, print_spoken, progress_bar, show_json
from src.doctor import doctor, gpu_check, timer_check
from src.engines import registry
from src.environments import ENVIRONMENTS
from src.errors import Explained
from src.facts import Facts
from src.jobs import check
from src.model import source
from src.progress import Progress
from src.ui.format import interval, significant, times
from src.workers.pool import Pool


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


def predict(arguments: argparse.Namespace) -> int:
    pool = Pool()
    try:
        with progress_bar() as tell:
            answer = sentence.answer(
                pool,
                arguments.text,
                listed(arguments.engines),
                source.parse(arguments.model),
                arguments.threads,
                tell,
            )
    finally:
        pool.close()
    beside = references.beside(answer)
    if arguments.json:
        show_json({**answer.to_json(), "references": [one.to_json() for one in beside]})
    else:
        print_answer(answer, beside)
    return 0 if answer.engines else 1


def print_answer(answer: Answer, beside: list[references.BesideSentence]) -> None:
    cut = " (truncated)" if answer.truncated else ""
    out.print(f"“{escape(answer.text)}”", highlight=False)
    out.print(
        f"{answer.tokens} tokens{cut}, {answer.threads} threads, {escape(answer.model['name'])}, "
        f"{escape(answer.host['cpu'])}",
        highlight=False,
    )
    numbers = ("Pipeline", "Model", "To best", "To Infinity")
    title = "Latency in ms, median (95 % interval), lower is better"
    table = terminal.table(title, "Engine", *numbers, "Answer", right=numbers, whole="Engine")
    rows = answer.fastest_first
    for row in rows:
        ratios = [one.ratios[row.engine]["pipeline"] for one in beside]
        table.add_row(
            row.engine,
            spread(row.pipeline),
            spread(row.model),
            times(row.pipeline.median_ms / rows[0].pipeline.median_ms),
            times(next((ratio for ratio in ratios if ratio is not None), None)),
            f"{row.label} {row.probability:.4f}" + (" [red](differs)[/]" if row.agrees is False else ""),
        )
    for one in beside:
        table.add_row(f"[dim]{one.reference.title}, stored[/]", f"[dim]{significant(one.reference.value)}[/]")
    out.print(table)
    for spoken in references.answers(references.figures_of_sentence(answer)):
        print_spoken(spoken)
    print_failures(answer.failures)
    if answer.noise.noisy:
        out.print(f"[yellow]Noisy:[/] {escape(answer.noise.reason)}")


def spread(latency: Latency) -> str:
    return f"{significant(latency.median_ms)} [dim]({interval(*latency.ci95_ms)})[/]"


def create_environment(arguments: argparse.Namespace) -> int:
    with progress_bar() as tell:
        made = environments.create(
            arguments.name, source.parse(arguments.model), tell, arguments.python, arguments.anew
        )
    if arguments.json:
        show_json(asdict(made))
    else:
        print_environments([made])
    return 1 if made.trouble or made.failed else 0


def list_environments(arguments: argparse.Namespace) -> int:
    found = [environments.state(one) for one in ENVIRONMENTS]
    if arguments.json:
        show_json([asdict(one) for one in found])
    else:
        print_environments(found)
    return 0


def print_environments(found: list[environments.State]) -> None:
    columns = ("Environment", "State", "Python", "MB", "Made")
    table = terminal.table("Environments", *columns, right=("MB",))
    for one in found:
        told = f"[yellow]{escape(one.trouble)}[/] {escape(one.remedy)}" if one.trouble else "[green]ready[/]"
        for engine, reason in one.failed.items():
            told += f"\n[red]{engine}[/] failed its check: {escape(reason)}"
        size = "" if one.size_mb is None else f"{one.size_mb:,.0f}"
        table.add_row(
            f"{one.name}\n[dim]{escape(one.title)}[/]", told, one.python or "", size, one.created or ""
        )
    out.print(table)


def remove_environment(arguments: argparse.Namespace) -> int:
    freed = environments.remove(arguments.name)
    if arguments.json:
        show_json({"name": arguments.name, "freed_mb": freed})
    else:
        out.print(f"Removed the environment “{escape(arguments.name)}”: {freed:,.0f} MB are free again.")
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
        made = commands.add_parser(name, help=help, description=help)
        if json_flag:
            made.add_argument("--json", action="store_true", help="print JSON")
        made.set_defaults(run=run)
        return made

    def model_options(made: argparse.ArgumentParser) -> None:
        made.add_argument("--engines", metavar="A,B", help="only these engines; all: each that can run here")
        made.add_argument(
            "--model",
            metavar="MODEL",
            help="embedded, hub, or a checkpoint's folder (default: AWIY_MODEL, else embedded)",
        )

    command("engines", engines, "List every engine, and why one cannot run here.")
    made = command("predict", predict, "Answer and time one sentence with each engine.")
    made.add_argument("text", metavar="TEXT")
    made.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads of each engine (default: 2, or fewer if the host has fewer)",
    )
    model_options(made)
    accuracy.add_command(command, model_options)
    bench.add_command(command, model_options)
    runs.add_commands(command)
    clean.add_command(command)
    commands_of_environments(commands)
    command("references", list_references, "List the stored numbers.")
    made = command("doctor", examine, "Check this installation and this host.")
    made.add_argument("--model", metavar="MODEL", help="embedded, hub, or a checkpoint's folder")
    made.add_argument("--gpu", action="store_true", help="check the GPU engines' answers and times, too")
    made.add_argument(
        "--measure", action="store_true", help="compare workers' times with hand-written loops, too (minutes)"
    )
    return top


def commands_of_environments(commands: Any) -> None:
    about = "Create, list or remove an isolated environment."
    actions = commands.add_parser("envs", help=about, description=about).add_subparsers(
        dest="action", required=True, metavar="ACTION"
    )
    names = ", ".join(one.name for one in ENVIRONMENTS)

    def action(name: str, run: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(name, help=help, description=help)
        made.add_argument("--json", action="store_true", help="print JSON")
        made.set_defaults(run=run)
        return made

    action("list", list_environments, "List the environments and their states.")
    made = action("create", create_environment, "Make an environment, unless it is there and sound.")
    made.add_argument("name", metavar="NAME", help=names)
    made.add_argument("--python", metavar="PATH", help="the Python to make it with (default: one is found)")
    made.add_argument("--anew", action="store_true", help="make it again even if it is sound")
    made.add_argument("--model", metavar="MODEL", help="what its engines are checked with")
    made = action("remove", remove_environment, "Remove an environment and give its space back.")
    made.add_argument("name", metavar="NAME", help=names)


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
