"""What is left of a search's time pays for what races and for the confirmation of what may be left of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from src.search import heats, time_left
from src.search.asked import Asked
from src.search.heats import Cost
from src.search.state import ROWS, Heat, Search
from src.stats import MEDIAN
from src.store.database import opened

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


@pytest.mark.parametrize(
    ("cost", "alive", "budget"),
    [
        (COST, OPTIONS[:3], "2m"),  # 63 s to confirm three
        (COST, [], "3m"),  # 132 s to race five again and to confirm them
        (None, [], "20m"),  # what a search has that nothing is known of
    ],
)
def test_what_it_takes_to_go_on_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cost: Cost | None, alive: list[str], budget: str
):
    store = opened(URL.create("sqlite", database=str(tmp_path / "runs.db")))
    monkeypatch.setattr(heats, "cost", lambda *_: cost)
    monkeypatch.setattr(heats, "alive", lambda *_: alive)
    search = Search("20261130-000000-abcd", "", Asked((16,), 60.0, 2))
    search = replace(search, heats=(Heat(ROWS, tuple(OPTIONS[:5]), "race-id", True, True),))
    assert time_left.budget_to_go_on(store, search) == budget
