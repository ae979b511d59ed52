"""What the processes of one run's engines are apart by, where each engine had several."""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from src import blocks
from src.bench.plan import Case
from src.bench.record import Cell, Record, round_medians
from src.blocks import Prior, Spread
from src.facts import Facts
from src.figures.run import Interval
from src.stats import LEAST_SURE, Ratio, certified_percentile, median_interval, paired_ratio, round_ratios

ByRound = dict[int, float]
END = 2**62


def round_medians_ms(record: Record, cell: Cell) -> ByRound:
    """Return a cell's figure of each round: the median of its undisturbed slice, in ms."""
    return {number: ns / 1e6 for number, ns in round_medians(record.undisturbed(cell)).items()}


def calls_ms(record: Record, cell: Cell) -> list[np.ndarray]:
    """Return the times of a cell's undisturbed calls in ms, slice by slice."""
    return [np.asarray(slice.ns, dtype=float) / 1e6 for slice in record.undisturbed(cell)]


def by_block(record: Record, cell: Cell, figures: ByRound) -> list[list[float]]:
    """Return a cell's figures by block of rounds, of those blocks that have any."""
    parts = (
        [figure for number, figure in figures.items() if begins <= number < ends]
        for begins, ends in pairwise((0, *record.block_starts(cell), END))
    )
    return [part for part in parts if part]


@dataclass(frozen=True)
class Kind:
    """Figures of one kind, as ratios to the baseline: how far apart each cell's blocks are, and by sequence
    length what all of those tell of one: processes are further apart where a call is short.
    """

    spreads: dict[Cell, Spread]
    priors: dict[int, Prior]

    def half_width(self, cell: Cell, confidence: float = 0.95) -> float:
        """Return half the interval of a cell's figure by its processes, in logarithms; 0 where it had one,
        and infinite where it had several of which nothing is known.
        """
        spread = self.spreads.get(cell)
        prior = self.priors.get(cell.case.sequence_length, blocks.NOTHING_KNOWN)
        return blocks.half_width(spread, prior, confidence) if spread else 0.0

    def interval(self, cell: Cell, figure: float, interval: Interval | None) -> Interval | None:
        """Return the interval of a cell's figure, as wide as its processes are apart; None where that is not
        known.
        """
        half = self.half_width(cell)
        return blocks.widened(figure, interval, half) if interval and math.isfinite(half) else None


def prior_at(length: int, known: dict[Cell, Spread]) -> Prior:
    """Return what the cells of a sequence length tell of each other; an engine's cells are of one process."""
    here = {cell: spread for cell, spread in known.items() if cell.case.sequence_length == length}
    engines = {cell.engine: spread.freedom for cell, spread in here.items()}
    return blocks.prior(here.values(), sum(engines.values()))


def kind_of(figures: Mapping[Cell, Sequence[list[float]]]) -> Kind:
    """Return what cells' figures by block tell of their processes."""
    several = {cell: parts for cell, parts in figures.items() if len(parts) > 1}
    spreads = {cell: blocks.spread(parts) or blocks.NOT_KNOWN for cell, parts in several.items()}
    known = {cell: spread for cell, spread in spreads.items() if spread != blocks.NOT_KNOWN}
    lengths = {cell.case.sequence_length for cell in known}
    return Kind(spreads, {length: prior_at(length, known) for length in lengths})


def certified_ms(
    slices: Sequence[np.ndarray], rank: int, medians: Kind, cell: Cell, chance: float = LEAST_SURE
) -> float | None:
    """Return what a percentile of a cell's calls is at most, but for a `chance` (1 %): that of its processes,
    times what those may be better than most; None where either is not known.
    """
    bound, half = certified_percentile(slices, rank, chance), medians.half_width(cell, 1 - 2 * chance)
    return bound * math.exp(half) if bound and math.isfinite(half) else None


def certified_together(
    records: Sequence[Record], wanted: Collection[tuple[str, Case]], rank: int, chance: float
) -> dict[tuple[str, Case], float | None]:
    """Return what a percentile of the wanted engines' calls is at most in their cases, in ms, but for a
    `chance` each, by the calls and the processes of several runs together.
    """
    calls: defaultdict[Cell, list[np.ndarray]] = defaultdict(list)
    parts: defaultdict[Cell, list[list[float]]] = defaultdict(list)
    for record in records:
        for cell in record.slices:
            same = cell._replace(group=0)  # each run may have split its engines otherwise
            if (cell.engine, cell.case) in wanted:
                calls[same] += calls_ms(record, cell)
            parts[same] += by_block(record, cell, round_medians_ms(record, cell))
    medians = kind_of(parts)
    return {
        (cell.engine, cell.case): certified_ms(slices, rank, medians, cell, chance)
        for cell, slices in calls.items()
    }


class Processes:
    """The processes of one run: `medians` and `ratios` are by cell. Of a run in which each engine had one,
    nothing is known of either.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        assert record.begun
        self.baseline = record.begun.plan["baseline"]
        self.medians = self.kind(lambda cell: round_medians_ms(record, cell))
        self.ratios = self.kind(self.round_ratios)

    def kind(self, figures: Callable[[Cell], ByRound]) -> Kind:
        return kind_of({cell: by_block(self.record, cell, figures(cell)) for cell in self.record.slices})

    def round_ratios(self, cell: Cell) -> ByRound:
        """Return a cell's figure ÷ the baseline's in the same round; none for the baseline itself."""
        other = cell._replace(engine=self.baseline)
        if cell == other or other not in self.record.slices:
            return {}
        return round_ratios(round_medians_ms(self.record, cell), round_medians_ms(self.record, other))

    def median_interval(self, cell: Cell, medians: ByRound, figure: float) -> Interval | None:
        """Return the interval of a cell's median."""
        return self.medians.interval(cell, figure, median_interval(list(medians.values())))

    def ratio(self, cell: Cell) -> Ratio | None:
        """Return a cell's ratio to the baseline, or None where no round has both."""
        other = cell._replace(engine=self.baseline)
        pair = paired_ratio(round_medians_ms(self.record, cell), round_medians_ms(self.record, other))
        return pair and replace(pair, ci95=self.ratios.interval(cell, pair.ratio, pair.ci95))

    def certified(self, cell: Cell, slices: list[np.ndarray], rank: int) -> float | None:
        """Return what a percentile of a cell's calls is at most with 99 % confidence (`certified_ms`)."""
        return certified_ms(slices, rank, self.medians, cell)

    def told(self, cell: Cell) -> Facts | None:
        """Return {processes, apart, share}: how many an engine had, their standard deviation as a share of
        the ratio to the baseline, and its part of the variance that the interval allows for; None for one
        process, and for the baseline.
        """
        spread = self.ratios.spreads.get(cell)
        if not spread or spread == blocks.NOT_KNOWN:
            return None
        apart = math.sqrt(spread.of_processes)
        share = spread.of_processes / spread.variance if spread.variance else 0.0
        return {"processes": spread.blocks, "apart": round(apart, 5), "share": round(share, 3)}
