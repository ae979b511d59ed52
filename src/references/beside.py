"""The stored numbers that stand beside one measured sentence, and what may be divided by what."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from src.bench.results import figure_ms
from src.references.comparison import Measurement, judge, ratio
from src.references.reference import infinity, to_json

SCOPES = ("model", "pipeline")  # what a sentence is measured in


def beside(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return Infinity's stated CPU latencies beside an answer (the JSON of `src.bench.sentence.Answer`).

    Each has its columns and `title`, `comparisons` {scope: {comparable, blocking, caveats}} and `ratios`
    {engine: {scope: measured / stored, or None where something blocks}}. Below 1 the engine is faster.
    """
    found = []
    for reference in infinity("cpu"):
        comparisons = {
            scope: judge(
                reference,
                Measurement(
                    scope=scope,
                    architecture=answer["model"]["architecture"],
                    sequence_length=answer["tokens"],
                    batch_size=1,
                    device="cpu",
                    model=answer["model"]["name"],
                    hardware=answer["host"]["cpu"],
                    threads=answer["threads"],
                    year=int(answer["measured_at"][:4]),
                    thread_placement=placement(answer["threads"], answer["host"]["physical_cores"]),
                ),
            )
            for scope in SCOPES
        }
        found.append(
            {
                **to_json(reference),
                "title": f"Infinity, {reference.sequence_length} tokens",
                "comparisons": {
                    scope: {"comparable": comparison.comparable, **asdict(comparison)}
                    for scope, comparison in comparisons.items()
                },
                "ratios": {
                    row["engine"]: {
                        scope: ratio(reference, row[scope]["median_ms"], comparison)
                        for scope, comparison in comparisons.items()
                    }
                    for row in answer["engines"]
                },
            }
        )
    return found


def beside_row(run: dict[str, Any], row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return Infinity's stated latencies beside one result of a run (docs/results.md).

    Each has its columns and `title`, `comparison` {comparable, blocking, caveats} and `ratio`: measured ÷
    stored, None where something blocks.
    """
    measured = measurement_of(run, row)
    value = figure_ms(row)
    found = []
    for reference in infinity(row["device"]):
        comparison = judge(reference, measured)
        found.append(
            {
                **to_json(reference),
                "title": f"Infinity, {reference.sequence_length} tokens",
                "comparison": {"comparable": comparison.comparable, **asdict(comparison)},
                "ratio": ratio(reference, value, comparison) if value else None,
            }
        )
    return found


def measurement_of(run: dict[str, Any], row: dict[str, Any]) -> Measurement:
    """Return how one result of a run came about, to hold a reference against it."""
    head, host = run["run"], run["run"]["host"]
    cores = host.get("physical_cores")
    return Measurement(
        scope=row["scope"],
        architecture=head["model"].get("architecture", ""),
        sequence_length=row["sequence_length"],
        batch_size=row["batch_size"],
        device=row["device"],
        model=head["model"].get("name", ""),
        hardware=host.get("cpu", ""),
        threads=row["threads"],
        year=int(head["started_at"][:4]),
        pace_s=head["plan"].get("pace_s", 0.0),
        thread_placement=placement(row["threads"], cores) if cores else "",
        statistic="median" if row["median_ms"] is not None else "mean",
    )


def placement(threads: int, cores: int) -> str:
    """Return in words where the threads ran."""
    return "one per physical core" if threads <= cores else f"{threads} threads on {cores} physical cores"
