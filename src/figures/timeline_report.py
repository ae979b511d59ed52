"""A time line as CSV, Markdown and JSON, and its steps in words."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from src.facts import Facts
from src.figures.report import harmless
from src.figures.run import ratio_text
from src.figures.steps import Step, changed_at, sight
from src.figures.timeline import Line, Point, Timeline

COLUMNS = (
    *("runtime", "release", "engine", "sequence_length", "batch_size", "threads", "scope"),
    *("median_ms", "median_low_ms", "median_high_ms", "ratio_to_newest", "ratio_low", "ratio_high"),
    *("newest", "noise_floor", "rounds", "verdict", "max_abs_delta_logit", "agreement"),
    "answers_changed",
)
NO_STEP = "No step lies beyond the noise floor"


def to_csv(timeline: Timeline) -> str:
    """Return a row for each release, engine and case. What is not known stays empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for values in rows(timeline):
        writer.writerow({name: harmless("" if value is None else value) for name, value in values.items()})
    return out.getvalue()


def rows(timeline: Timeline) -> Iterator[Facts]:
    """Yield a row of COLUMNS for each release of each line."""
    for line in timeline.lines:
        changed = changed_at(line)
        for point in line.points:
            yield {**row(timeline, line, point), "answers_changed": point.version in changed}


def row(timeline: Timeline, line: Line, point: Point) -> Facts:
    low_ms, high_ms = point.ci95_ms or (None, None)
    ratio = point.ratio
    low, high = (ratio and ratio.ci95) or (None, None)
    return {
        "runtime": timeline.runtime,
        "release": point.version,
        "engine": line.row,
        **asdict(line.case),
        "median_ms": point.median_ms,
        "median_low_ms": low_ms,
        "median_high_ms": high_ms,
        "ratio_to_newest": ratio and ratio.ratio,
        "ratio_low": low,
        "ratio_high": high,
        "newest": line.newest,
        "noise_floor": line.floor,
        "rounds": len(point.rounds),
        "verdict": point.verdict,
        "max_abs_delta_logit": point.answers and point.answers.delta,
        "agreement": point.answers and point.answers.agreement,
    }


def to_json(timeline: Timeline, found: Sequence[Step]) -> Facts:
    """Return {runtime, points: rows as in the CSV, absent, steps}."""
    return {
        "runtime": timeline.runtime,
        "points": list(rows(timeline)),
        "absent": [asdict(absent) for absent in timeline.absent],
        "steps": [step_to_json(step) for step in found],
    }


def step_to_json(step: Step) -> Facts:
    return {
        "engine": step.row,
        **asdict(step.case),
        "before": step.before,
        "after": step.after,
        "ratio": step.ratio,
        "ci95": step.ci95,
        "noise_floor": step.floor,
        "seen_first": asdict(step.seen),
        "repeats": [asdict(repeat) for repeat in step.repeats],
        "confirmed": step.confirmed,
        "answers_changed": step.answers_changed,
    }


def state(step: Step) -> str:
    """Return what a step rests on, in words."""
    if step.confirmed is None:
        return "seen once"
    return "confirmed" if step.confirmed else "not confirmed"


def sentence(step: Step) -> str:
    """Return a step in words."""
    with_answers = ", and its answers changed" if step.answers_changed else ""
    return (
        f"{step.title}, {step.case.sequence_length} tokens: {step.after} takes {step.ratio:.2f} times as "
        f"long as {step.before}: {ratio_text(step.ratio, step.ci95)}, {state(step)}{with_answers}"
    )


def sentences(found: Sequence[Step], none: str) -> list[str]:
    """Return steps in words: each that may be one, and in one sentence those that fresh processes did not
    confirm. Where there are none at all, `none` is said.
    """
    lines = [sentence(step) for step in found if step.confirmed is not False]
    others = [step for step in found if step.confirmed is False]
    if others:
        named = ", ".join(
            f"{step.row} at {step.after} (×{step.seen.ratio:.2f}, {step.case.sequence_length} tokens)"
            for step in others
        )
        lines.append(f"Seen once, and not confirmed by fresh processes: {named}")
    return lines or [none]


def counts(lines: Sequence[Line]) -> tuple[int, int]:
    """Return how many results of these lines count, and how many there are."""
    points = [point for line in lines for point in line.points]
    return sum(point.counts for point in points), len(points)


def no_step(lines: Sequence[Line]) -> str:
    """Return what is to be said where lines have no step: that none was seen, or that none could be."""
    if sight(lines) is not None:
        return NO_STEP
    counting, of_all = counts(lines)
    return (
        f"Whether there is a step cannot be told: {counting} of {of_all} results count, and too few of "
        "neighbouring releases. Measure again on a quieter host or for longer (--budget), or fewer releases"
    )


def answers_sentence(timeline: Timeline) -> str:
    """Return in which releases which row answers otherwise than in the release before, whatever became of its
    latency; "" for none.
    """
    places: dict[str, set[str]] = {}
    for line in timeline.lines:
        for version in changed_at(line):
            places.setdefault(version, set()).add(line.row)
    named = [
        f"{', '.join(sorted(places[version]))} at {version}"
        for version in timeline.versions
        if version in places
    ]
    return f"Answers changed beyond rounding: {'; '.join(named)}" if named else ""


def sight_sentence(lines: Sequence[Line]) -> str:
    """Return how small a change these lines can show; "" where that is not known."""
    least = sight(lines)
    if least is None:
        return ""
    floor = max(line.floor for line in lines)
    counting, of_all = counts(lines)
    left_out = "" if counting == of_all else f"; {counting} of {of_all} results count"
    return (
        f"At half of the releases a change below {100 * least:.1f} % against the one before cannot be seen "
        f"in this run (A/A pair: {100 * floor:.1f} %{left_out})"
    )


def to_markdown(timeline: Timeline, found: Sequence[Step]) -> str:
    """Return a table for each case, a row for each release, and the steps."""
    parts = [f"# {timeline.name} through its releases", ""]
    for case in dict.fromkeys(line.case for line in timeline.lines):
        lines = [line for line in timeline.lines if line.case == case]
        parts += [f"## {case.sequence_length} tokens, batch {case.batch_size}, {case.threads} threads", ""]
        parts.append(
            "Latency in ms and, in brackets, its ratio to the newest release with its 95 % interval. ≠: its "
            "answers changed against the release before."
        )
        parts += ["", "| release | " + " | ".join(line.title for line in lines) + " |"]
        parts.append("|---|" + "---|" * len(lines))
        for version in timeline.versions:
            parts.append(f"| {version} | " + " | ".join(cell(line, version) for line in lines) + " |")
        limit = sight_sentence(lines)
        parts += ["", f"{limit}.", ""] if limit else [""]
    told = sentences(found, no_step(timeline.lines))
    parts += ["## Steps", ""]
    parts += [f"- {text}" for text in (*told, answers_sentence(timeline)) if text]
    if timeline.absent:
        parts += ["", "## Not measured", ""]
        parts += [
            f"- {absent.row} {absent.version}: {' '.join(absent.reason.split())}"
            for absent in timeline.absent
        ]
    return "\n".join(parts) + "\n"


def cell(line: Line, version: str) -> str:
    """Return what a table says of one release in one line."""
    point = next((point for point in line.points if point.version == version), None)
    if point is None or point.median_ms is None:
        return "–"
    ratio = point.ratio
    told = f" [{ratio_text(ratio.ratio, ratio.ci95)}]" if ratio and version != line.newest else ""
    changed = " ≠" if version in changed_at(line) else ""
    return f"{point.median_ms:.3g}{told}{changed}" + ("" if point.verdict == "valid" else f" {point.verdict}")
