"""The command that answers and times one sentence."""

import argparse
from collections.abc import Callable

from rich.markup import escape

from src import references
from src.bench import sentence
from src.bench.sentence_result import Latency, SentenceResult
from src.cli import terminal
from src.cli.console import listed, out, print_failures, print_spoken, progress_bar, show_json
from src.model import source
from src.words import interval, significant, times
from src.workers.pool import Pool


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
        show_json({**answer.to_json(), "references": [side.to_json() for side in beside]})
    else:
        print_answer(answer, beside)
    return 0 if answer.engines else 1


def print_answer(answer: SentenceResult, beside: list[references.BesideSentence]) -> None:
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
        ratios = [side.ratios[row.engine]["pipeline"] for side in beside]
        table.add_row(
            row.engine,
            spread(row.pipeline),
            spread(row.model),
            times(row.pipeline.median_ms / rows[0].pipeline.median_ms),
            times(next((ratio for ratio in ratios if ratio is not None), None)),
            f"{row.label} {row.probability:.4f}" + (" [red](differs)[/]" if row.agrees is False else ""),
        )
    for side in beside:
        table.add_row(
            f"[dim]{side.reference.title}, stored[/]", f"[dim]{significant(side.reference.value)}[/]"
        )
    out.print(table)
    for spoken in references.answers(references.figures_of_sentence(answer)):
        print_spoken(spoken)
    print_failures(answer.failures)
    if answer.noise.noisy:
        out.print(f"[yellow]Noisy:[/] {escape(answer.noise.reason)}")


def spread(latency: Latency) -> str:
    return f"{significant(latency.median_ms)} [dim]({interval(*latency.ci95_ms)})[/]"


def add_command(
    command: Callable[..., argparse.ArgumentParser],
    model_options: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add this command to the command line."""
    parser = command("predict", predict, "Answer and time one sentence with each engine.")
    parser.add_argument("text", metavar="TEXT")
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads of each engine (default: 2, or fewer if the host has fewer)",
    )
    model_options(parser)
