"""What is left of a search's time pays for what races and for the confirmation of what may be left of it."""

import pytest

from src.search import time_left
from src.search.asked import Asked
from src.search.heats import Cost
from src.search.state import Search
from src.stats import MEDIAN

COST = Cost(setting_up_s=1.0, round_s=0.5, counts=1.0)
RACED_S = 1 + 0.5 * time_left.RACING  # each
CONFIRMED_S = {MEDIAN: 3 * (1 + 0.5 * time_left.CONFIRMING), 99: 3 * (1 + 0.5 * time_left.TAILS)}  # each
OPTIONS = [f"onnxruntime-int8~block={number}" for number in range(20)]


def paid(left_s: float, percentile: int, known: int = 1) -> int:
    search = Search("20261130-000000-abcd", "", Asked((16,), left_s, 2, percentile=percentile))
    return len(time_left.affordable(search, COST, known, OPTIONS))


@pytest.mark.parametrize("percentile", [MEDIAN, 99])
@pytest.mark.parametrize("more", [1, 2, 5])
def test_the_confirmation_of_no_more_than_race_is_kept_free(percentile: int, more: int):
    enough_s = (1 + more) * (RACED_S + CONFIRMED_S[percentile])
    assert paid(enough_s + 0.1, percentile) == more
    assert paid(enough_s - 0.1, percentile) == more - 1


@pytest.mark.parametrize("percentile", [MEDIAN, 99])
def test_of_many_no_more_are_confirmed_than_finalists(percentile: int):
    enough_s = 20 * RACED_S + 8 * CONFIRMED_S[percentile]
    assert paid(enough_s + 0.1, percentile) == 19
