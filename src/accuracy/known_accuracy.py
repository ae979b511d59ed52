"""What is known of an engine's accuracy here: measured on this host, or stored with the model and confirmed.

A stored gate counts on another host where the engine's file is the same and it answers the same there: all
labels of data/sentences.csv, and each logit within ANSWER_TOLERANCE. That is looked at once after a build.
"""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from src.accuracy import accuracy_files
from src.accuracy.accuracy_result import Accuracy, EngineAccuracy
from src.accuracy.accuracy_result import from_json as from_json_of_accuracy
from src.accuracy.datasets import SENTENCES, read_csv
from src.accuracy.gate import HOLDS, MISSES, NOT_PROVEN
from src.engines import registry
from src.engines.options import registry_row
from src.errors import Explained
from src.facts import Facts
from src.home import locked, write_whole
from src.model import cache, embedded
from src.model.fingerprint import Fingerprint

log = logging.getLogger(__name__)
ANSWER_TOLERANCE = 0.05  # of a logit
MEASURED, STORED, DEFINITION = "measured here", "stored with the model", "it is what others are held against"
AS_ITS_ROW = "its row's, as which it answers"


@dataclass(frozen=True)
class Known:
    """An engine's accuracy as it is known. `state` is the gate's: holds, misses or not proven; `drop`, `low`
    and `high` as in src/accuracy/gate.py; `origin` where it is known from.
    """

    state: str
    origin: str
    dataset: str = ""
    n: int = 0
    measured_at: str = ""
    accuracy: float | None = None
    ci95: tuple[float, float] | None = None
    drop: float | None = None
    low: float | None = None
    high: float | None = None
    more_sentences: int | None = None


def of_engine(result: Accuracy, engine: EngineAccuracy, origin: str) -> Known | None:
    """Return what an accuracy result says of one of its engines; None for one that was not compared with the
    baseline, or before gates were intervals.
    """
    gate = engine.gate
    if not gate:
        return None
    return Known(
        gate.state,
        origin,
        result.dataset,
        result.n,
        engine.measured_at or result.measured_at,
        engine.accuracy,
        engine.ci95,
        gate.drop,
        gate.low,
        gate.high,
        gate.more_sentences,
    )


def of(fingerprint: Fingerprint) -> Known | None:
    """Return what is known here of an engine's accuracy, from the most sentences; None where nothing is. The
    accuracy baseline holds its own gate by definition.
    """
    known = [
        of_engine(result, engine, MEASURED)
        for result in accuracy_files.kept()
        for engine in result.engines
        if engine.fingerprint and engine.fingerprint.same(fingerprint)
    ]
    statement = stored_engine(fingerprint)
    if statement and confirmed(fingerprint):
        known.append(of_engine(stored(), statement, STORED))
    if row := row_it_answers_as(fingerprint):
        of_row = of(row)
        known.append(of_row and replace(of_row, origin=AS_ITS_ROW))
    best = most(known)
    if fingerprint.engine == registry.ACCURACY_BASELINE:
        return replace(best, state=HOLDS) if best else Known(HOLDS, DEFINITION)
    return best


def most(known: Iterable[Known | None]) -> Known | None:
    """Return what rests on the most sentences; what is not known never replaces what is."""
    return max(filter(None, known), key=lambda accuracy: (accuracy.n, accuracy.measured_at), default=None)


def best(kept: Any, now: Known | None) -> Known | None:
    """Return what is known of an engine from what was recorded of it then and from what is known now."""
    return most([from_json(kept), now])


def from_json(kept: Any) -> Known | None:
    """Return what a run's facts or a sentence's row say of an accuracy; None where they say nothing, or no
    more than the yes or no of versions before gates were intervals.
    """
    if not isinstance(kept, dict) or kept.get("state") not in (HOLDS, MISSES, NOT_PROVEN):
        return None
    names = {field.name for field in fields(Known)}
    try:
        return Known(**{name: value for name, value in kept.items() if name in names})
    except TypeError:
        return None


# --- what is stored with the model


@lru_cache(maxsize=1)
def stored() -> Accuracy:
    """Return the accuracy that is stored with the embedded model."""
    return from_json_of_accuracy(embedded.stored_accuracy())


def stored_engine(fingerprint: Fingerprint) -> EngineAccuracy | None:
    """Return what is stored of this very file: engine, weights and SHA-256 are the same. Options and the
    release of an engine are no part of a file: whether it answers the same with them is looked at.
    """
    same = ("model", "artifact_sha256")
    ours = [registry_row(fingerprint.engine), *(getattr(fingerprint, name) for name in same)]
    for engine in stored().engines:
        theirs = [engine.engine, *(getattr(engine.fingerprint, name, "") for name in same)]
        if fingerprint.artifact_sha256 and theirs == ours:
            return engine
    return None


def confirmations() -> list[Facts]:
    """Return what was looked at on this host so far; nothing where that cannot be read."""
    try:
        entries = json.loads(confirmations_file().read_text(encoding="utf-8"))
        return [entry for entry in entries if isinstance(entry, dict)]
    except (OSError, ValueError, TypeError, Explained):
        return []


def confirmations_file() -> Path:
    """Return where it is noted: beside the artifacts, as it is of them."""
    return cache.root() / "confirmed.json"


def looked_at(fingerprint: Fingerprint) -> Facts | None:
    """Return what was seen of this very engine's answers, or None."""
    stated = stored().measured_at
    return next(
        (
            entry
            for entry in confirmations()
            if entry.get("fingerprint") == asdict(fingerprint) and entry.get("stated") == stated
        ),
        None,
    )


def confirmed(fingerprint: Fingerprint) -> bool:
    """Tell whether this engine was seen to answer here as its stored gate wants."""
    seen = looked_at(fingerprint)
    return bool(seen and seen.get("same"))


def confirm(fingerprint: Fingerprint, answer: Callable[[list[str]], Iterable[tuple[float, float]]]) -> None:
    """Hold an engine's answers against the stored ones, unless that was done or there are none, and keep what
    was seen. `answer` returns its logits of some texts; what it raises is passed on.
    """
    if not fingerprint.complete or not stored_engine(fingerprint) or looked_at(fingerprint):
        return
    answers = embedded.stored_answers().get(registry_row(fingerprint.engine))
    if answers is None:
        return
    texts = [text for text, _ in read_csv(SENTENCES)]
    logits = [list(pair) for pair in answer(texts)]
    seen = {
        "fingerprint": asdict(fingerprint),
        "stated": stored().measured_at,
        **compare_answers(logits, answers),
    }
    keep_confirmation(seen, fingerprint.engine)


def keep_confirmation(seen: Facts, engine: str) -> None:
    """Keep what was seen of an engine's answers, or log why that cannot be."""
    path = confirmations_file()
    try:
        with locked(path.with_name(".confirmed.lock")):
            write_whole(path, json.dumps([*confirmations(), seen], indent=1))
    except (OSError, Explained):
        log.exception("what was seen of the answers of %s cannot be kept", engine)


def hold_against_row(
    fingerprint: Fingerprint, row: Fingerprint, logits: list[list[float]], of_row: list[list[float]]
) -> None:
    """Keep whether an engine with options, or of another release, answers as its row does: what is known of
    that is true of it, too. Logits [n, 2] are those of the same texts.
    """
    if fingerprint.complete and row.complete:
        seen = {"fingerprint": asdict(fingerprint), "row": asdict(row), **compare_answers(logits, of_row)}
        keep_confirmation(seen, fingerprint.engine)


def row_it_answers_as(fingerprint: Fingerprint) -> Fingerprint | None:
    """Return the row as which an engine with options or of a release was seen to answer here, or None."""
    if registry_row(fingerprint.engine) == fingerprint.engine:
        return None
    for entry in confirmations():
        if entry.get("fingerprint") == asdict(fingerprint) and entry.get("same") and "row" in entry:
            return Fingerprint(**entry["row"])
    return None


def compare_answers(logits: list[list[float]], stored: list[list[float]]) -> Facts:
    """Return {sentences, other_labels, max_abs_delta_logit, same} of logits [n, 2] and the stored ones."""
    if len(logits) != len(stored):
        return {"sentences": len(logits), "other_labels": None, "max_abs_delta_logit": None, "same": False}
    pairs = list(zip(logits, stored, strict=True))
    other = sum((ours[0] > ours[1]) != (theirs[0] > theirs[1]) for ours, theirs in pairs)
    delta = max(max(abs(ours[0] - theirs[0]), abs(ours[1] - theirs[1])) for ours, theirs in pairs)
    return {
        "sentences": len(logits),
        "other_labels": other,
        "max_abs_delta_logit": delta,
        "same": not other and delta <= ANSWER_TOLERANCE,
    }
