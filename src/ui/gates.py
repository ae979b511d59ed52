"""What is known of each engine's accuracy with a model: measured on this host, else stored with the model."""

from src.accuracy import accuracy_files, known_accuracy
from src.accuracy.accuracy_result import Accuracy
from src.accuracy.gate import HOLDS, MISSES
from src.accuracy.known_accuracy import MEASURED, STORED, Known
from src.model.source import ModelSource

EMBEDDED = ModelSource("embedded").name


def results(model: str) -> list[tuple[Accuracy, str]]:
    """Return every accuracy result of this model with its origin, those of this host first, then what came
    with the model.
    """
    own = [(result, MEASURED) for result in accuracy_files.kept() if result.model == model]
    return [*own, (known_accuracy.stored(), STORED)] if model == EMBEDDED else own


def stated(model: str) -> dict[str, Known]:
    """Return what was said of each engine's accuracy with this model, wherever and with whichever file: to be
    shown with its origin, never to answer a question by.
    """
    said: dict[str, Known] = {}
    for result, origin in results(model):
        for engine in result.engines:
            known = known_accuracy.of_engine(result, engine, origin)
            if known and (engine.engine not in said or known.n > said[engine.engine].n):
                said[engine.engine] = known
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
