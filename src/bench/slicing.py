"""How many timed calls the slices of a cell have."""

import math
from collections.abc import Iterable

from src.bench.plan import Plan
from src.facts import Facts
from src.stats import looks

SLICE_S = 0.03  # the aim; more where that would be too few calls
# Slices have so many calls that the asked percentile has its samples by this round.
SAMPLES_BY_ROUND = {50: 20, 90: 16, 95: 45, 99: 90}
LONGEST_SLICE_S = 2.0  # but for slow calls, of which a slice has FEWEST_CALLS
FEWEST_CALLS, MOST_CALLS = 3, 1000
TIMED_SHARE = 0.5  # of its lead-in, that the timed part of a slice takes at least


def described(slice_s: float) -> Facts:
    """Return these thresholds, which go with every run."""
    return {"aim_s": slice_s, "samples_by_round": SAMPLES_BY_ROUND, "timed_share": TIMED_SHARE}


def slice_calls(plan: Plan, call_s: float, lead_in: int = 0, slice_s: float = SLICE_S) -> int:
    """Return how many timed calls a slice has whose calls take so many seconds, after so many untimed
    ones, where it should take `slice_s`.
    """
    call_s = max(1e-7, call_s)
    each_s = call_s + plan.pace_s
    aim_s = max(slice_s, TIMED_SHARE * lead_in * call_s)
    wanted = max(math.ceil(plan.samples / SAMPLES_BY_ROUND[plan.percentile]), round(aim_s / each_s))
    affordable = max(FEWEST_CALLS, math.floor(LONGEST_SLICE_S / each_s))
    return min(max(wanted, FEWEST_CALLS), affordable, MOST_CALLS)


def first_look(plan: Plan, calls_s: Iterable[float], after: int = 0) -> int:
    """Return the first round, not before `after`, at whose end a run may stop: it is a look, and every cell
    has its samples by then. `calls_s` are the seconds of a call of each cell.
    """
    rounds = [math.ceil(plan.samples / slice_calls(plan, call_s)) for call_s in calls_s]
    blocks = plan.blocks  # each has looks of its own
    return next(blocks * look for look in looks() if blocks * look >= max(after, *rounds, 0))
