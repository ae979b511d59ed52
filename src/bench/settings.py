"""How a run warms up, visits and times its cells, as one value that goes with it."""

from dataclasses import dataclass

from src.bench import slicing
from src.bench.budget import WARM_UP_CAP_S
from src.facts import Facts
from src.host import evidence
from src.stats import PERCENTILE_DEFINITION
from src.workers import ramp


@dataclass(frozen=True)
class Settings:
    """Seconds, calls and shares of one run.

    A cell is warmed up until the medians of two windows of `warm_up_window` calls in a row agree, for at
    most `warm_up_cap_s`. Its ramp is measured in visits of `visit_s` and at least `shortest_visit` calls,
    which are shorter where many cells share the time, but not than `shortest_visit_s`. The timed calls of a
    slice take `slice_s`, if that is enough of them; a slice that takes `cut_factor` times what it should, and
    at least `cut_least_s`, is cut short. A disturbed one is repeated, up to `attempts` in a round, once the
    host is quiet, for which a run waits at most `patience_share` of its budget. An answer may take
    `answer_timeout_s`.
    """

    warm_up_window: int = 10
    warm_up_cap_s: float = WARM_UP_CAP_S
    visit_s: float = ramp.VISIT_S
    shortest_visit: int = ramp.SHORTEST_VISIT
    shortest_visit_s: float = 0.06
    slice_s: float = slicing.SLICE_S
    cut_factor: float = 4.0
    cut_least_s: float = 1.0
    attempts: int = 3
    patience_share: float = 0.5
    answer_timeout_s: float = 120.0

    def cut_s(self, expected_s: float) -> float:
        """Return after how many seconds a slice that should take `expected_s` is cut short."""
        return max(self.cut_least_s, self.cut_factor * expected_s)

    def to_json(self) -> Facts:
        """Return these and the protocol's other thresholds, as they are recorded with a run."""
        return {
            "warm_up": {
                "window_calls": self.warm_up_window,
                "tolerance": 0.05,
                "cap_s": self.warm_up_cap_s,
            },
            "slice": slicing.described(self.slice_s),
            "lead_in": {
                "tolerance": ramp.TOLERANCE,
                "visits": ramp.VISITS,
                "visit_s": self.visit_s,
                "cap_calls": ramp.CAP_CALLS,
                "cap_s": ramp.CAP_S,
            },
            "estimator": "median of the round medians, with their order-statistic interval",
            "looks_at_rounds": [20, 30, 45, 60, 90, 120, "…"],
            "disturbed_above_cores": {
                "waited": evidence.WAITED_LIMIT_CORES,
                "others": evidence.OTHERS_LIMIT_CORES,
                "steal": evidence.STEAL_LIMIT_CORES,
            },
            "disturbed_above_reference": {"apart": evidence.APART_LIMIT, "slowed": evidence.LOOP_LIMIT},
            "attempts": self.attempts,
            "percentiles": PERCENTILE_DEFINITION,
            "garbage_collector": "collected before a slice, off inside",
            "loop": "closed: the next call begins when the last has ended, after the pause of `pace_s`",
        }


BENCHMARK = Settings()
