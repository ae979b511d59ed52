"""A run in blocks: every engine anew in a process of its own, and what its figure is worth then."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import t

from src import blocks
from src.bench import plan as plans
from src.bench.events import TWIN
from src.bench.record import Record
from src.blocks import Prior, Spread
from src.figures import report
from src.figures.compare import compare
from src.figures.results import summarise
from src.store import runs, transfer
from src.store.database import Store
from src.workers.pool import Pool
from tests.fake_session import ENGINES, conduct
from tests.measured import calm, fake_answers, measure, plan
from tests.unit.test_results import BASELINE, made, only, side
from tests.unit.test_transfer import store

__all__ = ["calm", "fake_answers", "store"]  # fixtures

# --- the conductor


def test_each_block_begins_with_new_processes_and_is_as_long_as_it_needs():
    run = conduct(blocks=3, sequence_lengths=(16,))
    assert run.stopped == "precision"
    assert [one for one in run.session.asked if one[0] == "renews"] == [("renews", 21), ("renews", 41)]
    assert run.rounds.record.rounds == 60, "each to its own first look"
    for cell in run.session.cells(0):
        assert run.rounds.record.block_starts(cell) == [21, 41]
    steps = [one[0] for one in run.session.asked if one[0] in ("renews", "warms up", "visits", "slices")]
    for at, step in enumerate(steps):
        if step == "renews":
            assert steps[at + 1 : at + 1 + len(ENGINES)] == ["warms up"] * len(ENGINES)
    assert not any(step == "visits" for step in steps[steps.index("renews") :]), "the lead-in is known"


def test_blocks_share_the_budget():
    run = conduct(session={"precise": False}, precision=0.0001, budget_s=60.0, blocks=3)
    assert run.stopped == "budget"
    assert 155.0 < run.session.now <= 160.0
    starts = [one[1] for one in run.session.asked if one[0] == "renews"]
    lengths = np.diff([1, *starts, run.rounds.record.rounds + 1])
    assert len(lengths) == 3
    assert max(lengths) <= 2 + min(lengths)


def test_a_block_that_cannot_be_paid_for_is_left_out_and_said():
    run = conduct(session={"precise": False}, precision=0.0001, budget_s=25.0, blocks=10)
    begun = sum(one[0] == "renews" for one in run.session.asked) + 1
    assert 1 < begun < 10
    assert run.rounds.budget.left_out == [
        f"Engines ran in {begun} of 10 processes: no time was left for more."
    ]


def test_where_too_few_rounds_would_count_in_new_processes_those_that_are_there_go_on():
    """A third of the rounds counts: of a second block too few would, and no interval could be told."""
    noise = {"disturbs": lambda number, *_: number % 3 != 0, "precise": False}
    run = conduct(quietens=False, session=noise, precision=0.0001, budget_s=24.0, blocks=3)
    assert not any(one[0] == "renews" for one in run.session.asked)
    assert run.rounds.budget.left_out == ["Engines ran in 1 of 3 processes: no time was left for more."]
    assert run.session.now > 122.0, "all of the time is used"
    assert run.stopped == "budget"
    for row in summarise(run.rounds.record).results:
        assert row.median_ci95_ms


def test_a_run_with_time_for_one_block_has_all_of_a_tails_samples_in_it():
    run = conduct(session={"renewal_s": 100.0}, blocks=3, percentile=99, budget_s=60.0)
    assert not any(one[0] == "renews" for one in run.session.asked)
    assert run.stopped == "precision"
    for cell in run.session.cells(0):
        assert sum(len(slice.ns) for slice in run.rounds.record.undisturbed(cell)) >= 662


def test_an_interrupted_block_is_the_last():
    run = conduct(blocks=3, stopped=lambda session: sum(one[0] == "slices" for one in session.asked) >= 10)
    assert run.stopped == "interrupted"
    assert not any(one[0] == "renews" for one in run.session.asked)


def test_an_engine_that_fails_in_a_later_block_keeps_its_rounds():
    run = conduct(blocks=2, session={"fails": {"pytorch-fp32": 25}}, sequence_lengths=(16,))
    assert run.stopped == "precision"
    assert run.rounds.record.failed == {"pytorch-fp32"}
    row = only(summarise(run.rounds.record), "pytorch-fp32")
    assert row.facts["rounds"] == 25
    assert any("failed later" in reason for reason in row.reasons)


def test_presets_to_publish_have_blocks_and_plans_of_earlier_versions_have_one():
    assert {name: plans.preset(name).blocks for name in plans.PRESETS} == {
        "quick": 1,
        "writeup": 5,
        "full": 5,
    }
    with pytest.raises(plans.BadPlan, match="number of blocks of 11"):
        plans.accept(replace(plans.preset("quick"), blocks=11))


# --- what it is worth


def figures(
    processes: float, count: int, rounds: int, rng: np.random.Generator, engines: int = 10
) -> list[list[list[float]]]:
    """Return, by engine and block, rounds around 1 that are apart by 0.02, and blocks by `processes`."""
    return [
        [np.exp(rng.normal(rng.normal(0, processes), 0.02, rounds)).tolist() for _ in range(count)]
        for _ in range(engines)
    ]


def covered(processes: float, count: int = 3, rounds: int = 25) -> tuple[float, float, float]:
    """Return how often the truth is covered with blocks and without knowing of them, and how many times wider
    the former is.
    """
    rng = np.random.default_rng(round(1e4 * processes) + count)
    two_levels, one_level, wider = [], [], []
    for _ in range(150):
        series = figures(processes, count, rounds, rng)
        spreads = [blocks.spread(one) for one in series]
        known = [spread for spread in spreads if spread]
        prior = blocks.prior(known, len(series) * (count - 1))
        for one, spread in zip(series, known, strict=True):
            together = [figure for block in one for figure in block]
            middle, interval = float(np.median(together)), blocks.median_interval(together)
            assert interval
            low, high = blocks.widened(middle, interval, blocks.half_width(spread, prior))
            two_levels.append(low <= 1 <= high)
            one_level.append(interval[0] <= 1 <= interval[1])
            wider.append(math.log(high / low) / math.log(interval[1] / interval[0]))
    return float(np.mean(two_levels)), float(np.mean(one_level)), float(np.median(wider))


@pytest.mark.parametrize(("processes", "count"), [(0.01, 3), (0.02, 3), (0.01, 5)])
def test_intervals_cover_although_processes_differ(processes: float, count: int):
    two_levels, one_level, _ = covered(processes, count)
    assert two_levels >= 0.93
    assert one_level < 0.8, "rounds of one process repeat where its memory lies"


def test_intervals_of_processes_that_do_not_differ_are_hardly_wider():
    two_levels, _, wider = covered(0.0)
    assert two_levels >= 0.95
    assert wider < 1.25


def test_what_series_tell_of_each_other_is_smyths():
    """Variances drawn from his model: s² ~ s0²·F(d, d0)."""
    rng = np.random.default_rng(5)
    variances = 0.0004 * f_distribution.rvs(4, 6, size=20_000, random_state=rng)
    found = blocks.prior([Spread(5, float(value), 0.0) for value in variances], 1e9)
    assert found.freedom == pytest.approx(6, rel=0.1)
    assert found.variance == pytest.approx(0.0004, rel=0.05)
    equal = blocks.prior([Spread(5, 0.0004 * chance, 0.0) for chance in rng.chisquare(4, 500) / 4], 30.0)
    assert equal.freedom == 30, "one variance for all, known as well as so many processes tell"


def test_one_series_alone_has_students_t():
    found = blocks.half_width(Spread(3, 0.0003, 0.0), blocks.prior([Spread(3, 0.0003, 0.0)], 2))
    assert found == pytest.approx(t.ppf(0.975, 2) * math.sqrt(0.0003 / 3))
    known = blocks.half_width(Spread(3, 0.0003, 0.0), Prior(0.0003, 1e6))
    assert known == pytest.approx(1.96 * 0.01, rel=0.001)


# --- a run of them


def in_blocks(record: Record, factors: Mapping[str, Sequence[float]], rounds: int = 20) -> Record:
    """Return a record whose rounds were of several processes, each so many times slower."""
    for (group, engine, threads), loaded in list(record.loaded.items()):
        for number in range(1, len(next(iter(factors.values())))):
            assert (group, threads) == (0, 2)
            record.add(replace(loaded, engine=engine, from_round=1 + number * rounds))
    for cell, slices in record.slices.items():
        record.slices[cell] = [
            replace(
                slice, ns=[int(ns * factors[cell.engine][(slice.round - 1) // rounds]) for ns in slice.ns]
            )
            for slice in slices
        ]
    return record


TIMES = {
    BASELINE: 2.0,
    BASELINE + TWIN: 2.0,
    "onnxruntime-int8": 1.2,
    "pytorch-fp32": 6.0,
    "openvino-int8": 1.5,
}
FACTORS = {
    BASELINE: [1.0, 1.0, 1.0],
    BASELINE + TWIN: [1.0, 1.01, 0.995],
    "onnxruntime-int8": [1.0, 1.06, 0.95],
    "pytorch-fp32": [1.0, 0.99, 1.01],
    "openvino-int8": [1.0, 1.02, 0.99],
}


def test_a_ratio_is_as_uncertain_as_its_processes_are_apart_and_that_is_told():
    apart = summarise(in_blocks(made(TIMES, rounds=60), FACTORS))
    alike = summarise(made(TIMES, rounds=60))
    row, before = only(apart, "onnxruntime-int8"), only(alike, "onnxruntime-int8")
    assert row.ratio
    assert before.ratio
    assert row.ratio.ci95
    assert before.ratio.ci95
    assert before.ratio.ci95[1] / before.ratio.ci95[0] < 1.02
    assert row.ratio.ci95[1] / row.ratio.ci95[0] > 1.06
    assert row.facts["blocks"]["processes"] == 3
    assert row.facts["blocks"]["apart"] == pytest.approx(np.std(np.log([1.0, 1.06, 0.95]), ddof=1), rel=0.1)
    assert row.facts["blocks"]["share"] > 0.9
    assert only(apart, BASELINE).facts["blocks"] is None
    assert before.facts["blocks"] is None
    assert re.search(r"in 3 processes, one after another: .* differ by \d\.\d %", report.ending(apart))
    same = summarise(in_blocks(made(TIMES, rounds=60), dict.fromkeys(TIMES, (1.0, 1.0, 1.0))))
    assert "no difference of ratios from one to the next could be seen (middle of 3" in report.ending(same)
    assert "processes" not in report.ending(alike)


def test_of_blocks_that_are_too_short_nothing_is_said_unless_others_tell():
    """Three processes of four rounds: how far they are apart nobody knows, so there is no interval."""
    short = summarise(in_blocks(made(TIMES, rounds=12), FACTORS, rounds=4))
    for row in short.results:
        assert row.median_ci95_ms is None
        assert all(ratio.ci95 is None and ratio.verdict is None for ratio in row.ratios.values())
    record = in_blocks(made(TIMES, rounds=60), FACTORS)
    (cell,) = [cell for cell in record.slices if cell.engine == "pytorch-fp32"]
    whole = only(summarise(record), "pytorch-fp32").ratio
    record.slices[cell] = [slice for slice in record.slices[cell] if slice.round <= 25]
    cut = only(summarise(record), "pytorch-fp32")
    assert whole
    assert cut.ratio
    assert whole.ci95
    assert cut.ratio.ci95
    assert cut.facts["blocks"] is None
    widths = [np.log(interval[1] / interval[0]) for interval in (cut.ratio.ci95, whole.ci95)]
    assert widths[0] > 1.3 * widths[1], "it is that of one process of such a run"


def test_a_comparison_of_runs_knows_of_their_processes():
    base, new = made(TIMES, rounds=60), made({**TIMES, "onnxruntime-int8": 1.23}, rounds=60, seed=2)
    rows = {row.engine: row for row in compare(side(base), side(new)).rows}
    assert rows["onnxruntime-int8"].to_baseline
    assert rows["onnxruntime-int8"].to_baseline.verdict == "slower"
    rows = {
        row.engine: row for row in compare(side(in_blocks(base, FACTORS)), side(in_blocks(new, FACTORS))).rows
    }
    assert rows["onnxruntime-int8"].to_baseline
    assert rows["onnxruntime-int8"].to_baseline.verdict == "tie", "2 % is less than what processes make"


def test_a_run_in_blocks_goes_through_a_file_and_a_store(store: Store):
    record = in_blocks(made(TIMES, rounds=60), FACTORS)
    again = transfer.parse(json.dumps(transfer.whole(record)).encode(), "run.json")
    assert json.dumps(again.to_json()) == json.dumps(record.to_json())
    assert len(again.renewed) == 2 * len(TIMES)
    assert transfer.keep(store, again)
    assert runs.record(store, "20261124-010203-abcd").to_json() == again.to_json()
    assert not transfer.keep(store, again), "the same again changes nothing"
    assert summarise(again).results == summarise(record).results


def test_real_processes_are_replaced_and_their_difference_is_seen(
    pool: Pool, fakes: None, calm: None, fake_answers: None
):
    """One engine is a tenth slower with each process, another answers otherwise in its second."""
    names = ("fake-slower-each-time", "fake-negative", "fake-another-each-time")
    record = measure(pool, plan(*names, baseline="fake-sleep-5", blocks=3, precision=0.9))
    (failure,) = record.failures
    assert failure.engine == "fake-another-each-time"
    assert "In a new process it answered a text otherwise (a logit by 2)" in failure.reason
    another = only(summarise(record), failure.engine)
    assert another.facts["rounds"] >= 20, "what its first process took stays, with what came later"
    assert any("failed later" in reason for reason in another.reasons)
    starts = {tuple(record.block_starts(cell)) for cell in record.slices if cell.engine != failure.engine}
    assert len(starts) == 1, "they are replaced together"
    first, second = sorted(starts.pop())
    stay = [one for one in record.renewed if one.engine != failure.engine]
    orders = {tuple(one.engine for one in stay if one.from_round == at) for at in (first, second)}
    assert len(orders) == 2, "none is always loaded first"
    row = only(summarise(record), "fake-slower-each-time")
    assert row.facts["blocks"]["processes"] == 3
    assert row.facts["blocks"]["apart"] == pytest.approx(0.095, abs=0.05)
