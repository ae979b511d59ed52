"""High percentiles by window of rounds: how engines are compared whose slow calls matter.

A slice has too few calls to tell its own 99th percentile, and those of a whole run are of one number. So the
calls of some rounds in a row make one figure, and engines are compared by those of the same rounds.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from src.stats import FEWEST_ROUNDS

CALLS = 100  # of a window, at least: its 99th percentile is what one of them exceeds
SPARE = 1.2  # times as many are measured, as slices that were disturbed do not count
RANK = 99


def samples(blocks: int) -> int:
    """Return how many calls a cell needs for windows enough in each block."""
    return math.ceil(blocks * FEWEST_ROUNDS * SPARE * CALLS)


def rounds(calls: int) -> int:
    """Return how many rounds a window has whose slices have so many calls."""
    return math.ceil(SPARE * CALLS / calls)


def percentiles(
    slices: Iterable[tuple[int, Sequence[float]]], starts: Sequence[int], rounds: int
) -> dict[int, float]:
    """Return the 99th percentile of the calls of each window by its first round, without those that have too
    few. `slices` are (round, times of calls), `starts` the rounds with which blocks begin.

    Of n calls it is the (n + 1) · 0.99-th, interpolated (Hyndman & Fan type 6): whatever n is, on average 1 %
    of further calls exceed it.
    """
    windows: dict[int, list[Sequence[float]]] = {}
    for number, times in slices:
        start = max(first for first in starts if first <= number)
        windows.setdefault(start + (number - start) // rounds * rounds, []).append(times)
    pooled = {first: np.concatenate(parts) for first, parts in windows.items()}
    return {
        first: float(np.percentile(times, RANK, method="weibull"))
        for first, times in pooled.items()
        if times.size >= CALLS
    }
