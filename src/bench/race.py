"""A race of configurations over shared rounds: who is dropped when, and who cannot be told from the best.

Pure functions. A configuration's figure of a round is positive, less is better: a latency, or the geometric
mean of its ratios to an anchor at several lengths. All compared are of the same rounds, so that a host that
drifts slows all of them.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from src import blocks
from src.stats import (
    FEWEST_ROUNDS,
    LEAST_NOISE_FLOOR,
    autocorrelation,
    median,
    median_error,
    median_interval,
    round_ratios,
)

ByRound = Mapping[int, float]
# After these rounds it is seen who is slower. The chance to drop the best in a whole race is at most CHANCE,
# whoever leads at which look: a test of one pair has CHANCE ÷ (field × looks).
LOOKS = (6, 9, 13, 20, 30, 45)
CHANCE = 0.05
# In a race each configuration has one process, which may be a bad one: standard deviation of logarithms, as
# seen between processes of one engine (docs/methodology.md, "What the numbers cannot tell").
PROCESS = 0.012
# With so few left there is nothing more to drop: they are confirmed.
FINALISTS = 8
MOST_ROUNDS = 100_000_000  # of a run: so far apart are the rounds of two blocks numbered here
# Who is slower by less in its median may have the lower 99th percentile: it is not dropped for that.
TAIL_FLOOR = 0.1
# Who may be slower than the fastest by this much is confirmed in more blocks, up to so many.
TOO_SLOW, MOST_BLOCKS = 0.05, 10


@dataclass(frozen=True)
class Behind:
    """How many times slower than the leader a configuration is, and at least is."""

    ratio: float
    at_least: float


def paired_logs(ours: ByRound, theirs: ByRound) -> list[float]:
    """Return the logarithms of the ratios of two configurations in their common rounds, in their order."""
    return [math.log(ratio) for ratio in round_ratios(ours, theirs).values()]


def leader(figures: Mapping[str, ByRound], alive: Collection[str]) -> str:
    """Return who is fastest so far: whose ratios to any one of the living have the least median."""
    anchor = max(alive, key=lambda name: (len(figures[name]), name))
    logs = {name: paired_logs(figures[name], figures[anchor]) for name in alive}
    # Of few rounds the luckiest would lead, and nobody have enough in common with it to be dropped.
    enough = [name for name in alive if len(logs[name]) >= FEWEST_ROUNDS]
    seen = enough or [name for name in alive if logs[name]]
    return min(seen, key=lambda name: (median(logs[name]), name))


def behind(ours: ByRound, leaders: ByRound, chance: float, process: float = PROCESS) -> Behind | None:
    """Return how far a configuration is behind the leader, as the geometric mean of the ratios; None with
    fewer than six common rounds.

    The bound is one-sided, by Student's t of the logarithms of the ratios, with the variance of two processes
    beside that of the rounds, which counts for more where neighbours are alike (stats.median_error).
    """
    from scipy.special import stdtrit

    logs = paired_logs(ours, leaders)
    count = len(logs)
    if count < FEWEST_ROUNDS:
        return None
    alike = autocorrelation(logs)
    of_rounds = float(np.std(logs, ddof=1)) * median_error(alike, count) / math.sqrt(count)
    error = math.hypot(of_rounds, math.sqrt(2) * process)
    middle = float(np.mean(logs))
    bound = middle - float(stdtrit(count - 1, 1 - chance)) * error
    return Behind(math.exp(middle), math.exp(bound))


def dropped(
    figures: Mapping[str, ByRound], alive: Collection[str], floor: float = LEAST_NOISE_FLOOR, field: int = 0
) -> dict[str, Behind]:
    """Return who is slower than the leader by more than the noise floor, and how far behind. `field` is how
    many began the race, if more than are alive.
    """
    first = leader(figures, alive)
    chance = CHANCE / (max(field, len(alive)) * len(LOOKS))
    found = {name: behind(figures[name], figures[first], chance) for name in alive if name != first}
    return {name: far for name, far in found.items() if far and far.at_least > 1 + floor}


@dataclass(frozen=True)
class Finalist:
    """A configuration after its confirmation in several new processes: its figure, the median of all rounds,
    and its ratio to the fastest with an interval (None where too few common rounds count). `tied`: it cannot
    be told from the fastest. `at_most`: what its 99th percentile is at most, where that was asked for and
    calls enough tell.
    """

    name: str
    figure: float
    ratio: float
    ci95: tuple[float, float] | None
    tied: bool
    at_most: float | None = None

    @property
    def open(self) -> bool:
        """Tell whether more blocks would say something: it ties only because little is known of it."""
        return self.tied and (self.ci95 is None or self.ci95[1] > 1 + TOO_SLOW)


def confirmed(
    figures: Mapping[str, Sequence[ByRound]], floor: float = LEAST_NOISE_FLOOR
) -> tuple[Finalist, ...]:
    """Return the finalists, fastest first. `figures` are theirs by block of rounds, each block with new
    processes of all of them; of none a race has seen, or the winner would be flattered. Raises ValueError
    where none has enough rounds with the fastest.

    Who ties is decided for all of them together (Bonferroni): the fastest of several is a lucky one.
    """
    together = {
        name: {
            at * MOST_ROUNDS + round: value for at, block in enumerate(some) for round, value in block.items()
        }
        for name, some in figures.items()
    }
    middles = {name: median(list(values.values())) for name, values in together.items()}
    first = leader(together, together)
    others = [name for name in figures if name != first]
    ratios = {
        name: [
            list(round_ratios(mine, theirs).values())
            for mine, theirs in zip(figures[name], figures[first], strict=True)
        ]
        for name in others
    }
    spreads = {name: blocks.spread(ratios[name]) for name in others}
    alone = not others and blocks.spread([list(block.values()) for block in figures[first]])
    if not (alone or any(spreads.values())):
        raise ValueError(f"A confirmation needs two blocks of {FEWEST_ROUNDS} rounds.")
    prior = blocks.prior([spread for spread in spreads.values() if spread], most_freedom(spreads))
    finalists = [Finalist(first, middles[first], 1.0, (1.0, 1.0), True)]
    confidence = 1 - 0.05 / max(1, len(others))
    for name in others:
        values = [value for block in ratios[name] for value in block]
        interval, spread = median_interval(values, confidence), spreads[name]
        ratio = median(values) if values else middles[name] / middles[first]
        ci95 = None
        if interval and spread:
            half_width = blocks.half_width(spread, prior, confidence)
            ci95 = blocks.widened(ratio, interval, half_width)
        tied = ci95 is None or ci95[0] <= 1 + floor
        finalists.append(Finalist(name, middles[name], ratio, ci95, tied))
    return tuple(sorted(finalists, key=lambda one: (one.name != first, one.ratio, one.name)))


def most_freedom(spreads: Mapping[str, blocks.Spread | None]) -> float:
    return float(sum(spread.freedom for spread in spreads.values() if spread))
