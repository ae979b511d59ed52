"""Threads that live for one call: none is seen when a slice ends, but CPU time beyond their CPUs is told."""

import pytest

from src.figures.results import summarise
from src.workers.pool import Pool
from tests.measured import calm, fake_answers, measure, plan

__all__ = ["calm", "fake_answers"]  # fixtures
pytestmark = [pytest.mark.measuring, pytest.mark.usefixtures("fakes", "fake_answers", "calm")]


def test_an_engine_that_leaves_its_cpus_with_threads_that_are_gone_is_invalid(pool: Pool):
    """It needs two CPUs: on one no engine takes more than that."""
    results = summarise(measure(pool, plan("fake-short-lived"))).results
    row = next(row for row in results if row.engine == "fake-short-lived")
    assert row.facts["threads_ran"] == 1, "what the end of a slice shows"
    assert row.verdict == "invalid"
    assert "It used the CPU time of" in row.reasons[0]
