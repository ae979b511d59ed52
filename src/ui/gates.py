"""What is known of each engine's accuracy with a model: measured on this host, else stored with the model."""

from typing import Any

from src.bench import accuracy
from src.model import embedded
from src.model.source import ModelSource

ENOUGH = 500  # sentences; fewer cannot tell 99 % from 100 %
EMBEDDED = ModelSource("embedded").name


def results(model: str) -> list[dict[str, Any]]:
    """Return every accuracy result of this model, those of this host first, then what came with the model."""
    found = [one for one in accuracy.kept() if one["model"] == model]
    if model == EMBEDDED:
        found.append(stored())
    return found


def stored() -> dict[str, Any]:
    """Return the accuracy stored with the embedded model, in the form of one measured here."""
    told = embedded.stored_accuracy()
    return {**told, "dataset": "SST-2 dev", "measured_at": told["measured"], "stored": True}


def known(model: str) -> dict[str, dict[str, Any]]:
    """Return each engine's {accuracy, ci95, gate, dataset, n, measured_at} from the first result with enough
    sentences that has it.
    """
    found: dict[str, dict[str, Any]] = {}
    for one in results(model):
        if one["n"] >= ENOUGH:
            about = {name: one[name] for name in ("dataset", "n", "measured_at")}
            for row in one["engines"]:
                own = {name: row[name] for name in ("accuracy", "ci95", "gate")}
                found.setdefault(row["engine"], {**own, **about})
    return found


def below(model: str) -> dict[str, float]:
    """Return the engines that miss the gate, with their share of FP32's accuracy."""
    figures = known(model)
    best = figures.get("pytorch-fp32", {}).get("accuracy")
    if not best:
        return {}
    return {engine: row["accuracy"] / best for engine, row in figures.items() if row["gate"] is False}
