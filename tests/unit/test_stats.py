"""Statistics of rounds: tiny and degenerate samples first, then their promise."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from src.bench.stats import FEWEST_ROUNDS, median, median_interval, wilson_interval

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
    assert median_interval(list(range(1, 21))) == (6, 15)


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
