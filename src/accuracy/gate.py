"""The accuracy gate: does an engine keep 99 % of FP32's accuracy? An interval answers, not a point.

Both engines read the same sentences, so what counts is those which just one of them labels right.
"""

import math
from dataclasses import dataclass

import numpy as np

GATE = 0.99  # of the baseline's accuracy, MLPerf's target for its datacentre and edge divisions
HOLDS, MISSES, NOT_PROVEN = "holds", "misses", "not proven"
Z = 1.6448536269514722  # one-sided 95 % point of the normal distribution
EDGE = 1e-9  # a root that close to an end of its range is the end
# More sentences than this are no advice: the two are too close to the gate to be told apart.
MOST_SENTENCES = 1_000_000


@dataclass(frozen=True)
class Pairs:
    """Sentences by who labels them right: both engines, the baseline alone, the engine alone, neither."""

    both: int
    baseline_only: int
    engine_only: int
    neither: int

    @property
    def count(self) -> int:
        return self.both + self.baseline_only + self.engine_only + self.neither

    @property
    def ratio(self) -> float:
        """Return the engine's accuracy ÷ the baseline's."""
        return (self.both + self.engine_only) / (self.both + self.baseline_only)


@dataclass(frozen=True)
class Gate:
    """What the sentences say of the gate.

    `drop` is (baseline − engine) / baseline of the accuracies, `low` and `high` its one-sided 95 % bounds.
    The gate holds where `high` is below 1 %, misses where `low` is above it, and else is not proven.
    `more_sentences` would settle it, if they went as these did; None where it is settled, or where no
    reasonable number would.
    """

    state: str
    drop: float
    low: float
    high: float
    more_sentences: int | None


def judge(pairs: Pairs) -> Gate | None:
    """Return what these sentences say of the gate; None where the baseline labels none right."""
    if not pairs.both + pairs.baseline_only:
        return None
    statistic = score(pairs, GATE)
    state = HOLDS if statistic > Z else MISSES if statistic < -Z else NOT_PROVEN
    low, high = bounds(pairs)
    return Gate(state, 1 - pairs.ratio, 1 - high, 1 - low, more_sentences(pairs.count, statistic))


def more_sentences(count: int, statistic: float) -> int | None:
    """Return how many more sentences would settle the gate: the statistic grows as the root of their number.
    None where it is settled, or where MOST_SENTENCES are not enough.
    """
    if abs(statistic) > Z or not statistic:
        return None
    needed = count * (Z / statistic) ** 2
    return math.ceil(needed - count) or 1 if needed - count <= MOST_SENTENCES else None


def score(pairs: Pairs, ratio: float) -> float:
    """Return the score statistic of a ratio of paired proportions, which is standard normal if the engine's
    accuracy is `ratio` times the baseline's, and falls as `ratio` grows (Tang, Tang & Chan 2003, Statistics
    in Medicine 22:1217; Nam & Blackwelder 2002).
    """
    difference = pairs.both + pairs.engine_only - ratio * (pairs.both + pairs.baseline_only)
    both, baseline_only = constrained(pairs, ratio)
    variance = pairs.count * ratio * ((ratio - 1) * both + (ratio + 1) * baseline_only)
    return difference / math.sqrt(variance) if variance > 0 else 0.0


def constrained(pairs: Pairs, ratio: float) -> tuple[float, float]:
    """Return the likeliest probabilities of `both` and `baseline_only` under the hypothesis that the engine's
    accuracy is `ratio` times the baseline's.

    With the constraint Σ aᵢpᵢ = 0, a = (1 − ratio, −ratio, 1, 0), each is pᵢ = xᵢ / (n (1 + μaᵢ)), where μ is
    the root of a quadratic between −1 and 1 / ratio. Without one there, a probability whose count is 0 is not
    0 itself, and μ is at that end.
    """
    both, baseline_only = (1 - ratio) * pairs.both, ratio * pairs.baseline_only
    engine_only, count = pairs.engine_only, pairs.count
    at_zero = both + engine_only - baseline_only
    roots = np.roots(
        [
            -ratio * both - ratio * (1 - ratio) * engine_only - (1 - ratio) * baseline_only,
            (1 - ratio) * both + (1 - 2 * ratio) * engine_only - (2 - ratio) * baseline_only,
            at_zero,
        ]
    ).real
    within = [float(root) for root in roots if -1 + EDGE < root < 1 / ratio - EDGE]
    multiplier = within[0] if within else 1 / ratio if at_zero > 0 else -1.0
    p_both = pairs.both / count / (1 + multiplier * (1 - ratio))
    if within or multiplier < 0:
        return p_both, pairs.baseline_only / count / (1 - multiplier * ratio)
    return p_both, ((1 - ratio) * p_both + engine_only / count / (1 + multiplier)) / ratio


def bounds(pairs: Pairs) -> tuple[float, float]:
    """Return the one-sided 95 % bounds of the ratio of accuracies: where the score statistic is ±Z."""
    from scipy.optimize import brentq  # here: it takes a third of a second, which few commands need

    least, most = 1e-6, 1e6
    low = brentq(lambda ratio: score(pairs, ratio) - Z, least, max(pairs.ratio, 2 * least))
    high = brentq(lambda ratio: score(pairs, ratio) + Z, max(pairs.ratio, 2 * least), most)
    return float(low), float(high)
