"""What a table's cell says."""

from dataclasses import replace

from src.bench.sentence_result import Latency
from src.ui.tables import latency_text


def test_a_latency_that_was_not_steady_says_so():
    latency = Latency(2.345, (2.3, 2.4), samples=60, rounds=6, steady=True, lead_in=16, switch_ms=None)
    assert latency_text(latency) == "**2.35** (2.30–2.40)"
    assert "not steady" in latency_text(replace(latency, steady=False))
