"""One estimator: wherever a figure has an interval, both come from the same figures, so it lies inside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.bench.events import TWIN, Slice
from src.bench.plan import SCOPES
from src.bench.record import Record
from src.bench.visits import latency
from src.figures.compare import Side, compare, ratio_of_medians
from src.figures.results import summarise
from src.jobs.check import estimators
from src.stats import median
from src.store import schema
from src.store.database import Store
from src.workers.verbs import Visited
from tests.unit.test_results import BASELINE, CASE, QUIET, made
from tests.unit.test_store import TIMES, kept, store  # noqa: F401 (a fixture)

# Nanoseconds of calls, in every shape: equal ones, two humps, one far off.
CALLS = st.lists(st.integers(1, 10**10), min_size=1, max_size=6)
ROUNDS = st.lists(CALLS, min_size=1, max_size=25)


def inside(value: float | None, interval: tuple[float, float] | None) -> bool:
    return interval is None or (value is not None and interval[0] <= value <= interval[1])


def recorded(rounds: dict[str, list[list[int]]]) -> Record:
    """Return a run's record with these calls instead of made-up ones; also as paced cells."""
    record = made(dict.fromkeys(rounds, 1.0), rounds=0)
    for engine, slices in rounds.items():
        for number, calls in enumerate(slices, 1):
            for pace_s in (None, 0.5):
                record.add(
                    Slice(
                        0, number, 1, engine, CASE, float(number), tuple(calls), 1, QUIET, (), pace_s=pace_s
                    )
                )
    return record


@settings(max_examples=60, deadline=None)
@given(ROUNDS, ROUNDS, ROUNDS)
def test_every_figure_of_a_run_lies_in_its_interval(
    baseline: list[list[int]], twin: list[list[int]], other: list[list[int]]
):
    record = recorded({BASELINE: baseline, BASELINE + TWIN: twin, "onnxruntime-int8": other})
    run = summarise(record)
    for row in (*run.results, *run.paced):
        assert inside(row.median_ms, row.median_ci95_ms)
    for row in run.results:
        assert row.ramp is None or inside(row.ramp.ratio, row.ramp.ci95)
        for ratio in row.ratios.values():
            assert inside(ratio.ratio, ratio.ci95)
    for pair in run.noise.pairs:
        assert pair.ratio is None or inside(pair.ratio, pair.ci95)


@settings(max_examples=15, deadline=None)
@given(ROUNDS, ROUNDS)
def test_every_figure_of_a_comparison_lies_in_its_interval(base: list[list[int]], new: list[list[int]]):
    sides = [
        Side(summarise(record), record) for record in (recorded({BASELINE: base}), recorded({BASELINE: new}))
    ]
    for row in compare(*sides).rows:
        for change in (row.latency, row.to_baseline):
            assert change is None or inside(change.ratio, change.ci95)


def test_a_ratio_is_in_its_interval_where_resampling_misses_it():
    ratio = ratio_of_medians([1.0] * 7, [2.0] * 7)
    assert ratio
    assert ratio.ci95 == (0.5, 0.5)


@given(st.lists(st.tuples(CALLS, CALLS, CALLS), min_size=6, max_size=6))
def test_every_latency_of_a_sentence_lies_in_its_interval(calls: list[tuple[list[int], ...]]):
    visits = [Visited(lead, {"model": model, "pipeline": pipeline}) for lead, model, pipeline in calls]
    for scope in SCOPES:
        of_scope = latency(scope, visits, 1, False)
        assert inside(of_scope.median_ms, of_scope.ci95_ms)
        assert of_scope.median_ms * 1e6 == pytest.approx(
            median([median(visit.ns[scope]) for visit in visits])
        )


def test_the_doctor_looks_at_every_kept_result(store: Store):  # noqa: F811
    kept(store, made(TIMES))
    assert estimators(store).state == "ok"
    with store.write() as connection:
        connection.execute(schema.results.update().values(median_ms=schema.results.c.high_ms * 1.01))
    finding = estimators(store)
    assert finding.state == "failed"
    assert finding.text.startswith("2 of 2 medians")


def test_a_run_whose_pooled_median_was_outside_is_right_now():
    """Most of the calls, but a sixth of the rounds, were slow: the pooled median was a slow one."""
    rng = np.random.default_rng(1)
    rounds = [[int(ns) for ns in rng.normal(2e6, 1e4, 20)] for _ in range(5)]
    rounds += [[int(ns) for ns in rng.normal(1e6, 1e4, 3)] for _ in range(25)]
    row = summarise(recorded({BASELINE: rounds})).results[0]
    low, high = row.median_ci95_ms
    pooled = float(np.median(np.concatenate(rounds))) / 1e6
    assert pooled > high, "what version 1 said"
    assert low <= row.median_ms <= high
