"""The conductor's order, proven with a session that does nothing and a clock that it moves."""

import itertools
from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from src.bench import lead_ins, paced
from src.bench.events import LeadIn, Slice, Warmed
from src.bench.record import Cell
from src.bench.settings import BENCHMARK
from src.workers import ramp
from tests.fake_session import (
    CALL_NS,
    ENGINES,
    FIRST_LOOKS,
    RAMP_CALLS,
    conduct,
)
from tests.unit.test_results import BASELINE


def test_everything_is_warmed_up_before_a_ramp_is_measured_and_that_before_a_slice():
    run = conduct()
    kinds = [
        kind for kind, _ in itertools.groupby(one[0] for one in run.session.asked if one[0] != "gives way")
    ]
    assert kinds[0::2][: len(run.session.cells(0))] == ["warms up"] * len(run.session.cells(0))
    first = {kind: kinds.index(kind) for kind in ("warms up", "visits", "LeadIn", "slices")}
    last = {kind: len(kinds) - 1 - kinds[::-1].index(kind) for kind in first}
    assert (
        last["warms up"]
        < first["visits"]
        <= last["visits"]
        < first["LeadIn"]
        <= last["LeadIn"]
        < first["slices"]
    )
    visits = Counter(one[1] for one in run.session.asked if one[0] == "visits")
    assert set(visits.values()) == {ramp.VISITS}
    assert set(visits) == set(run.session.cells(0))


def test_a_slice_begins_with_the_lead_in_that_was_measured():
    run = conduct()
    for _, _, cell, lead_in, _, _ in run.slices():
        calls = RAMP_CALLS[cell.engine.startswith(BASELINE)]
        assert lead_in == max(calls, ramp.LEAST_WITH_TAIL)


def test_each_round_has_each_cell_once_cases_together_in_another_order():
    run = conduct()
    rounds = defaultdict(list)
    for number, _, cell, *_ in run.slices():
        rounds[number].append(cell)
    assert [*rounds] == list(range(1, 21))
    for cells in rounds.values():
        assert sorted(cells) == sorted(run.session.cells(0))
        assert len(list(itertools.groupby(cell.case for cell in cells))) == 2, (
            "what is compared is close in time"
        )
    assert len({tuple(cells) for cells in rounds.values()}) > 15


def test_sentences_go_first_before_each_step():
    steps = [
        one[0] for one in conduct().session.asked if one[0] in ("gives way", "warms up", "visits", "slices")
    ]
    for before, step in itertools.pairwise(steps):
        assert step == "gives way" or before == "gives way"


def test_a_run_stops_at_a_look_and_nowhere_else():
    run = conduct()
    assert run.stopped == "precision"
    assert run.rounds.record.rounds == FIRST_LOOKS[0]


def test_a_run_that_is_not_precise_goes_on_to_the_end_of_its_budget_and_no_further():
    run = conduct(session={"precise": False}, precision=0.0001, budget_s=20.0)
    assert run.stopped == "budget"
    ends = run.session.now
    assert 119.0 < ends <= 120.0
    longest = max(run.rounds.expected.slice_s(cell) for cell in run.session.cells(0))
    assert ends > 120.0 - longest, "it ended because the next slice would not fit"


def test_samples_of_the_percentile_are_waited_for():
    run = conduct(percentile=99, scopes=("model",), sequence_lengths=(16,))
    assert run.stopped == "precision"
    assert run.rounds.record.rounds in FIRST_LOOKS
    counts = Counter(cell for _, _, cell, _, calls, _ in run.slices() for _ in range(calls))
    assert min(counts.values()) >= 662


@pytest.mark.parametrize("quietens", [True, False])
def test_a_disturbed_slice_is_repeated_once_the_host_is_quiet(quietens: bool):
    run = conduct(quietens, session={"disturbs": lambda number, attempt, cell: number == 3 and attempt < 3})
    tries = Counter((number, cell) for number, _, cell, *_ in run.slices())
    repeated = {number for (number, _), times in tries.items() if times > 1}
    assert repeated == ({3} if quietens else set())
    assert {times for (number, _), times in tries.items() if number == 3} == {3 if quietens else 1}
    calls = {(number, cell): set() for number, _, cell, *_ in run.slices()}
    for number, _, cell, _, count, _ in run.slices():
        calls[number, cell].add(count)
    assert all(len(counts) == 1 for counts in calls.values()), "a repeat is the same slice"


def test_nobody_repeats_for_ever():
    run = conduct(session={"disturbs": lambda *_: True}, budget_s=20.0)
    assert run.stopped == "budget", "nothing counts, so no ratio is known"
    tries = Counter((number, cell) for number, _, cell, *_ in run.slices())
    assert max(tries.values()) == BENCHMARK.attempts
    assert run.session.now <= 120.0


def test_it_stops_when_asked_after_the_slice_that_runs():
    run = conduct(stopped=lambda session: sum(one[0] == "slices" for one in session.asked) >= 10)
    assert run.stopped == "interrupted"
    assert len(run.slices()) == 10
    assert not run.rounds.record.paced


def test_an_engine_that_fails_is_out_and_the_others_go_on():
    run = conduct(session={"fails": {"pytorch-fp32": 4}})
    assert run.stopped == "precision"
    cells = Counter(cell.engine for number, _, cell, *_ in run.slices() if number > 5)
    assert set(cells) == set(ENGINES) - {"pytorch-fp32"}
    assert run.rounds.record.failed == {"pytorch-fp32"}


def test_a_run_of_which_nobody_is_left_has_failed():
    run = conduct(session={"fails": dict.fromkeys(ENGINES, 2)})
    assert run.stopped == "failed"
    assert run.rounds.record.rounds == 2


def test_a_lead_in_that_was_too_short_is_lengthened_and_its_rounds_begin_anew():
    """The fake is steady only after 24 calls, which its visits did not show."""

    def calls(cell: Cell, lead_in: int, count: int) -> list[int]:
        if cell.engine != "onnxruntime-int8":
            return [CALL_NS.get(cell.engine, 5_000_000)] * count
        return [1_200_000 if lead_in + number < 24 else 1_000_000 for number in range(count)]

    run = conduct(session={"calls": calls}, sequence_lengths=(16,))
    (cell,) = (cell for cell in run.session.cells(0) if cell.engine == "onnxruntime-int8")
    known = run.rounds.record.lead_ins[cell]
    assert known[0].calls < 24 <= known[-1].calls
    assert [lead_in.from_round - 1 for lead_in in known[1:]] == list(lead_ins.CHECKS)[: len(known) - 1]
    slices = [(number, lead_in) for number, _, own, lead_in, *_ in run.slices() if own == cell]
    for change, later in itertools.pairwise([*known, replace(known[-1], from_round=10_000)]):
        used = {lead_in for number, lead_in in slices if change.from_round <= number < later.from_round}
        assert used == {change.calls}
    assert len(run.rounds.record.undisturbed(cell)) >= FIRST_LOOKS[0], "as many rounds as a first look needs"


def test_a_cell_that_was_warmed_up_in_a_bad_moment_gets_as_many_calls_as_the_others():
    """Its calls took ten times as long then: it has a few a slice until the rounds show better."""
    slower = {"warms_up_slower": lambda cell: 10 if cell.engine == "onnxruntime-int8" else 1}
    run = conduct(session=slower, sequence_lengths=(16,))
    calls = {
        number: count for number, _, cell, _, count, _ in run.slices() if cell.engine == "onnxruntime-int8"
    }
    assert calls[1] == ramp.LEAST_WITH_TAIL // 2, "half as many as its lead-in has"
    assert calls[lead_ins.CHECKS[0]] == calls[1]
    assert calls[lead_ins.CHECKS[0] + 1] == 30


def test_paced_cells_come_last_six_times_the_baseline_and_the_fastest():
    run = conduct(scopes=("model", "pipeline"), demo_pace_s=0.5, budget_s=900.0)
    assert run.stopped == "precision"
    ones = run.slices(paced_ones=True)
    order = [one[-1] is not None for one in run.session.asked if one[0] == "slices"]
    assert order == sorted(order), "after all others"
    cells = Counter(cell for _, _, cell, *_ in ones)
    assert set(cells.values()) == {6}
    assert {cell.engine for cell in cells} == {BASELINE, "onnxruntime-int8", "pytorch-fp32"}
    assert {cell.case.scope for cell in cells} == {"pipeline"}
    assert {(calls, pace_s) for *_, calls, pace_s in ones} == {(paced.CALLS, 0.5)}


def test_what_the_budget_cannot_pay_for_is_left_out_by_cases_with_the_baseline_first():
    run = conduct(sequence_lengths=tuple(range(8, 128, 2)), budget_s=10.0)
    measured = [event for kind, event in (one for one in run.session.asked if one[0] == "Warmed")]
    left_out = run.rounds.budget.left_out
    assert left_out
    assert len(measured) + len(left_out) == len(run.session.cells(0))
    cases = Counter(event.case for event in measured)
    assert list(cases.values()).count(len(ENGINES)) >= len(cases) - 1, "whole cases, not some of each"
    assert run.session.now <= 110.0


def test_the_time_inside_calls_is_counted():
    run = conduct()
    events = [
        one[1] for one in run.session.asked if isinstance(one[1] if len(one) > 1 else None, Warmed | Slice)
    ]
    visits_s = sum(
        sum(run.session.visit(*one[1:], 0, 0.0)) for one in list(run.session.asked) if one[0] == "visits"
    )
    inside = sum(
        event.calls_ns if isinstance(event, Warmed) else sum(event.ns) + event.lead_in_ns for event in events
    )
    assert run.rounds.calls_s == pytest.approx(inside / 1e9 + visits_s / 1e9)
    assert any(isinstance(event, LeadIn) for event in (one[1] for one in run.session.asked if len(one) == 2))
