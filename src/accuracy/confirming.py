"""A loaded engine: what exactly it is, and whether it answers as the one whose accuracy is stored."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

from src.accuracy import known_accuracy
from src.host import machine
from src.model import fingerprint
from src.workers.handle import Handle

CHUNK = 50  # sentences a message

Logits = list[tuple[float, float]]


@lru_cache
def cpu_key() -> str:
    """Return the key of this host's CPU."""
    return fingerprint.of_cpu(machine.evidence())


def identify(worker: Handle, folder: Path | None, weights: str, case: str) -> None:
    """Note in a worker what exactly it is, and look at its answers where a stored accuracy hangs on them:
    once on a host. `folder` is what it loaded, `weights` their fingerprint, `case` a name for texts that is
    given again afterwards. Raises WorkerFailed.
    """
    if worker.fingerprint.engine:
        return
    engine_fingerprint = fingerprint.of_engine(
        worker.spec.id, weights, folder.name if folder else None, worker.facts, cpu_key()
    )
    known_accuracy.confirm(engine_fingerprint, partial(answers, worker, case))
    worker.fingerprint = engine_fingerprint


def answers(
    worker: Handle,
    case: str,
    texts: Sequence[str],
    padded: int = 0,
    listener: Callable[[int], None] = lambda _: None,
) -> Logits:
    """Return an engine's logits of each text, answered one at a time, padded to `padded` tokens if that is
    not 0. `listener` hears how many are done. Raises WorkerFailed.
    """
    logits: dict[int, tuple[float, float]] = {}
    # Texts of a length together: some engines compile for each length.
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(order), CHUNK):
        chunk = order[start : start + CHUNK]
        listener(start)
        worker.prepare(case, [texts[index] for index in chunk], padded=padded)
        answered = worker.infer(case).logits
        logits |= {index: (pair[0], pair[1]) for index, pair in zip(chunk, answered, strict=True)}
    return [logits[index] for index in range(len(texts))]
