"""A sentence's conductor: its order, lead-ins and counts, proven with workers that do nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from src.bench.plan import SCOPES
from src.bench.settings import SENTENCE
from src.bench.visits import Visits, latency
from src.progress import Progress
from src.workers.handle import WorkerFailed
from src.workers.ramp import Ramp
from src.workers.verbs import Visited, WarmedUp

TOKENS = 16
CALL_NS = {"quick": 200_000, "slow": 5_000_000, "slower": 9_000_000, "very-slow": 300_000_000}


@dataclass
class FakeHandle:
    """Answers at once, with what its calls would have taken. `ramp_calls` are slower by half after a switch,
    `fails_after` is how many visits it survives.
    """

    id: str
    asked: list[tuple]
    ramps: dict[int, Ramp] = field(default_factory=dict)
    ramp_calls: int = 4
    fails_after: int = 10**9
    visited: int = 0

    def warm_up(self, case: str, scope: str, window: int, cap_s: float) -> WarmedUp:
        self.asked.append(("warms up", self.id, scope, window, cap_s))
        return WarmedUp([CALL_NS[self.id]] * 6, True)

    def visit(
        self, case: str, lead_in: int, counts: Sequence[tuple[str, int]], last: bool = False
    ) -> Visited:
        self.asked.append(("visits", self.id, lead_in, tuple(counts), last))
        self.visited += 1
        if self.visited > self.fails_after:
            raise WorkerFailed("It crashed.")
        call_ns = CALL_NS[self.id]
        lead = [int(call_ns * (1.5 if number < self.ramp_calls else 1)) for number in range(lead_in)]
        return Visited(lead, {scope: [call_ns] * count for scope, count in counts})


@dataclass
class FakeSitting:
    """Who is here."""

    workers: dict[str, FakeHandle]
    failures: list[tuple[str, str]] = field(default_factory=list)
    steps: list[Progress] = field(default_factory=list)

    def fail(self, id: str, reason: str) -> None:
        self.failures.append((id, reason))
        del self.workers[id]

    def progress(self, step: Progress) -> None:
        self.steps.append(step)


@dataclass
class Conducted:
    """A sentence by the conductor, and what came of it."""

    sitting: FakeSitting
    asked: list[tuple]
    visits: Visits
    times: dict[str, list[Visited]]

    def timed(self, id: str) -> list[tuple]:
        """Return the visits of an engine that timed something."""
        return [ask for ask in self.asked if ask[0] == "visits" and ask[1] == id and ask[3]]


def conduct(*ids: str, known: bool = False, **handles: dict) -> Conducted:
    asked: list[tuple] = []
    workers = {id: FakeHandle(id, asked, **handles.get(id.replace("-", "_"), {})) for id in ids}
    for worker in workers.values() if known else ():
        call_ns = CALL_NS[worker.id]
        worker.ramps[TOKENS] = Ramp(4, 6.0 * call_ns, call_ns, 1.5 * call_ns, True)
    sitting = FakeSitting(workers)
    first_call_ms = {id: CALL_NS[id] / 1e6 for id in ids}
    visits = Visits(sitting, TOKENS, first_call_ms)  # type: ignore[arg-type]
    visits.warm_up(list(ids))
    times = visits.rounds(list(ids), visits.measure_ramps(list(ids)))
    return Conducted(sitting, asked, visits, times)


def test_all_are_warmed_up_in_both_scopes_before_a_ramp_is_measured_and_that_before_a_round():
    asked = conduct("quick", "slow").asked
    kinds = ["warms up" if ask[0] == "warms up" else "times" if ask[3] else "ramp" for ask in asked]
    assert kinds == ["warms up"] * 4 + ["ramp"] * 2 + ["times"] * 2 * SENTENCE.rounds
    assert Counter(ask[1:3] for ask in asked[:4]) == Counter(
        (id, scope) for id in ("quick", "slow") for scope in SCOPES
    )
    assert {ask[3:] for ask in asked[:4]} == {(SENTENCE.warm_up_window, SENTENCE.warm_up_cap_s)}


def test_an_engine_that_has_met_this_length_is_neither_warmed_up_nor_its_ramp_measured():
    asked = conduct("quick", "slow", known=True).asked
    assert len(asked) == 2 * SENTENCE.rounds
    assert all(ask[0] == "visits" and ask[3] for ask in asked)


def test_each_round_has_each_engine_once_in_another_order():
    rounds = set()
    for _ in range(5):
        asked = [ask[1] for ask in conduct("quick", "slow", "very-slow", known=True).asked]
        parts = [tuple(asked[start : start + 3]) for start in range(0, len(asked), 3)]
        assert all(sorted(part) == ["quick", "slow", "very-slow"] for part in parts)
        rounds |= set(parts)
    assert len(rounds) > 3


def test_scopes_take_turns_in_being_first_and_the_last_visit_is_told_so():
    timed = conduct("quick", known=True).timed("quick")
    first = [ask[3][0][0] for ask in timed]
    assert first[::2] == [SCOPES[-1]] * 3
    assert first[1::2] == [SCOPES[0]] * 3
    assert [ask[4] for ask in timed] == [False] * 5 + [True]


@pytest.mark.parametrize(
    ("id", "lead_in", "count"),
    [
        ("quick", 16, 30),  # 16 calls are no shorter than a ramp that one visit saw; 6 ms of timed calls
        ("slow", 12, 2),  # 60 ms
        ("very-slow", 1, 2),
    ],
)
def test_lead_in_and_timed_calls_follow_from_the_ramp(id: str, lead_in: int, count: int):
    timed = conduct(id, known=True).timed(id)
    assert {ask[2] for ask in timed} == {lead_in}
    assert {calls for ask in timed for _, calls in ask[3]} == {count}


def test_a_long_ramp_has_a_long_lead_in():
    conducted = conduct("quick", quick={"ramp_calls": 60})
    assert conducted.visits.lead_ins["quick"] >= 60
    assert conducted.visits.reached("quick")
    assert not conduct("slow", slow={"ramp_calls": 20}).visits.reached("slow"), (
        "20 calls show no plateau of it"
    )


def test_a_slow_engine_has_calls_enough_to_show_its_plateau():
    """As CTranslate2 FP32 with its calls of 9 ms: fourteen of them, 0.12 s, are hardly a ramp."""
    conducted = conduct("slower", slower={"ramp_calls": 8})
    assert conducted.visits.lead_ins["slower"] == 16
    assert conducted.visits.reached("slower")


def test_an_engine_that_fails_is_out_and_the_others_go_on():
    conducted = conduct("quick", "slow", known=True, slow={"fails_after": 2})
    assert conducted.sitting.failures == [("slow", "It crashed.")]
    assert len(conducted.times["quick"]) == SENTENCE.rounds
    assert len(conducted.timed("slow")) == 3, "it is not asked again"


def test_the_time_inside_calls_is_counted():
    conducted = conduct("slow", known=True)
    calls = sum(ask[2] + sum(count for _, count in ask[3]) for ask in conducted.timed("slow"))
    assert conducted.visits.working_ns == calls * CALL_NS["slow"] + SENTENCE.rounds * 4 * CALL_NS["slow"] // 2


def test_settings_go_with_a_sentence():
    """Nobody assigns to a module's globals for a shorter or a stricter one."""
    visits = Visits(
        FakeSitting({"quick": FakeHandle("quick", asked := [])}),  # type: ignore[arg-type]
        TOKENS,
        {"quick": 0.2},
        replace(SENTENCE, rounds=8, slice_s=0.001, unsteady=0.5),
    )
    times = visits.rounds(["quick"], visits.measure_ramps(["quick"]))["quick"]
    assert len(times) == 8
    assert {count for ask in asked for _, count in ask[3]} == {5}
    falling = [visit._replace(ns={"model": [140, 140, 100, 100]}) for visit in times]
    assert latency("model", falling, 16, True, visits.settings).steady
    assert not latency("model", falling, 16, True).steady
