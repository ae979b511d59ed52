"""How a run, and how a sentence, warms up, visits and times: one value each, which goes with it."""

from dataclasses import dataclass

from src.bench import slicing
from src.bench.budget import WARM_UP_CAP_S
from src.facts import Facts
from src.host import evidence
from src.stats import FEWEST_ROUNDS, PERCENTILE_DEFINITION
from src.workers import ramp
from src.workers.ramp import Ramp


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
                "with_tail": f"twice the ramp, {ramp.LEAST_WITH_TAIL} to {ramp.MOST_WITH_TAIL} calls",
                "with_tail_s": ramp.WITH_TAIL_S,
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


@dataclass(frozen=True)
class SentenceSettings:
    """Seconds and calls of one sentence: as few as six rounds allow, as somebody waits for them.

    An engine that has not met a length is warmed up until two windows of `warm_up_window` calls agree, for at
    most `warm_up_cap_s`, and its ramp is measured in one visit of `visit_s`, of `shortest_visit` calls at
    least: calls of 9 ms would hardly show a plateau in that time. Each of `rounds` visits begins with an
    untimed lead-in. As one visit tells a ramp roughly, that is no shorter than `least_lead_in` calls, if they
    take no longer than `least_lead_in_s`; nor longer than `longest_lead_in_s`. Then each scope has as many
    timed calls as take `slice_s`, but `fewest_calls` at least (`fewest_slow_calls` of calls that take
    `slow_call_s` or more) and `most_calls` at most.

    `unsteady` is the share of a ramp that may be left within a visit's timed calls: six rounds tell no less.
    Where no plateau was seen, the end of a lead-in is slower than that by `still_falling` in each round.
    """

    rounds: int = FEWEST_ROUNDS
    warm_up_window: int = 3
    warm_up_cap_s: float = 0.5
    visit_s: float = 0.12
    shortest_visit: int = 20
    least_lead_in: int = 16
    least_lead_in_s: float = 0.06
    longest_lead_in_s: float = 0.16
    slice_s: float = 0.006
    fewest_calls: int = 3
    fewest_slow_calls: int = 2
    most_calls: int = 64
    slow_call_s: float = 0.004
    unsteady: float = 0.03
    still_falling: float = 0.005

    def visit_calls(self, call_s: float) -> int:
        """Return how many calls the visit has that measures a ramp, of calls that take so many seconds."""
        return ramp.visit_calls(call_s, self.visit_s, self.shortest_visit)

    def lead_in(self, known: Ramp) -> int:
        """Return how many untimed calls a visit begins with, of an engine with this ramp."""
        least = min(self.least_lead_in, round(self.least_lead_in_s / known.call_s))
        most = max(1, round(self.longest_lead_in_s / known.call_s))
        return min(max(ramp.lead_in(known), least), most)

    def calls(self, known: Ramp) -> int:
        """Return how many timed calls of each scope follow."""
        fewest = self.fewest_slow_calls if known.call_s >= self.slow_call_s else self.fewest_calls
        return min(max(round(self.slice_s / known.call_s), fewest), self.most_calls)


BENCHMARK = Settings()
SENTENCE = SentenceSettings()
