"""The ramp: how many calls an engine needs until it is steady again, after others had the caches.

What was evicted comes back over many calls, with FP32 weights over more than with INT8. So each slice begins
with an untimed lead-in of that length, and its timed calls are watched for what is left of the ramp. Where
threads spin, first calls may also be faster than those that go on: that is no less of a ramp.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from src.stats import Ratio, median, median_interval

TOLERANCE = 0.01  # of the plateau: the least difference that is claimed anywhere here (stats.noise_floor)
FASTER = 0.05  # than the plateau, by which first calls belong to the ramp; single calls vary by less
VISITS = 3  # of each cell while its ramp is measured, others in between
VISIT_S, SHORTEST_VISIT, LONGEST_VISIT = 0.25, 8, 250  # seconds; calls
SLOW_VISIT_S, FEWEST_OF_SLOW = 1.0, 3  # a visit of slow calls has fewer than the shortest, to take no longer
# No lead-in is longer: so many calls, or so many seconds where those are more calls; and never more than…
CAP_CALLS, CAP_S, LONGEST_LEAD_IN_S = 100, 0.25, 1.0
LEAST_LEAD_IN = 2  # calls
# Three visits do not see what a ramp has left below TOLERANCE, and slices show it. So a lead-in is twice the
# ramp, of so many calls at least and at most; for that reason alone it takes no longer than so many seconds.
LEAST_WITH_TAIL, MOST_WITH_TAIL, WITH_TAIL_S = 8, 16, 0.15


@dataclass(frozen=True)
class Ramp:
    """A cell's way to its plateau: calls and nanoseconds until it stays within TOLERANCE of it, the plateau's
    nanoseconds of a call, and the first call's. Not `steady` where the ramp reached into the last third of
    the calls seen, or their middle third was slower than that by 1.5 times TOLERANCE.
    """

    calls: int
    ns: float
    plateau_ns: float
    first_ns: float
    steady: bool

    @property
    def call_s(self) -> float:
        """Return how many seconds a call takes once it is steady."""
        return max(1e-7, self.plateau_ns / 1e9)


def visit_calls(call_s: float, visit_s: float = VISIT_S, shortest: int = SHORTEST_VISIT) -> int:
    """Return how many calls a visit has in which a ramp is measured, of calls that take so many seconds."""
    call_s = max(1e-7, call_s)
    fewest = max(FEWEST_OF_SLOW, min(shortest, math.floor(SLOW_VISIT_S / call_s)))
    return min(max(fewest, math.ceil(visit_s / call_s)), LONGEST_VISIT)


def longest_lead_in(call_s: float) -> int:
    """Return how many calls a lead-in may have at most."""
    call_s = max(1e-7, call_s)
    cap = max(CAP_CALLS, math.ceil(CAP_S / call_s))
    return max(LEAST_LEAD_IN, min(cap, math.floor(LONGEST_LEAD_IN_S / call_s)))


def measure_ramp(visits: Sequence[Sequence[int]]) -> Ramp:
    """Return the ramp in the nanoseconds of successive calls of several visits, which may differ in length.

    The plateau is the median of the last third of the positions. Positions fall into parts of 1, 1, 1, 1, 1,
    2, 2, 4, 4, 8, 8, … calls; the ramp ends before the first part whose median, and that of all calls from it
    on, are no more than TOLERANCE above the plateau, and the part's no more than FASTER below it. Raises
    ValueError without calls.
    """
    length = min(map(len, visits), default=0)
    if not length:
        raise ValueError("a ramp needs calls")
    calls = np.array([visit[:length] for visit in visits], dtype=float)
    third = max(1, length // 3)
    plateau = float(np.median(calls[:, -third:]))
    least, most = (1 - FASTER) * plateau, (1 + TOLERANCE) * plateau
    end = length
    for start, stop in pairwise(parts(length)):
        if least <= np.median(calls[:, start:stop]) <= most and np.median(calls[:, start:]) <= most:
            end = start
            break
    profile = np.median(calls, axis=0)
    middle = calls[:, -2 * third : -third]
    flat = middle.size > 0 and bool(np.median(middle) <= (1 + 1.5 * TOLERANCE) * plateau)
    return Ramp(end, float(profile[:end].sum()), plateau, float(profile[0]), end <= length - third and flat)


def parts(length: int) -> list[int]:
    """Return the bounds of the parts of so many positions: 0, 1, 2, 3, 4, 5, 7, 9, 13, 17, …, length."""
    bounds = [0, 1]
    while bounds[-1] < length:
        bounds.append(bounds[-1] + max(1, 2 ** (len(bounds) // 2 - 1) // 2))
    return [*[bound for bound in bounds if bound < length], length]


def lead_in(ramp: Ramp) -> int:
    """Return how many untimed calls a slice begins with: the ramp, and its tail. Where no plateau was seen
    these may be too few: the slices themselves will show it.
    """
    affordable = math.floor(WITH_TAIL_S / ramp.call_s)
    with_tail = min(2 * ramp.calls, MOST_WITH_TAIL, affordable)
    return min(max(ramp.calls, with_tail, least_lead_in(ramp.call_s)), longest_lead_in(ramp.call_s))


def least_lead_in(call_s: float) -> int:
    """Return how many calls a lead-in has at least, however short the ramp."""
    return max(LEAST_LEAD_IN, min(LEAST_WITH_TAIL, math.floor(WITH_TAIL_S / max(1e-7, call_s))))


def longer(calls: int, timed: int, call_s: float) -> int:
    """Return the lead-in to try next where that of so many calls, before `timed` ones, was too short."""
    return min(max(2 * calls, calls + timed), longest_lead_in(call_s))


def rest(slices: Sequence[Sequence[float]]) -> Ratio | None:
    """Return what is left of the ramp in timed calls: the first third of the positions ÷ the last third,
    medians within each slice; the median over slices and its order-statistic interval.

    1 is steady, above 1 the calls were still getting faster. None without a slice of three calls.
    """
    ratios = []
    for calls in slices:
        third = len(calls) // 3
        if third:
            ratios.append(median(calls[:third]) / median(calls[-third:]))
    return Ratio(median(ratios), median_interval(ratios), len(ratios)) if ratios else None


def unsteady(ratio: Ratio | None, tolerance: float = TOLERANCE) -> bool:
    """Tell whether what is left of a ramp is certainly more than `tolerance`: all of its interval is."""
    if ratio is None or ratio.ci95 is None:
        return False
    low, high = ratio.ci95
    return low > 1 + tolerance or high < 1 - tolerance
