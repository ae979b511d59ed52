"""A run as a CSV that goes beside ONNX Runtime's benchmark files, and as Markdown."""

import csv
import io
from collections.abc import Callable
from typing import Any

from src.engines import registry
from src.facts import Facts
from src.figures.run import OfCase, Result, Run, ratio_text
from src.stats import LEAST_NOISE_FLOOR, median

# The columns of onnxruntime/python/tools/transformers/benchmark.py, in its order.
CSV_COLUMNS = (
    "engine",
    "version",
    "providers",
    "device",
    "precision",
    "optimizer",
    "io_binding",
    "model_name",
    "inputs",
    "threads",
    "batch_size",
    "sequence_length",
    "custom_layer_num",
    "datetime",
    "test_times",
    "QPS",
    "average_latency_ms",
    "latency_variance",
    "latency_90_percentile",
    "latency_95_percentile",
    "latency_99_percentile",
)
RUNTIMES = ("onnxruntime", "openvino", "ctranslate2", "torch")

LITTLE_SLOWER = 0.95  # of a CPU's speed: what is above is not worth a word
FORMULA_SIGNS = ("=", "+", "-", "@", "\t")


def to_csv(run: Run) -> str:
    """Return a run as ONNX Runtime's benchmark CSV.

    Scope `model` only: that benchmark times nothing else and has no column for it. `latency_variance` is
    theirs: the variance of the seconds, times 1000. What a run does not know stays empty.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in run.results:
        if row.scope == "model" and row.samples and not row.invalid and row.engine != registry.NULL:
            writer.writerow({name: harmless(value) for name, value in csv_row(run, row).items()})
    return out.getvalue()


def harmless(value: Any) -> Any:
    """Return a cell of a CSV as a spreadsheet shows it and never computes it: a text that begins like a
    formula (an imported run may have such names) gets an apostrophe before it, as OWASP advises against
    “CSV injection”. Numbers stay.
    """
    if not isinstance(value, str):
        return value
    value = value.replace("\r", " ")  # ends a line, in quotes or not
    if not value.startswith(FORMULA_SIGNS):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def csv_row(run: Run, row: Result) -> Facts:
    facts = row.facts
    optimizer = ""
    if "onnxruntime" in facts:
        optimizer = "by_script" if str(facts["artifact"]).startswith("fused") else "by_ort"
    return {
        "engine": row.engine,
        "version": next((facts[name] for name in RUNTIMES if name in facts), ""),
        "providers": facts.get("providers", ""),
        "device": row.device,
        "precision": row.precision,
        # A table that was imported goes out with what it told.
        "optimizer": facts.get("optimizer", optimizer),
        "io_binding": facts.get("io_binding", False),
        "model_name": facts.get("model", run.head.model["name"]),
        "inputs": facts.get("inputs", 3),
        "threads": row.threads,
        "batch_size": row.batch_size,
        "sequence_length": row.sequence_length,
        "custom_layer_num": "",
        "datetime": facts.get("datetime", run.head.started_at),
        "test_times": row.samples,
        "QPS": number(row.throughput_per_s),
        "average_latency_ms": number(row.mean_ms),
        "latency_variance": number(None if row.std_ms is None else (row.std_ms / 1000) ** 2 * 1000),
        **{f"latency_{rank}_percentile": number(getattr(row, f"p{rank}_ms")) for rank in (90, 95, 99)},
    }


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def to_markdown(run: Run) -> str:
    """Return a run's results as Markdown tables, one for each case, with what must be known about them."""
    head = run.head
    host = head.host
    cpus = host["allowed_cpus"] or "unknown"
    lines = [
        f"# Run {head.id}",
        "",
        f"{head.started_at}, {head.model['name']}, on {host['cpu']} "
        f"({', '.join([f'{cpus} CPUs', *host.get('gpus', ()), host['system']])}). {ending(run)}",
        "",
        "Latency in ms, lower is better. The interval is 95 %, what a percentile is at most 99 %. "
        f"Ratio: latency ÷ that of `{head.plan['baseline']}` in the same rounds.",
    ]
    for case in dict.fromkeys(map(title, run.results)):
        rows = [row for row in run.results if title(row) == case]
        lines += [
            "",
            f"## {case}",
            "",
            "| engine | median | interval | p90 (at most) | p99 (at most) | per s | ratio | verdict |",
        ]
        lines.append("|---|---|---|---|---|---|---|---|")
        for row in sorted(rows, key=lambda row: row.figure_ms or 0.0):
            lines.append("| " + " | ".join(markdown_cells(row)) + " |")
    if absent := not_measured(run):
        lines += ["", "## Not measured", ""]
        lines += [f"- {escaped(text)}" for text in absent]
    if paced := paced_lines(run):
        lines += ["", "## Paced", "", *(f"- {escaped(text)}" for text in paced)]
    lines += ["", "## Noise", "", seen_from(run)]
    lines += [f"- {reason}" for reason in run.noise.reasons]
    return "\n".join(lines) + "\n"


def markdown_cells(row: Result) -> list[str]:
    interval = row.median_ci95_ms
    ratio = row.ratio
    shown = "–"
    if ratio:
        shown = f"{ratio_text(ratio.ratio, ratio.ci95)} {ratio.verdict or ''}".strip()
    reasons = "".join(f". {escaped(reason)}" for reason in row.reasons)
    return [
        f"`{row.engine}`",
        number_or_dash(row.figure_ms),
        f"{interval[0]:.4g}–{interval[1]:.4g}" if interval else "–",
        tail_text(row.p90_ms, row.p90_bound_ms),
        tail_text(row.p99_ms, row.p99_bound_ms),
        number_or_dash(row.throughput_per_s),
        shown,
        (row.verdict or "not judged") + reasons,
    ]


def paced_lines(run: Run) -> list[str]:
    """Return a run's paced cells in words, a line each."""
    lines = []
    for row in run.paced:
        interval = row.median_ci95_ms
        spread = f" ({interval[0]:.4g}–{interval[1]:.4g})" if interval else ""
        lines.append(
            f"One request each {row.pace_s:g} s: {row.engine}, {title(row)}: "
            f"{number_or_dash(row.median_ms)} ms{spread}, {row.verdict}"
        )
    if text := paced_speed(run):
        lines.append(text)
    return lines


def paced_speed(run: Run) -> str:
    """Return what a pause does to the CPUs, in words; empty where it does little, is not known, or where no
    paced cell counts.
    """
    speed = next((cell.cpu_speed for cell in run.paced if cell.verdict != "invalid"), None)
    if speed is None or speed > LITTLE_SLOWER:
        return ""
    return f"After such a pause a CPU runs at {100 * speed:.0f} % of its speed, which is in these figures."


def number_or_dash(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def tail_text(
    percentile: float | None, bound: float | None, shown: Callable[[float | None], str] = number_or_dash
) -> str:
    """Return a percentile, and what it is at most where that is known."""
    return shown(percentile) + (f" ({shown(bound)})" if bound else "")


def escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def title(row: OfCase) -> str:
    """Return a case in words."""
    return f"{row.sequence_length} tokens, batch {row.batch_size}, {row.threads} threads, scope {row.scope}"


def seen_from(run: Run) -> str:
    """Return in words what the A/A pair says about small differences."""
    floor = run.noise.noise_floor
    if floor is None:
        return "There was no A/A pair, so how small a difference can be seen is not known."
    return f"Differences below {100 * floor:.1f} % cannot be seen in this run (A/A pair)."


LEAST_APART = LEAST_NOISE_FLOOR / 10  # of processes; less is not told
ENDINGS = {
    "precision": "It stopped as every ratio was as precise as asked.",
    "budget": "It stopped at the end of its budget.",
    "interrupted": "It was interrupted.",
    "failed": "It ended as no engine was left.",
    "unfinished": "Its end is missing: it was killed.",
    "table": "It came as a table of figures, without raw samples: nothing here can judge it.",
}


def ending(run: Run) -> str:
    """Return in words why a run stopped, and after how many rounds."""
    asked, told = run.head.plan.get("precision", 1.0), processes(run)
    ratios = [ratio for row in run.results for ratio in row.ratios.values()]
    widths = [(one.ci95[1] - one.ci95[0]) / 2 / one.ratio for one in ratios if one.ci95]
    stopped = ENDINGS.get(run.head.stopped, "")
    if run.head.stopped == "precision" and told and max(widths, default=0.0) > asked:
        stopped = (
            "It stopped as the rounds of each block were as precise as asked; its processes differ by more."
        )
    return f"{stopped} {run.head.rounds} rounds. {told}".strip()


def processes(run: Run) -> str:
    """Return in words how far an engine's processes are apart; empty where each had one."""
    told = [blocks for result in run.results if (blocks := result.facts.get("blocks"))]
    if not told:
        return ""
    apart, share = (median([blocks[name] for blocks in told]) for name in ("apart", "share"))
    ran = f"Engines ran in {max(blocks['processes'] for blocks in told)} processes, one after another:"
    cells = f"middle of {len(told)} cells"
    if apart < LEAST_APART:
        return f"{ran} no difference of ratios from one to the next could be seen ({cells})."
    return (
        f"{ran} from one to the next ratios differ by {100 * apart:.1f} % (standard deviation, {cells}), "
        f"{100 * share:.0f} % of the variance of their blocks."
    )


def not_measured(run: Run) -> list[str]:
    """Return what failed, could not run here or was left out, each with its reason."""
    return [f"{failure.engine} failed: {failure.reason}" for failure in run.failures] + [*run.head.left_out]
