"""A time line, and what a bisection found, for a terminal."""

from collections.abc import Sequence

from rich.markup import escape

from src.cli import terminal
from src.cli.console import out
from src.figures import timeline_report
from src.figures.bisection import Found
from src.figures.steps import Step
from src.figures.timeline import Timeline


def print_timeline(told: Timeline, found: Sequence[Step]) -> None:
    for case in dict.fromkeys(line.case for line in told.lines):
        lines = [line for line in told.lines if line.case == case]
        titles = [line.title for line in lines]
        title = f"{told.name}, {case}: ms, and ratio to the newest (95 %)"
        table = terminal.table(title, "Release", *titles, right=titles, whole="Release")
        for version in told.versions:
            table.add_row(version, *(timeline_report.cell(line, version) for line in lines))
        out.print(table)
        if limit := timeline_report.sight_sentence(lines):
            out.print(f"{limit}.", highlight=False, markup=False)
    for absent in told.absent:
        out.print(f"[yellow]{absent.row} {absent.version}[/] was not measured: {escape(absent.reason)}")
    print_steps(found, timeline_report.no_step(told.lines))
    if changed := timeline_report.answers_sentence(told):
        out.print(f"{changed}.", highlight=False, markup=False)


def print_steps(found: Sequence[Step], none: str) -> None:
    for text in timeline_report.sentences(found, none):
        out.print(f"{text}.", highlight=False, markup=False)


def print_found(found: Found, count: int) -> None:
    """Print what a bisection of so many releases found."""
    measured = ", ".join(found.measured)
    out.print(f"Measured {len(found.measured)} of {count} releases: {measured}.", highlight=False)
    if found.passed_over:
        out.print(
            f"Nothing that counts was measured of {', '.join(found.passed_over)}: passed over.",
            highlight=False,
            markup=False,
        )
    unknown = "Whether there is a step cannot be told: nothing that counts was measured of an end."
    unknown += " Measure again on a quieter host or for longer (--budget)"
    print_steps(found.steps, timeline_report.NO_STEP if found.ends_count else unknown)
    for spread in found.spreads:
        step = spread.step
        out.print(
            f"{step.title}, {step.case.sequence_length} tokens: {step.before} and {step.after} differ "
            f"(×{step.ratio:.2f}), but neither does from {spread.middle} by more than can be seen: no single "
            "release between them made it.",
            highlight=False,
            markup=False,
        )
