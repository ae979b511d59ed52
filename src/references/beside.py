"""The stored numbers that stand beside a sentence or a run, and the figures of both that may answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from src.bench import fingerprint, judging, known_accuracy
from src.bench.fingerprint import Fingerprint
from src.bench.known_accuracy import Known
from src.bench.results import case_of, figure_ms
from src.bench.stats import LEAST_NOISE_FLOOR
from src.engines import registry
from src.references.answer import BUSY, Figure
from src.references.comparison import Measurement, judge, ratio
from src.references.reference import infinity, to_json

SCOPES = ("model", "pipeline")  # what a sentence is measured in
NOT_STEADY = "it was not steady within its calls"
Knows = Callable[[Fingerprint], Known | None]


def beside(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return Infinity's stated CPU latencies beside an answer (the JSON of `src.bench.sentence.Answer`).

    Each has its columns and `title`, `comparisons` {scope: {comparable, blocking, caveats}} and `ratios`
    {engine: {scope: measured / stored, or None where something blocks}}. Below 1 the engine is faster.
    """
    found = []
    for reference in infinity("cpu"):
        comparisons = {
            scope: judge(reference, measurement_of_sentence(answer, "cpu", scope)) for scope in SCOPES
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
                        scope: ratio(
                            reference,
                            row[scope]["median_ms"],
                            judge(reference, measurement_of_sentence(answer, row["device"], scope)),
                        )
                        for scope in SCOPES
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


def measurement_of_sentence(answer: dict[str, Any], device: str, scope: str) -> Measurement:
    """Return how a figure of a sentence (the JSON of `src.bench.sentence.Answer`) came about."""
    return Measurement(
        scope=scope,
        architecture=answer["model"]["architecture"],
        sequence_length=answer["tokens"],
        batch_size=1,
        device=device,
        model=answer["model"]["name"],
        hardware=answer["host"]["cpu"],
        threads=answer["threads"],
        year=int(answer["measured_at"][:4]),
        thread_placement=placement(answer["threads"], answer["host"]["physical_cores"]),
    )


def placement(threads: int, cores: int) -> str:
    """Return in words where the threads ran."""
    return "one per physical core" if threads <= cores else f"{threads} threads on {cores} physical cores"


# --- figures that may answer the question


def figures_of_sentence(answer: dict[str, Any], knows: Knows = known_accuracy.of) -> list[Figure]:
    """Return the figures of a sentence, scope `pipeline`, of every engine that answered."""
    busy = BUSY if answer["noise"]["noisy"] else ""
    return [
        Figure(
            engine=row["engine"],
            title=registry.get(row["engine"]).title,
            median_ms=row["pipeline"]["median_ms"],
            ci95_ms=(row["pipeline"]["ci95_ms"][0], row["pipeline"]["ci95_ms"][1]),
            measurement=measurement_of_sentence(answer, row["device"], "pipeline"),
            floor=LEAST_NOISE_FLOOR,
            doubt=busy or ("" if row["pipeline"]["steady"] else NOT_STEADY),
            accuracy=state(known_accuracy.best(row["accuracy"], knows(Fingerprint(**row["fingerprint"])))),
            agrees=row["agrees"],
        )
        for row in answer["engines"]
    ]


def figures(
    run: dict[str, Any], rows: Iterable[dict[str, Any]], knows: Knows = known_accuracy.of
) -> list[Figure]:
    """Return the figures of a run's results, without those that are invalid or of no engine."""
    return [
        figure(run, row, knows)
        for row in rows
        if row["engine"] != registry.NULL and row["verdict"] != "invalid" and figure_ms(row)
    ]


def figure(run: dict[str, Any], row: dict[str, Any], knows: Knows = known_accuracy.of) -> Figure:
    """Return a run's result, which has a latency, as a figure. What was recorded of its accuracy counts
    beside what is known of the very same engine here.
    """
    interval = row["median_ci95_ms"]
    return Figure(
        engine=row["engine"],
        title=row["facts"]["title"],
        median_ms=figure_ms(row) or 0.0,
        ci95_ms=(interval[0], interval[1]) if interval else None,
        measurement=measurement_of(run, row),
        floor=floor(run, row),
        doubt="" if row["verdict"] in ("valid", None) else doubt(row),
        accuracy=state(known_of(run, row, knows)),
    )


def known_of(run: dict[str, Any], row: dict[str, Any], knows: Knows = known_accuracy.of) -> Known | None:
    """Return what is known of a result's accuracy: by its run, or of the very same engine here."""
    return known_accuracy.best(row["facts"].get("accuracy"), knows(fingerprint.of_result(run, row)))


def doubt(row: dict[str, Any]) -> str:
    unsteady = any(reason.startswith(judging.NOT_STEADY) for reason in row["reasons"])
    return NOT_STEADY if unsteady else BUSY


def floor(run: dict[str, Any], row: dict[str, Any]) -> float:
    """Return the least difference that can be seen in a result's case: its A/A pair's, at least 1 %."""
    pairs = run["noise"].get("pairs", [])
    floors = [one["noise_floor"] for one in pairs if case_of(one) == case_of(row)]
    return max([LEAST_NOISE_FLOOR, *floors])


def state(known: Known | None) -> str:
    return known.state if known else ""
