"""One request each half second: a run's paced cells beside Infinity, whose demo was driven so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from src.bench.results import case_of
from src.references.beside import measurement_of
from src.references.comparison import Comparison, judge, ratio
from src.references.reference import Reference, infinity


@dataclass(frozen=True)
class Paced:
    """A paced cell: `back_to_back` is the same engine's result of the run's rounds, `paced` its row in the
    run's `paced` (docs/results.md). `reference` is Infinity's number of this length, None for other lengths;
    the ratios to it (measured ÷ stated) are None where something blocks, where the figure is not valid, or
    without a number.
    """

    back_to_back: dict[str, Any]
    paced: dict[str, Any]
    reference: Reference | None
    comparison: Comparison | None
    back_to_back_ratio: float | None
    paced_ratio: float | None

    @property
    def slower(self) -> float | None:
        """Return the paced latency ÷ that back to back; None where the paced one is not valid."""
        if not valid(self.paced):
            return None
        return float(self.paced["median_ms"] / self.back_to_back["median_ms"])


def paced_cells(run: dict[str, Any]) -> list[Paced]:
    """Return the paced cells of a run that have a figure, by length, fastest first."""
    results = {(row["engine"], case_of(row)): row for row in run["results"]}
    cells = []
    for row in run.get("paced", []):
        result = results.get((row["engine"], case_of(row)))
        if row["median_ms"] is not None and result and result["median_ms"] is not None:
            cells.append(beside(run, result, row))
    return sorted(cells, key=lambda cell: (cell.paced["sequence_length"], cell.paced["median_ms"]))


def valid(row: dict[str, Any]) -> bool:
    return bool(row["verdict"] == "valid")


def beside(run: dict[str, Any], result: dict[str, Any], row: dict[str, Any]) -> Paced:
    """Return a paced cell beside Infinity's number of its length."""
    length = row["sequence_length"]
    stated = next((one for one in infinity(row["device"]) if one.sequence_length == length), None)
    if not stated:
        return Paced(result, row, None, None, None, None)
    measurement = measurement_of(run, result)
    comparison = judge(stated, replace(measurement, pace_s=row["pace_s"]))
    return Paced(
        result,
        row,
        stated,
        comparison,
        ratio(stated, result["median_ms"], judge(stated, measurement)) if valid(result) else None,
        ratio(stated, row["median_ms"], comparison) if valid(row) else None,
    )
