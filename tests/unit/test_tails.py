"""What a percentile is at most, also where calls of a slice, and slices beside each other, are alike."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.stats import binom, norm

from src import blocks
from src.bench.events import TWIN
from src.figures import report
from src.figures.results import summarise
from src.stats import FEWEST_SAMPLES, LEAST_SURE, certified_percentile, design_effect, percentile
from tests.unit.test_results import BASELINE, made, only


def textbook(calls: np.ndarray, rank: int, chance: float = 0.01) -> float:
    """Return MLPerf's estimate: discard as many of the slowest as keeps 99 % confidence."""
    chances = binom.cdf(np.arange(calls.size), calls.size, 1 - rank / 100)
    return float(sorted(calls)[-int((chances <= chance).sum())])


def drawn(slices: int, calls: int, spread: float, rho: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Return calls around slices that are themselves apart by `spread` and alike by `rho`, in logarithms; the
    calls of a slice are apart by 0.05.
    """
    level, levels = rng.standard_normal(), []
    for _ in range(slices):
        levels.append(spread * level)
        level = rho * level + np.sqrt(1 - rho * rho) * rng.standard_normal()
    return [np.exp(level + 0.05 * rng.standard_normal(calls)) for level in levels]


def truth(spread: float, rank: int) -> float:
    return float(np.exp(np.hypot(spread, 0.05) * norm.ppf(rank / 100)))


def shares_covered(spread: float, rho: float, rank: int) -> tuple[float, float]:
    """Return how often the percentile is covered: by what is certified, and by MLPerf's estimate."""
    rng = np.random.default_rng(round(1000 * spread + 10 * rho) + rank)
    ours, textbooks = [], []
    for _ in range(400):
        slices = drawn(60, 30, spread, rho, rng)
        bound = certified_percentile(slices, rank)
        ours += [bound >= truth(spread, rank)] if bound else []
        textbooks.append(textbook(np.concatenate(slices), rank) >= truth(spread, rank))
    assert len(ours) > 200, "most runs of 1,800 calls certify something"
    return float(np.mean(ours)), float(np.mean(textbooks))


def evenly_spread(count: int) -> list[np.ndarray]:
    """Return slices of one call each, slow ones as evenly spread as can be."""
    return [np.array([call]) for call in 1 + np.arange(count) * (np.sqrt(5) - 1) / 2 % 1]


@pytest.mark.parametrize("rank", [90, 95, 99])
@pytest.mark.parametrize(("count", "chance"), [(700, 0.01), (1000, 0.01), (5000, 0.01), (5000, 0.000625)])
def test_where_slices_have_nothing_in_common_it_is_mlperfs(rank: int, count: int, chance: float):
    slices = evenly_spread(count)
    calls = np.concatenate(slices)
    assert design_effect([(int(call > np.percentile(calls, rank)), 1) for call in calls]) < 1.01
    found = certified_percentile(slices, rank, chance)
    assert found
    assert found == pytest.approx(textbook(calls, rank, chance), rel=0.002)


@pytest.mark.parametrize(("count", "enough"), [(730, False), (745, True)])
def test_to_be_surer_more_calls_are_needed(count: int, enough: bool):
    """0.99 to the power of 734 is 1 % of a sixteenth."""
    slices = evenly_spread(count)
    assert certified_percentile(slices, 99) is not None
    assert (certified_percentile(slices, 99, 0.01 / 16) is not None) == enough


@pytest.mark.parametrize("rank", [90, 95])
@pytest.mark.parametrize(("rho", "share"), [(0.0, 0.98), (0.5, 0.96)])
def test_it_covers_where_slices_differ(rank: int, rho: float, share: float):
    ours, textbooks = shares_covered(0.05, rho, rank)
    assert ours >= share
    assert textbooks < 0.92, "taken for independent, it is too low more often than it says"


def test_it_covers_where_processes_differ():
    """Ten cells of three blocks of 20 slices, processes 1 % apart: calls alone say too little too often."""
    rng = np.random.default_rng(9)
    calls_alone, with_processes = [], []
    for _ in range(40):
        cells = [
            [np.exp(level + 0.05 * rng.standard_normal((20, 30))) for level in rng.normal(0, 0.01, 3)]
            for _ in range(10)
        ]
        spreads = [blocks.spread([np.median(block, axis=1).tolist() for block in cell]) for cell in cells]
        prior = blocks.prior([spread for spread in spreads if spread], 20)
        for cell, spread in zip(cells, spreads, strict=True):
            bound = certified_percentile([slice for block in cell for slice in block], 90)
            assert bound
            assert spread
            calls_alone.append(bound >= truth(0.0, 90))
            factor = np.exp(blocks.half_width(spread, prior, 1 - 2 * LEAST_SURE))
            with_processes.append(bound * factor >= truth(0.0, 90))
    assert np.mean(with_processes) >= 0.97
    assert np.mean(calls_alone) < 0.9


@pytest.mark.parametrize("rank", [90, 95, 99])
def test_it_covers_where_calls_are_independent(rank: int):
    assert shares_covered(0.0, 0.0, rank)[0] >= 0.985


@given(some.lists(some.lists(some.floats(0.1, 1e6), min_size=1, max_size=40), max_size=40))
def test_it_is_never_below_the_percentile_and_needs_as_many_calls(slices: list[list[float]]):
    calls = [call for times in slices for call in times]
    for rank in (90, 95, 99):
        bound = certified_percentile([np.array(times) for times in slices], rank)
        if len(calls) < FEWEST_SAMPLES[rank]:
            assert bound is None
        elif bound is not None:
            assert percentile(calls, rank) <= bound <= max(calls)


def test_a_few_slow_slices_certify_nothing():
    """Four slices of forty are slow, each to its last call: four events, not forty in 400."""
    slices = [np.full(10, 2.0 if number % 10 == 3 else 1.0) + np.arange(10) / 1000 for number in range(40)]
    assert percentile(np.concatenate(slices).tolist(), 95) is not None
    assert certified_percentile(slices, 95) is None


def test_the_design_effect_of_whole_slices_is_their_size():
    rng = np.random.default_rng(2)
    whole = [(12 * int(rng.random() < 0.3), 12) for _ in range(2000)]
    assert design_effect(whole) == pytest.approx(12, rel=0.1)
    apart = [(int(rng.binomial(12, 0.3)), 12) for _ in range(2000)]
    assert design_effect(apart) == pytest.approx(1, abs=0.1)
    assert design_effect([(0, 5)] * 9) == design_effect([(5, 5)] * 9) == design_effect([(2, 5)]) == 1


def test_a_run_tells_it_where_its_calls_suffice():
    record = made({BASELINE: 2.0, BASELINE + TWIN: 2.0}, rounds=90)
    drifted = only(summarise(record), BASELINE)
    assert drifted.p90_ms
    assert drifted.p90_bound_ms is None, "the rounds are apart by twice: 900 calls are too few"
    rng = np.random.default_rng(3)
    for cell, slices in record.slices.items():
        record.slices[cell] = [replace(slice, ns=rng.integers(2e6, 3e6, 10).tolist()) for slice in slices]
    row = only(summarise(record), BASELINE)
    assert row.p90_ms
    assert row.p90_bound_ms
    assert row.p90_ms < row.p90_bound_ms < 3
    row = replace(row, p99_ms=2.99, p99_bound_ms=None)
    assert report.tail_text(row.p90_ms, row.p90_bound_ms) == f"{row.p90_ms:.4g} ({row.p90_bound_ms:.4g})"
    assert report.tail_text(row.p99_ms, row.p99_bound_ms) == f"{row.p99_ms:.4g}"
