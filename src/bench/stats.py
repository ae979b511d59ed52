"""Statistics of rounds. Pure functions over plain numbers."""

import math
import statistics
from collections.abc import Sequence

# Fewer rounds than this cannot give a 95 % interval for a median: 2 · (1/2)^6 = 3.1 %, 2 · (1/2)^5 = 6.3 %.
FEWEST_ROUNDS = 6


def median(values: Sequence[float]) -> float:
    """Return the median; the mean of the middle two for an even count. Raises ValueError without values."""
    if not values:
        raise ValueError("the median of no values was asked for")
    return float(statistics.median(values))


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the order-statistic interval of the median: distribution-free, conservative.

    The k-th smallest and k-th largest value with the largest k whose coverage 1 - 2·P(B < k), B ~ Binomial(n,
    1/2), reaches `confidence` (David & Nagaraja, Order Statistics, 7.1). For 6 values that is minimum and
    maximum. None where even those do not reach it.
    """
    ordered = sorted(values)
    count = len(ordered)
    tail, chosen = 0.0, 0
    for k in range(1, count // 2 + 1):
        tail += math.comb(count, k - 1) * 0.5**count
        if 1 - 2 * tail < confidence:
            break
        chosen = k
    return (ordered[chosen - 1], ordered[-chosen]) if chosen else None


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval of a proportion (Wilson 1927). Raises ValueError for no trials."""
    if not count:
        raise ValueError("the interval of a proportion of no trials was asked for")
    z = 1.959964  # 97.5 % point of the normal distribution
    share = successes / count
    centre = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
