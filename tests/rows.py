"""Runs and sentences of given figures, as far as judging them needs it."""

from dataclasses import replace
from typing import Any

from src.accuracy.gate import HOLDS
from src.accuracy.known_accuracy import Known
from src.bench.sentence_result import EngineResult, Latency, SentenceNoise, SentenceResult
from src.figures.run import Head, Noise, Pair, Result, Run
from src.model.fingerprint import Fingerprint

MODEL = {"name": "M", "architecture": "MiniLM-L6-H384", "fingerprint": "0123456789ab"}
HOST = {
    "cpu": "A CPU",
    "physical_cores": 2,
    "memory_gb": 8.0,
    "isa": ["avx2"],
    "caches": ["L2 Unified 1024K"],
}
STARTED = "2026-11-24T00:00:00Z"


def known(state: str | None) -> Known | None:
    """Return an accuracy of this state; None where it is not known."""
    return Known(state, "measured here", n=3000) if state else None


def accuracy(state: str | None) -> dict[str, Any] | None:
    """Return what a run's facts hold of an accuracy; None where it is not known."""
    return state and {"state": state, "origin": "measured here", "n": 3000}


def row(engine: str, length: int, scope: str, ms: float, state: str | None = HOLDS, **more: Any) -> Result:
    """Return a result of one engine; `state` is that of its accuracy gate."""
    result = Result(
        engine=engine,
        precision=engine.rpartition("-")[2],
        batch_size=1,
        sequence_length=length,
        threads=2,
        scope=scope,
        median_ms=ms,
        median_ci95_ms=(ms * 0.98, ms * 1.02),
        verdict="valid",
        facts={"title": engine, "accuracy": accuracy(state)},
    )
    return replace(result, **more)


def run(*rows: Result, model: dict[str, Any] = MODEL, floor: float = 0.01) -> Run:
    """Return a run; its A/A pairs differ by `floor`."""
    head = Head(
        id="r",
        started_at=STARTED,
        command="",
        host=HOST,
        model=model,
        plan={"pace_s": 0.0},
        protocol={},
        inputs={},
    )
    pairs = tuple(
        Pair(**vars(row.case), group=0, ratio=1.0, ci95=None, rounds=6, noise_floor=floor) for row in rows
    )
    return Run(head=head, results=rows, noise=Noise(noise_floor=floor, pairs=pairs))


def sentence(*rows: Result, model: dict[str, Any] = MODEL, **more: Any) -> SentenceResult:
    """Return a sentence whose engines took what these results of scope `pipeline` took."""
    answer = SentenceResult(
        text="Good.",
        tokens=rows[0].sequence_length if rows else 16,
        truncated=False,
        model=model,
        host=HOST,
        threads=rows[0].threads if rows else 2,
        measured_at=STARTED,
        engines=tuple(map(engine_result, rows)),
        failures=(),
        noise=SentenceNoise(0.0, 0.0, False, ""),
    )
    return replace(answer, **more)


def engine_result(row: Result) -> EngineResult:
    """Return the answer of one engine, positive and right."""
    latency = Latency(row.median_ms, row.median_ci95_ms, 60, 6, True, 16, 1.0)
    return EngineResult(
        engine=row.engine,
        label="positive",
        probability=0.99,
        logits=(-2.0, 2.0),
        agrees=True,
        max_abs_delta_logit=0.0,
        device=row.device,
        fingerprint=Fingerprint(row.engine),
        accuracy=known((row.facts["accuracy"] or {}).get("state")),
        model=latency,
        pipeline=latency,
        load_s=1.0,
        first_call_ms=2.0,
        pss_mb=100.0,
        facts=row.facts,
    )
