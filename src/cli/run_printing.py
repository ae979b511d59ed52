"""A run, and two beside each other, for a terminal."""

from rich.markup import escape
from rich.table import Table

from src.cli import terminal
from src.cli.console import out, print_spoken
from src.figures import compare, report
from src.figures.run import Result, Run, ratio_text
from src.references import verdict
from src.ui.answers import case_title
from src.words import interval, significant

COLOURS = {"valid": "green", "noisy": "yellow", "invalid": "red", None: "dim"}

VERDICTS = {"faster": "green", "slower": "red", "tie": "dim"}

WIDE = 110  # columns of a terminal


def tables(run: Run, width: int) -> list[Table]:
    """Return a run's results as tables for a terminal, one for each case; a narrow one gets fewer columns."""
    wide = width >= WIDE
    by_case: dict[str, Table] = {}
    for row in run.results:
        case = report.title(row)
        if case not in by_case:
            right = (
                "Median ms (95 %)",
                *(("p90 (at most)", "p99 (at most)", "Per s") if wide else ()),
                "Ratio (95 %)",
            )
            title = f"[bold]{escape(case[0].upper() + case[1:])}[/]"
            by_case[case] = terminal.table(title, "Engine", *right, "Verdict", right=right, whole="Engine")
        by_case[case].add_row(*table_cells(row, wide))
    return list(by_case.values())


def table_cells(row: Result, wide: bool) -> list[str]:
    def shown(value: float | None) -> str:
        return "–" if value is None else significant(value)

    spread = row.median_ci95_ms
    ratio = row.ratio
    compared = "–"
    if ratio:
        colour = VERDICTS.get(ratio.verdict or "", "dim")
        judged = ratio.verdict or "too few rounds"
        compared = f"{ratio_text(ratio.ratio, ratio.ci95)} [{colour}]{judged}[/]"
    tails = [(row.p90_ms, row.p90_bound_ms), (row.p99_ms, row.p99_bound_ms)] if wide else []
    more = [report.tail_text(*tail, shown) for tail in tails] + (
        [shown(row.throughput_per_s)] if wide else []
    )
    return [
        escape(row.engine),
        shown(row.figure_ms) + (f" ({interval(*spread)})" if spread else ""),
        *more,
        compared,
        f"[{COLOURS[row.verdict]}]{row.verdict or 'not judged'}[/]",
    ]


def print_run(run: Run) -> None:
    """Print a run for people."""
    head, noise = run.head, run.noise
    host = head.host
    out.print(
        f"{head.id}: {head.model['name']}, "
        f"{host['cpu']}, {host['allowed_cpus'] or 'unknown'} CPUs, {host['system']}",
        highlight=False,
        markup=False,
    )
    out.print(
        f"Latency in ms, lower is better. Ratio: to {head.plan['baseline']} in the same rounds.",
        highlight=False,
    )
    out.print(*tables(run, out.width), sep="\n")
    for row in run.results:
        if row.invalid:
            where = f"{row.engine}, {report.title(row)}"
            out.print(f"[red]{escape(where)}:[/] {escape(row.reasons[0])}", highlight=False)
    for device, length, spoken in verdict.answers(run):
        print_spoken(spoken, f"{case_title(device, length)} – ")
    for text in report.not_measured(run):
        out.print(f"[red]{escape(text)}[/]", highlight=False)
    left_out = f"{noise.disturbed_slices} of {noise.slices} slices were disturbed and left out."
    for line in (*report.paced_lines(run), report.ending(run), f"{report.seen_from(run)} {left_out}"):
        out.print(line, highlight=False, markup=False)
    for reason in noise.reasons:
        out.print(f"[yellow]Noise:[/] {escape(reason)}", highlight=False)


def change(change: compare.Change | None) -> str:
    if not change:
        return "–"
    if not change.ci95:
        return f"{change.ratio:.3f} (no interval)"
    colour = VERDICTS[change.verdict or ""]
    return f"{ratio_text(change.ratio, change.ci95)} [{colour}]{change.verdict}[/]"
