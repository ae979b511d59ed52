"""Threads that live for one call: none is there when a slice ends, but the CPU time they took is told."""

import hashlib
import re
import threading

import pytest

from src.figures.results import summarise
from src.workers.own_use import OwnUse
from src.workers.pool import Pool
from tests.measured import calm, fake_answers, measure, plan

__all__ = ["calm", "fake_answers"]  # fixtures
pytestmark = [pytest.mark.measuring, pytest.mark.usefixtures("fakes", "fake_answers", "calm")]


DATA = bytes(30_000_000)


def test_threads_that_are_gone_count_as_the_fewest_that_took_their_time():
    def compute() -> None:
        for _ in range(10):
            hashlib.sha256(DATA).digest()

    use = OwnUse()
    gone = threading.Thread(target=compute)
    gone.start()
    gone.join()
    assert use.since()["threads_ran"] == 1, "this one waited"
    use = OwnUse()
    threads = [threading.Thread(target=compute) for _ in range(2)]
    for thread in threads:
        thread.start()
    compute()
    for thread in threads:
        thread.join()
    told = use.since()
    assert 2 <= told["threads_ran"] <= 3, "three in turns on one CPU may have been two"


def test_an_engine_that_leaves_its_cpus_with_threads_that_are_gone_is_invalid(pool: Pool):
    """It needs two CPUs: on one no engine takes more than that."""
    results = summarise(measure(pool, plan("fake-short-lived"))).results
    row = next(row for row in results if row.engine == "fake-short-lived")
    assert row.facts["threads_ran"] >= 2, "two CPUs were busy"
    assert row.verdict == "invalid"
    assert re.match(r"[2-9] of its threads ran, and 1 were asked for", row.reasons[0])
