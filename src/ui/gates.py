"""What is known of each engine's accuracy with a model: measured on this host, else stored with the model."""

from typing import Any

from src.bench import accuracy_files, known_accuracy
from src.bench.gate import HOLDS, MISSES
from src.bench.known_accuracy import MEASURED, STORED, Known
from src.model import embedded
from src.model.source import ModelSource

EMBEDDED = ModelSource("embedded").name


def results(model: str) -> list[dict[str, Any]]:
    """Return every accuracy result of this model, those of this host first, then what came with the model."""
    own = [result for result in accuracy_files.kept() if result["model"] == model]
    return [*own, stored()] if model == EMBEDDED else own


def stored() -> dict[str, Any]:
    """Return the accuracy stored with the embedded model, in the form of one measured here."""
    return {**embedded.stored_accuracy(), "stored": True}


def stated(model: str) -> dict[str, Known]:
    """Return what was said of each engine's accuracy with this model, wherever and with whichever file: to be
    shown with its origin, never to answer a question by.
    """
    said: dict[str, Known] = {}
    for result in results(model):
        origin = STORED if result.get("stored") else MEASURED
        for row in result["engines"]:
            known = known_accuracy.from_row(result, row, origin)
            if known and (row["engine"] not in said or known.n > said[row["engine"]].n):
                said[row["engine"]] = known
    return said


def badge(known: Known | None) -> str:
    """Return a mark for an engine that misses the gate, with its share of FP32's accuracy, or of which it is
    not proven; nothing where it holds.
    """
    if not known or known.state == HOLDS or known.drop is None:
        return ""
    if known.state == MISSES:
        return f" :orange-badge[accuracy {1 - known.drop:.2%} of FP32]"
    return f" :gray-badge[accuracy {1 - known.drop:.2%} of FP32, not proven]"
