"""One request each half second: a run's paced cells beside Infinity, whose demo was driven so."""

from __future__ import annotations

from dataclasses import dataclass, replace

from src.figures.run import VALID, PacedCell, Result, Run
from src.references.beside import measurement_of
from src.references.comparison import Comparison, judge, ratio
from src.references.reference import Reference, infinity


@dataclass(frozen=True)
class Paced:
    """A paced cell: `back_to_back` is the same engine's result of the run's rounds. `reference` is Infinity's
    number of this length, None for other lengths; the ratios to it (measured ÷ stated) are None where
    something blocks, where the figure is not valid, or without a number.
    """

    back_to_back: Result
    paced: PacedCell
    reference: Reference | None
    comparison: Comparison | None
    back_to_back_ratio: float | None
    paced_ratio: float | None

    @property
    def slower(self) -> float | None:
        """Return the paced latency ÷ that back to back; None where the paced one is not valid."""
        paced_ms, back_to_back_ms = self.paced.median_ms, self.back_to_back.median_ms
        return paced_ms / back_to_back_ms if valid(self.paced) and paced_ms and back_to_back_ms else None


def paced_cells(run: Run) -> list[Paced]:
    """Return the paced cells of a run that have a figure, by length, fastest first."""
    results = {(result.engine, result.case): result for result in run.results}
    cells = []
    for cell in run.paced:
        result = results.get((cell.engine, cell.case))
        if cell.median_ms is not None and result and result.median_ms is not None:
            cells.append((cell.sequence_length, cell.median_ms, beside(run, result, cell)))
    return [paced for *_, paced in sorted(cells, key=lambda cell: cell[:2])]


def valid(cell: Result | PacedCell) -> bool:
    return cell.verdict == VALID


def beside(run: Run, result: Result, cell: PacedCell) -> Paced:
    """Return a paced cell beside Infinity's number of its length."""
    stated = next((row for row in infinity(cell.device) if row.sequence_length == cell.sequence_length), None)
    if not stated:
        return Paced(result, cell, None, None, None, None)
    measurement = measurement_of(run, result)
    comparison = judge(stated, replace(measurement, pace_s=cell.pace_s))
    return Paced(
        result,
        cell,
        stated,
        comparison,
        ratio(stated, result.median_ms or 0.0, judge(stated, measurement)) if valid(result) else None,
        ratio(stated, cell.median_ms or 0.0, comparison) if valid(cell) else None,
    )
