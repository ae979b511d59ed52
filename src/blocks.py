"""Intervals of figures that were measured in several processes, one block of rounds after another.

Within a process rounds repeat one placement of its memory and threads; only another process tells how much of
a figure was that. Pure functions; all variances here are of logarithms.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from src.stats import FEWEST_ROUNDS, median, median_interval

NORMAL = 1.959964  # 97.5 % point of the normal distribution


@dataclass(frozen=True)
class Spread:
    """How far so many blocks of one series are apart: `variance` is that of their medians, `within` the part
    of it that the rounds of a block make by themselves.
    """

    blocks: int
    variance: float
    within: float

    @property
    def freedom(self) -> int:
        return self.blocks - 1

    @property
    def of_processes(self) -> float:
        """Return what of the variance is from process to process."""
        return max(0.0, self.variance - self.within)


@dataclass(frozen=True)
class Prior:
    """What all series of a run tell of the variance of one: as much as `freedom` more blocks of it would."""

    variance: float
    freedom: float


NOTHING_KNOWN = Prior(0.0, 0.0)


def spread(blocks: Sequence[Sequence[float]]) -> Spread | None:
    """Return how far blocks of positive figures are apart; None for fewer than two with enough rounds."""
    enough = [np.log(block).tolist() for block in blocks if len(block) >= FEWEST_ROUNDS]
    if len(enough) < 2:
        return None
    errors = []
    for logs in enough:
        interval = median_interval(logs)
        assert interval
        errors.append(((interval[1] - interval[0]) / 2 / NORMAL) ** 2)
    variance = float(np.var([median(logs) for logs in enough], ddof=1))
    return Spread(len(enough), variance, float(np.mean(errors)))


def prior(spreads: Iterable[Spread], most_freedom: float) -> Prior:
    """Return what these series together tell of the variance of one, by fitting a scaled F distribution to
    their variances (Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3:3, 6.2).

    Where they are no further apart than chance makes them they share one variance, known by all: but engines
    have several series each, so that it is known by no more than `most_freedom`.
    """
    from scipy.special import polygamma, psi

    known = [one for one in spreads if one.variance > 0]
    if len(known) < 3:
        return NOTHING_KNOWN
    halves = np.array([one.freedom / 2 for one in known])
    logs = np.log([one.variance for one in known]) - psi(halves) + np.log(halves)
    centre = float(logs.mean())
    beyond_chance = float(logs.var(ddof=1) - polygamma(1, halves).mean())
    if beyond_chance <= 0:
        return Prior(math.exp(centre), most_freedom)
    half = inverse_trigamma(beyond_chance)
    freedom = min(2 * half, most_freedom)
    return Prior(math.exp(centre + float(psi(half)) - math.log(half)), freedom)


def inverse_trigamma(value: float) -> float:
    """Return the x > 0 whose trigamma function is `value`, by Newton's method on its reciprocal (ibid.)."""
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if -step < 1e-9 * x:
            break
    return x


NOT_KNOWN = Spread(1, 0.0, 0.0)  # of a series whose blocks are too short to tell: what the prior tells of one


def half_width(spread: Spread, prior: Prior, confidence: float = 0.95) -> float:
    """Return half the interval of the mean of a series' blocks, in logarithms: Student's t with the
    variance that the series and the prior tell together (Smyth 2004, 4). Infinite where neither tells.
    """
    from scipy.special import stdtrit

    freedom = prior.freedom + spread.freedom
    if not freedom:
        return math.inf
    variance = (prior.freedom * prior.variance + spread.freedom * spread.variance) / freedom
    return float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance / spread.blocks)


def widened(figure: float, interval: tuple[float, float], half: float) -> tuple[float, float]:
    """Return a figure's interval by its rounds, widened to half a width in logarithms."""
    factor = math.exp(half)
    return min(interval[0], figure / factor), max(interval[1], figure * factor)
