"""A race of made-up configurations: their truth is known, their noise was recorded on real hosts."""

import os
from collections.abc import Sequence

import numpy as np
import pytest

from src.bench import race
from src.bench.race import FINALISTS, LOOKS, Finalist
from tests.release_fakes import NOISE

FIELDS = int(os.environ.get("AWIY_SOAK_FIELDS", "3"))
BLOCKS, ROUNDS = 3, 20


class Field:
    """Configurations that take 0.9 to `slowest`. A round of one is what it takes, times how far a recorded
    cell's round lay from its median, times how good its process is.
    """

    def __init__(self, seed: int, count: int = 60, slowest: float = 3.0, process: float = 0.01) -> None:
        self.rng = np.random.default_rng(seed)
        self.process = process
        truths = np.exp(self.rng.uniform(np.log(0.9), np.log(slowest), count))
        self.truths = {f"c{number:02d}": float(truth) for number, truth in enumerate(truths)}
        self.best = min(self.truths, key=lambda name: self.truths[name])

    def rounds(self, names: Sequence[str], count: int) -> dict[str, dict[int, float]]:
        """Return so many rounds of these in new processes."""
        start = int(self.rng.integers(10_000))
        figures = {}
        for name in names:
            noise = NOISE[int(self.rng.integers(len(NOISE)))]
            level = self.truths[name] * np.exp(self.rng.normal(0, self.process))
            figures[name] = {
                number: level * float(np.exp(noise[(start + number) % len(noise)])) for number in range(count)
            }
        return figures

    def run(self) -> tuple[list[int], tuple[Finalist, ...]]:
        """Return how many were alive after each look, and the finalists of a whole search."""
        alive, counts = list(self.truths), []
        figures = self.rounds(alive, LOOKS[-1])
        for look in LOOKS:
            so_far = {name: {at: figures[name][at] for at in range(look)} for name in alive}
            slower = race.dropped(so_far, alive, field=len(self.truths))
            alive = [name for name in alive if name not in slower]
            counts.append(len(alive))
            if len(alive) <= FINALISTS:
                break
        first = race.leader(so_far, alive)
        ratios = {name: np.median(race.paired_logs(so_far[name], so_far[first])) for name in alive}
        finalists = sorted(alive, key=lambda name: float(ratios[name]))[:FINALISTS]
        blocks = [self.rounds(finalists, ROUNDS) for _ in range(BLOCKS)]
        while True:
            confirmed = race.confirmed({name: [block[name] for block in blocks] for name in finalists})
            if len(blocks) == race.MOST_BLOCKS or not any(one.open for one in confirmed):
                self.blocks = len(blocks)
                return counts, confirmed
            blocks.append(self.rounds(finalists, ROUNDS))


@pytest.fixture(scope="module")
def searches() -> list[tuple[Field, list[int], tuple[Finalist, ...]]]:
    fields = [Field(seed) for seed in range(FIELDS)]
    return [(field, *field.run()) for field in fields]


def test_the_best_is_in_the_set(searches):
    found = [field.best in {one.name for one in finalists if one.tied} for field, _, finalists in searches]
    assert sum(found) >= 0.95 * len(found)


def test_nothing_five_percent_slower_is_in_the_set(searches):
    for field, _, finalists in searches:
        worst = max(field.truths[one.name] for one in finalists if one.tied)
        assert worst <= 1.05 * field.truths[field.best]


def test_what_is_said_of_the_best_is_no_flattery(searches):
    """The figure of whoever came out first, not of who should have: that is where a winner's curse lies."""
    errors = [one.figure / field.truths[one.name] for field, _, (one, *_) in searches]
    assert np.mean(errors) == pytest.approx(1, abs=0.01 if FIELDS > 10 else 0.02)


def test_the_field_shrinks_soon(searches):
    assert np.mean([counts[0] for _, counts, _ in searches]) < 40, (
        "twice as slow needs no more than six rounds"
    )


def test_equals_stay_together():
    """Sixty that are the same but for their processes: hardly one is dropped, and none that is best."""
    field = Field(7, slowest=0.9001)
    counts, finalists = field.run()
    assert counts[-1] >= 58
    assert sum(one.tied for one in finalists) >= FINALISTS - 1


def test_the_tests_of_a_race_are_corrected_for_its_field():
    """With two processes that are really apart by 4 %, one look of a pair tells, one of sixty does not."""
    rng = np.random.default_rng(3)
    ours = {number: 1.06 * float(np.exp(rng.normal(0, 0.02))) for number in range(20)}
    leaders = {number: float(np.exp(rng.normal(0, 0.02))) for number in range(20)}
    alone = race.behind(ours, leaders, 0.05)
    corrected = race.behind(ours, leaders, 0.05 / 360)
    assert alone
    assert corrected
    assert alone.ratio == corrected.ratio
    assert alone.at_least > 1.01 > corrected.at_least


def test_disturbed_rounds_are_missing_and_few_common_ones_decide_nothing():
    ours = dict.fromkeys(range(0, 20, 2), 3.0)
    leaders = dict.fromkeys(range(11), 1.0)
    found = race.behind(ours, leaders, 0.01, process=0.0)
    assert found
    assert found.ratio == pytest.approx(3.0)
    assert race.behind(ours, dict.fromkeys(range(9), 1.0), 0.01) is None
    assert race.dropped({"a": ours, "b": {1: 1.0}}, ("a", "b")) == {}


def test_who_leads_is_who_is_fastest_in_the_same_rounds():
    """The slow one has the better rounds of a host that drifts."""
    slow = {number: 1.1 * (1 + number / 10) for number in range(0, 10)}
    fast = {number: 1.0 * (1 + number / 10) for number in range(4, 20)}
    assert np.median(list(slow.values())) < np.median(list(fast.values()))
    assert race.leader({"slow": slow, "fast": fast}, ("slow", "fast")) == "fast"


def test_a_confirmation_needs_blocks():
    blocks = [dict.fromkeys(range(20), 1.0)]
    with pytest.raises(ValueError, match="needs two blocks of 6 rounds"):
        race.confirmed({"a": blocks, "b": blocks})
