"""What a disturbed host does to a run: its slices are told, repeated and left out, and its cells judged."""

import itertools
import os

import psutil
import pytest

from src.engines import registry
from src.figures.results import summarise
from src.host import evidence
from src.workers.pool import Pool
from tests.measured import IMPATIENT, all_slices, calm, cell, fake_answers, measure, plan

__all__ = ["calm", "fake_answers"]  # fixtures
pytestmark = [pytest.mark.one_cpu, pytest.mark.usefixtures("fakes", "fake_answers", "calm")]


def test_disturbed_slices_stay_in_the_record_leave_the_statistics_and_are_repeated(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    turn = itertools.count()
    monkeypatch.setattr(
        evidence, "disturbances", lambda seen, *_: ("waited",) if next(turn) % 10 == 3 else ()
    )
    monkeypatch.setattr(evidence.Watch, "others_now", lambda self: (0.0, 0.0))
    record = measure(pool, plan("fake-negative"))
    found = summarise(record)
    disturbed = [one for one in all_slices(record) if one.disturbed]
    assert disturbed
    assert found.noise.disturbed_slices == len(disturbed)
    repeated = [one for one in all_slices(record) if one.attempt > 1]
    assert len(repeated) == len(disturbed)
    for row in found.results:
        kept = [one for one in record.slices[cell(row.engine)] if not one.disturbed]
        assert row.samples == sum(len(one.ns) for one in kept)
        assert row.verdict == "valid"


def test_a_cell_with_more_than_a_third_disturbed_is_noisy_and_says_why(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
):
    turn = itertools.count()
    monkeypatch.setattr(evidence, "disturbances", lambda seen, *_: ("steal",) if next(turn) % 2 else ())
    monkeypatch.setattr(evidence.Watch, "others_now", lambda self: (9.0, 0.0))
    found = summarise(measure(pool, plan("fake-negative", budget_s=10.0, precision=0.9), IMPATIENT))
    noisy = [row for row in found.results if row.verdict == "noisy"]
    assert noisy
    assert all("hypervisor" in row.reasons[0] for row in noisy)
    assert found.noise.noisy


def test_a_busy_neighbour_is_noticed_and_named(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """A real one, on every CPU that is measured on."""
    monkeypatch.undo()
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES")
    monkeypatch.setattr(registry, "ACCURACY_BASELINE", "fake-plausible")
    neighbours = [psutil.Popen(["python3", "-c", "while True: pass"]) for _ in os.sched_getaffinity(0)]
    try:
        record = measure(pool, plan("fake-busy", budget_s=10.0), IMPATIENT)
    finally:
        for one in neighbours:
            one.kill()
            one.wait()
    found = summarise(record)
    busy = next(row for row in found.results if row.engine == "fake-busy")
    assert busy.verdict != "valid"
    assert found.noise.noisy
    assert any("used" in reason and "core" in reason for reason in found.noise.reasons)
