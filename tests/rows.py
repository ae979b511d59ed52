"""Runs and sentences as JSON, as far as judging them needs it."""

from typing import Any

from src.bench.gate import HOLDS

MODEL = {"name": "M", "architecture": "MiniLM-L6-H384", "fingerprint": "0123456789ab"}
HOST = {"cpu": "A CPU", "physical_cores": 2, "isa": ["avx2"], "caches": ["L2 Unified 1024K"]}
STARTED = "2026-11-24T00:00:00Z"


def accuracy(state: str | None) -> dict[str, Any] | None:
    """Return what a run's facts hold of an accuracy; None where it is not known."""
    return state and {"state": state, "origin": "measured here", "n": 3000}


def row(engine: str, length: int, scope: str, ms: float, state: str | None = HOLDS, **more: Any) -> dict:
    """Return a result (docs/results.md) of one engine; `state` is that of its accuracy gate."""
    return {
        "engine": engine,
        "precision": engine.rpartition("-")[2],
        "device": "cpu",
        "batch_size": 1,
        "sequence_length": length,
        "threads": 2,
        "scope": scope,
        "median_ms": ms,
        "median_ci95_ms": (ms * 0.98, ms * 1.02),
        "verdict": "valid",
        "reasons": [],
        "facts": {"title": engine, "accuracy": accuracy(state)},
        **more,
    }


def run(*rows: dict[str, Any], model: dict[str, Any] = MODEL, floor: float = 0.01) -> dict[str, Any]:
    """Return a run's JSON; its A/A pairs differ by `floor`."""
    head = {"id": "r", "started_at": STARTED, "host": HOST, "model": model, "plan": {"pace_s": 0.0}}
    case = ("batch_size", "sequence_length", "threads", "scope")
    pairs = [{**{name: row[name] for name in case}, "group": 0, "noise_floor": floor} for row in rows]
    return {"run": head, "results": list(rows), "noise": {"noise_floor": floor, "pairs": pairs}}


def sentence(*rows: dict[str, Any], model: dict[str, Any] = MODEL) -> dict[str, Any]:
    """Return the JSON of a sentence whose engines took what these results of scope `pipeline` took."""
    return {
        "tokens": rows[0]["sequence_length"] if rows else 16,
        "threads": rows[0]["threads"] if rows else 2,
        "model": model,
        "host": HOST,
        "measured_at": STARTED,
        "noise": {"noisy": False},
        "engines": [
            {
                "engine": row["engine"],
                "device": row["device"],
                "fingerprint": {"engine": row["engine"]},
                "accuracy": row["facts"]["accuracy"],
                "agrees": True,
                "pipeline": {
                    "median_ms": row["median_ms"],
                    "ci95_ms": row["median_ci95_ms"],
                    "steady": True,
                },
            }
            for row in rows
        ],
    }
