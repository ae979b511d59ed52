"""Statistics of rounds: tiny and degenerate samples first, then their promise."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.stats import binom

from src.stats import (
    FEWEST_ROUNDS,
    FEWEST_SAMPLES,
    Ratio,
    geometric_mean,
    looks,
    median,
    median_interval,
    noise_floor,
    paired_ratio,
    percentile,
    verdict,
    wilson_interval,
)

numbers = some.floats(min_value=1e-6, max_value=1e6, allow_nan=False)


def test_nothing_has_no_median():
    with pytest.raises(ValueError, match="no values"):
        median([])


@pytest.mark.parametrize("count", range(FEWEST_ROUNDS))
def test_too_few_rounds_have_no_interval(count: int):
    assert median_interval([1.0] * count) is None


def test_six_rounds_give_minimum_and_maximum():
    assert median_interval([3, 1, 2, 6, 5, 4]) == (1, 6)


def test_twenty_rounds_give_the_textbook_ranks():
    # Table of order-statistic intervals: n = 20, 95 %: ranks 6 and 15.
    turns = [*range(1, 21, 2), *range(20, 0, -2)]  # up, and down again: each order has the same ranks
    assert median_interval([turns[place * 7 % 20] for place in range(20)]) == (6, 15)


@given(some.lists(numbers, min_size=FEWEST_ROUNDS, max_size=60))
def test_interval_holds_the_median_and_lies_within_the_values(values: list[float]):
    interval = median_interval(values)
    assert interval
    assert min(values) <= interval[0] <= median(values) <= interval[1] <= max(values)


@given(some.lists(numbers, min_size=1, max_size=60))
def test_median_is_numpys(values: list[float]):
    assert median(values) == pytest.approx(float(np.median(values)))


def test_interval_covers_the_true_median_as_often_as_promised():
    rng = random.Random(1)
    hits = 0
    for _ in range(2000):
        interval = median_interval([rng.lognormvariate(0, 0.3) for _ in range(15)])
        assert interval
        hits += interval[0] <= 1.0 <= interval[1]
    assert hits / 2000 >= 0.94


def test_wilson_against_the_published_example():
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
    low, high = wilson_interval(81, 263)
    assert low == pytest.approx(0.2553, abs=1e-4)
    assert high == pytest.approx(0.3662, abs=1e-4)


@given(some.integers(min_value=1, max_value=500), some.data())
def test_wilson_stays_within_zero_and_one(count: int, data: some.DataObject):
    right = data.draw(some.integers(min_value=0, max_value=count))
    low, high = wilson_interval(right, count)
    assert 0 <= low <= right / count + 1e-12
    assert right / count - 1e-12 <= high <= 1


# --- percentiles


@given(some.lists(numbers, min_size=1, max_size=300), some.sampled_from((90, 95, 99)))
def test_percentiles_are_numpys_and_need_their_samples(values: list[float], rank: int):
    found = percentile(values, rank)
    if len(values) < FEWEST_SAMPLES[rank]:
        assert found is None
    else:
        assert found == float(np.percentile(values, rank, method="linear"))


@pytest.mark.parametrize("rank", [90, 95, 99])
def test_sample_counts_are_mlperfs(rank: int):
    """The least n for which at most one of n samples above the percentile has a chance of at most 1 %."""

    def chance(count: int) -> float:
        return binom.cdf(1, count, 1 - rank / 100)

    assert chance(FEWEST_SAMPLES[rank]) <= 0.01 < chance(FEWEST_SAMPLES[rank] - 1)


# --- ratios


@given(some.lists(numbers, min_size=1, max_size=40), some.floats(min_value=0.1, max_value=10))
def test_a_paired_ratio_does_not_care_how_the_host_drifts(base: list[float], factor: float):
    theirs = dict(enumerate(base))
    ours = {round: value * factor for round, value in theirs.items()}
    found = paired_ratio(ours, theirs)
    assert found
    assert found.ratio == pytest.approx(factor)
    assert found.rounds == len(base)
    if found.ci95:
        assert found.ci95 == pytest.approx((factor, factor))


def test_only_rounds_that_both_have_are_paired():
    assert paired_ratio({1: 2.0, 2: 9.0}, {1: 1.0, 3: 5.0}) == Ratio(2.0, None, 1)
    assert paired_ratio({1: 2.0}, {2: 1.0}) is None


@given(some.lists(numbers, min_size=1, max_size=40))
def test_the_geometric_mean_of_inverses_is_the_inverse(values: list[float]):
    assert geometric_mean(values) == pytest.approx(1 / geometric_mean([1 / value for value in values]))


def test_nothing_has_no_geometric_mean():
    with pytest.raises(ValueError, match="no values"):
        geometric_mean([])


@pytest.mark.parametrize(
    ("low", "high", "floor", "expected"),
    [
        (0.90, 0.95, 0.01, "faster"),
        (1.02, 1.05, 0.01, "slower"),
        (0.98, 1.02, 0.01, "tie"),
        (1.005, 1.02, 0.01, "tie"),  # touches 1 + f
        (1.02, 1.05, 0.04, "tie"),
        (0.95, 0.985, 0.01, "faster"),
        (0.95, 0.992, 0.01, "tie"),
    ],
)
def test_verdicts_of_ratios(low: float, high: float, floor: float, expected: str):
    assert verdict(Ratio((low + high) / 2, (low, high), 20), floor) == expected


def test_too_few_rounds_have_no_verdict_and_an_unknown_width():
    assert verdict(Ratio(1.0, None, 5), 0.01) is None
    assert Ratio(1.0, None, 5).half_width == math.inf
    assert Ratio(2.0, (1.9, 2.1), 9).half_width == pytest.approx(0.05)


def test_the_noise_floor_is_at_least_one_percent():
    assert noise_floor(None) == 0.01
    assert noise_floor(Ratio(1.001, (1.0, 1.002), 20)) == 0.01
    assert noise_floor(Ratio(0.96, (0.9, 1.0), 20)) == pytest.approx(0.04)


# --- stopping


def test_looks_are_few_and_far_apart():
    assert list(itertools.islice(looks(), 9)) == [20, 30, 45, 60, 90, 120, 180, 240, 360]


@pytest.mark.parametrize("spread", [0.02, 0.05, 0.10])
def test_the_whole_stopping_rule_covers_the_truth_as_promised(spread: float):
    """Simulated runs of six ratios that stop when all are within ±2 %: at least 93 % of 95 % intervals hold
    the true median. The ratios of rounds are skewed and one in twenty is far out, as real ones are.
    """
    rng = np.random.default_rng(7)
    truth, most = 0.8, 240
    hits = trials = 0
    for _ in range(300):
        rounds = rng.lognormal(np.log(truth), spread, size=(6, most))
        outliers = rng.random(rounds.shape) < 0.05
        far = rng.choice([-1, 1], outliers.sum()) * rng.uniform(0.1, 0.5, outliers.sum())
        rounds[outliers] *= np.exp(far)
        for look in looks():
            parts = [row[:look].tolist() for row in rounds]
            ratios = [Ratio(median(part), median_interval(part), look) for part in parts]
            if look == most or all(ratio.half_width <= 0.02 for ratio in ratios):
                break
        trials += len(ratios)
        hits += sum(ratio.ci95[0] <= truth <= ratio.ci95[1] for ratio in ratios if ratio.ci95)
    assert hits / trials >= 0.93
