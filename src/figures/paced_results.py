"""What paced cells took: figures of their own, which are in no result."""

from dataclasses import asdict

from src.bench.record import Cell, Record, round_medians
from src.figures import judging
from src.figures.run import INVALID, NOISY, VALID, PacedCell
from src.stats import FEWEST_ROUNDS, median, median_interval


def outcome(record: Record, cell: Cell) -> PacedCell:
    """Return what a paced cell took."""
    loaded = record.loaded[cell.group, cell.engine, cell.case.threads]
    slices, kept = record.paced[cell], record.undisturbed(cell, paced=True)
    medians = [ns / 1e6 for ns in round_medians(kept).values()]
    reasons = judging.noise_reasons(record, slices)
    if len(kept) < FEWEST_ROUNDS:
        verdict, reasons = INVALID, [judging.too_few(len(kept)), *reasons]
    else:
        verdict = NOISY if judging.noisy(slices, kept) else VALID
    return PacedCell(
        engine=cell.engine,
        title=loaded.title,
        device=loaded.device,
        **asdict(cell.case),
        pace_s=slices[0].pace_s or 0.0,
        samples=sum(len(slice.ns) for slice in kept),
        rounds=len(kept),
        median_ms=median(medians) if medians else None,
        median_ci95_ms=median_interval(medians),
        verdict=verdict,
        reasons=() if verdict == VALID else tuple(reasons),
        cpu_speed=record.paced_speed,
    )
