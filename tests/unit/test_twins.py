"""What ratios are worth: they stay on a host that drifts, a copy ties, and 5 % are seen."""

import os
import statistics
import time
from pathlib import Path

import pytest

from src.bench import session
from src.bench.events import Slice
from src.bench.record import Record, round_medians
from src.figures.processes import Processes
from src.figures.results import floors, summarise
from src.home import write_whole
from src.stats import paired_ratio
from src.workers.pool import Pool
from tests.fakes import DRIFT
from tests.measured import calm, cell, fake_answers, measure, plan

__all__ = ["calm", "fake_answers"]  # fixtures
pytestmark = [pytest.mark.one_cpu, pytest.mark.usefixtures("fakes", "fake_answers", "calm")]
REPEATS = int(os.environ.get("AWIY_SOAK_TWINS", "6"))


def test_a_drift_leaves_paired_ratios_unchanged_while_pooled_means_move(pool: Pool, shared_home: Path):
    """The drift begins with the first round, however long a slow host loads, and goes on for 5 s."""
    drift = shared_home / DRIFT
    drift.unlink(missing_ok=True)

    def begin(_: Record) -> None:
        if not drift.exists():
            write_whole(drift, str(time.monotonic()))

    def stopped() -> bool:
        return drift.exists() and time.monotonic() - float(drift.read_text()) > 7.0

    asked = plan("fake-drifting-slower", baseline="fake-drifting", precision=0.001)
    record = measure(pool, asked, between_rounds=begin, stopped=stopped)
    slower, baseline = (record.slices[cell(name)] for name in ("fake-drifting-slower", "fake-drifting"))
    assert len(slower) >= 20

    def mean_ms(slices: list[Slice]) -> float:
        return statistics.mean(ns for one in slices for ns in one.ns) / 1e6

    half = len(baseline) // 4
    assert mean_ms(baseline[-half:]) > 1.3 * mean_ms(baseline[:half]), "the pooled means move"
    found = [
        paired_ratio(round_medians(slower[part]), round_medians(baseline[part]))
        for part in (slice(0, half), slice(-half, None))
    ]
    early, late = (one.ratio for one in found if one)
    assert early == pytest.approx(late, rel=0.04)
    assert early == pytest.approx(1.5, rel=0.04)


def test_twins_tie_and_five_percent_is_seen(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """An engine and its copy tie in all repeats but one, of twenty in `make soak`, and one 5 % slower is
    called slower in as many. The noise floor comes from the baseline's A/A pair, another process still.
    """
    # Their processes stay from repeat to repeat: a sleeping engine is the same in each.
    monkeypatch.setattr(session.Session, "leave", lambda self, **_: self.seated.clear())
    ties = slower = 0
    for seed in range(REPEATS):
        names = ("fake-sleep-2-again", "fake-sleep-2-percent")
        record = measure(pool, plan(*names, baseline="fake-sleep-2", precision=0.9, seed=seed))
        verdicts = {row.engine: row.ratios for row in summarise(record).results}
        ties += verdicts["fake-sleep-2-again"]["fake-sleep-2"].verdict == "tie"
        slower += verdicts["fake-sleep-2-percent"]["fake-sleep-2"].verdict == "slower"
        assert all(pair for pair, *_ in floors(Processes(record)).values())
    assert ties >= REPEATS - 1
    assert slower >= REPEATS - 1
