"""Statistics of rounds. Pure functions over plain numbers."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# Fewer rounds than this cannot give a 95 % interval for a median: 2 · (1/2)^6 = 3.1 %, 2 · (1/2)^5 = 6.3 %.
FEWEST_ROUNDS = 6
# Of fewer rounds nobody can say how alike neighbours are; of no series is it said that they are more alike.
FEWEST_TO_CORRELATE, MOST_ALIKE = 20, 0.97


def median(values: Sequence[float]) -> float:
    """Return the median; the mean of the middle two for an even count. Raises ValueError without values."""
    if not values:
        raise ValueError("the median of no values was asked for")
    return float(statistics.median(values))


def at_most(successes: int | np.ndarray, count: int) -> np.ndarray:
    """Return how likely at most so many of `count` fair coins fall on one side, by scipy's binomial
    distribution function.
    """
    from scipy.special import bdtr  # here: it takes a tenth of a second, which few commands need

    return np.asarray(bdtr(successes, count, 0.5))


def median_interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Return the order-statistic interval of the median of values in the order in which they were measured:
    distribution-free, conservative.

    The k-th smallest and k-th largest value with the largest k whose coverage 1 - 2·P(B < k), B ~ Binomial(n,
    1/2), reaches `confidence` (David & Nagaraja, Order Statistics, 7.1). For 6 values that is minimum and
    maximum. None where even those do not reach it. Where neighbours are alike (see `autocorrelation`), the
    two ranks lie as much further apart as the standard error of the median is larger for that, at most at
    the ends.
    """
    ordered = sorted(values)
    count = len(ordered)
    ranks = np.arange(1, count // 2 + 1)
    chosen = int(np.count_nonzero(1 - 2 * at_most(ranks - 1, count) >= confidence))
    if not chosen:
        return None
    alike = autocorrelation(values)
    if alike:
        chosen = max(1, math.floor(count / 2 - (count / 2 - chosen) * median_error(alike, count)))
    return ordered[chosen - 1], ordered[-chosen]


def autocorrelation(values: Sequence[float]) -> float:
    """Return how alike neighbours in a series are, 0 to less than 1: the ρ of an AR(1) series.

    It is the correlation of each value's rank with the next's (a disturbed round lies far out), freed of its
    bias by (n·r + 1)/(n - 4) (Marriott & Pope 1954), and then 2·sin(π·r/6) (Pearson 1907, for normal
    values). 0 where it is less than its own standard error 1/√n, and for fewer than FEWEST_TO_CORRELATE
    values, of which such an estimate would be noise.
    """
    count = len(values)
    if count < FEWEST_TO_CORRELATE:
        return 0.0
    _, places, times = np.unique(np.asarray(values, dtype=float), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(times) - (times - 1) / 2)[places] - (count + 1) / 2  # equal values share theirs
    squares = float(ranks @ ranks)
    if not squares:
        return 0.0
    unbiased = (count * float(ranks[1:] @ ranks[:-1]) / squares + 1) / (count - 4)
    rho = 2 * math.sin(math.pi / 6 * min(1.0, unbiased))
    return min(rho, MOST_ALIKE) if rho > 1 / math.sqrt(count) else 0.0


def median_error(rho: float, count: int) -> float:
    """Return how many times larger the standard error of the median of `count` values of an AR(1) series is
    than that of independent ones: √(1 + 2·Σ (1 - k/n)·c(k)), where c(k) = 2/π·asin(ρᵏ) is how alike two
    values k places apart are in which side of the median they lie on (Sheppard 1899).
    """
    lags = np.arange(1, count)
    sides = 2 / math.pi * np.arcsin(rho**lags)
    return math.sqrt(1 + 2 * float(((1 - lags / count) * sides).sum()))


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


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947): how likely chance alone splits the cases
    in which just one of two classifiers is right at least as unevenly as `only_first` to `only_second`.
    """
    count = only_first + only_second
    return min(1.0, 2 * float(at_most(min(only_first, only_second), count))) if count else 1.0


# How many samples a percentile needs so that, with 99 % confidence, the second largest is not below the true
# one: the least n with P(Binomial(n, 1 - p) <= 1) <= 1 %, as MLPerf LoadGen's early stopping has it.
MEDIAN = 50
FEWEST_SAMPLES = {MEDIAN: 1, 90: 64, 95: 130, 99: 662}
PERCENTILE_DEFINITION = "linear interpolation between closest ranks (Hyndman & Fan type 7, numpy's default)"


def percentile(values: Sequence[float], rank: int) -> float | None:
    """Return the percentile `rank` in PERCENTILE_DEFINITION, or None with fewer than FEWEST_SAMPLES[rank]
    values.
    """
    if len(values) < FEWEST_SAMPLES[rank]:
        return None
    return float(np.percentile(values, rank))


LEAST_SURE = 0.01  # how likely a certified percentile may be too low, as in MLPerf LoadGen


def certified_percentile(slices: Sequence[np.ndarray], rank: int, chance: float = LEAST_SURE) -> float | None:
    """Return what the percentile `rank` of calls is at most, but for a `chance` to be too low (1 %); None
    where too few calls can tell. `slices` are the times of calls, slice by slice in the order in which they
    were measured.

    Of n independent calls it is the one that t others exceed, with the largest t for which P(Binomial(n,
    1 - p) <= t) <= chance: MLPerf LoadGen's early stopping estimate. But the calls of a slice are alike, and
    so may neighbouring slices be: they tell as much as n ÷ `design_effect` independent ones.
    """
    from scipy.special import bdtrik

    calls = np.sort(np.concatenate(slices or [np.empty(0)]))
    if calls.size < FEWEST_SAMPLES[rank]:
        return None
    empirical = np.percentile(calls, rank)
    effect = design_effect([(int((times > empirical).sum()), len(times)) for times in slices])
    count = int(calls.size / effect)
    least = math.log(chance) / math.log(rank / 100)  # of so many calls the slowest is
    if count < max(FEWEST_SAMPLES[rank], least):
        return None
    exceeded = int(bdtrik(chance, count, 1 - rank / 100))
    return float(calls[-1 - exceeded * calls.size // count])


def design_effect(clusters: Sequence[tuple[int, int]]) -> float:
    """Return how many times larger the variance of a proportion is as its trials come in clusters, each given
    as (successes, trials), in the order in which they were measured; at least 1.

    It is the variance of the ratio Σ successes ÷ Σ trials, linearised, over that of independent trials (Kish,
    Survey Sampling, 1965, 6.5), times that of the mean of an AR(1) series over that of independent values,
    1 + 2·Σ (1 - k/n)·ρᵏ, with the ρ of the clusters' deviations (see `autocorrelation`).
    """
    successes, trials = np.asarray(clusters, dtype=float).T
    count, total = len(clusters), trials.sum()
    share = successes.sum() / total
    if count < 2 or not 0 < share < 1:
        return 1.0
    deviations = successes - share * trials
    variance = count / (count - 1) * float(deviations @ deviations) / total**2
    alike, lags = autocorrelation((deviations / trials).tolist()), np.arange(1, count)
    series = 1 + 2 * float(((1 - lags / count) * alike**lags).sum())
    return max(1.0, variance / (share * (1 - share) / total) * series)


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean of positive numbers, such as ratios. Raises ValueError without values."""
    if not values:
        raise ValueError("the geometric mean of no values was asked for")
    return float(np.exp(np.mean(np.log(values))))


@dataclass(frozen=True)
class Ratio:
    """How one cell compares with another, from rounds in which both were measured undisturbed: the median of
    the per-round ratios and its order-statistic interval (None with fewer than six rounds).
    """

    ratio: float
    ci95: tuple[float, float] | None
    rounds: int

    @property
    def half_width(self) -> float:
        """Return half the interval's width as a share of the ratio; infinite without an interval."""
        return (self.ci95[1] - self.ci95[0]) / 2 / self.ratio if self.ci95 else math.inf


def round_ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> dict[int, float]:
    """Return the ratios of two cells' figures in their common rounds, in the order of these."""
    return {round: ours[round] / theirs[round] for round in sorted(ours.keys() & theirs.keys())}


def paired_ratio(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Ratio | None:
    """Return the ratio of two cells' figures by round, or None where no round has both."""
    ratios = list(round_ratios(ours, theirs).values())
    return Ratio(median(ratios), median_interval(ratios), len(ratios)) if ratios else None


LEAST_NOISE_FLOOR = 0.01  # no difference below 1 % is ever claimed, whatever the A/A pair says


def noise_floor(twins: Ratio | None) -> float:
    """Return f, the least difference that can be seen: what the A/A pair differs by, at least 1 %."""
    return LEAST_NOISE_FLOOR if twins is None else max(LEAST_NOISE_FLOOR, abs(twins.ratio - 1))


def verdict(ratio: Ratio, floor: float) -> str | None:
    """Return `faster`, `slower`, or `tie` where the interval touches 1 ± floor; None without an interval."""
    if ratio.ci95 is None:
        return None
    low, high = ratio.ci95
    if high < 1 - floor:
        return "faster"
    return "slower" if low > 1 + floor else "tie"


def looks() -> Iterator[int]:
    """Yield the rounds after which a run may stop: 20, 30, 45, 60, 90, 120, 180, 240, …

    Few looks, far apart: stopping as soon as an interval happens to be narrow makes it too narrow.
    """
    yield from (20, 30, 45)
    rounds = 60
    while True:
        yield rounds
        yield rounds * 3 // 2
        rounds *= 2
