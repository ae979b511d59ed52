"""Accuracy per engine on labelled sentences: the basic form. Takes the host's lock, as it loads the CPU."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from src.bench import host
from src.bench.lock import host_lock
from src.bench.pool import Pool, WorkerFailed
from src.bench.sentence import CHECKPOINT, Failure, Progress, Sitting, choose, label
from src.bench.stats import wilson_interval
from src.engines import registry
from src.model import cache, source

GATE = 0.99  # of the baseline's accuracy, MLPerf's target for its datacentre and edge divisions
CHUNK = 50  # sentences a message


class BadDataset(ValueError):
    """The data set cannot be read. The message names the line and what was expected."""


@dataclass(frozen=True)
class EngineAccuracy:
    """One engine on a data set.

    `agreement`, `flips` and `gate` compare with the baseline and are None without it.
    """

    engine: str
    accuracy: float
    ci95: tuple[float, float]
    agreement: float | None
    flips: int | None
    max_abs_delta_logit: float | None
    gate: bool | None


@dataclass(frozen=True)
class Accuracy:
    dataset: str
    n: int
    model: str
    host: dict[str, Any]
    engines: tuple[EngineAccuracy, ...]
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def read_tsv(path: Path) -> list[tuple[str, int]]:
    """Return (text, label) of each line `text<TAB>label`, label 0 or 1 (positive). Raises BadDataset."""
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataset(
            f"{path} cannot be read ({error}). Give a UTF-8 file of text<TAB>label lines."
        ) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        text, _, label_text = line.rstrip("\r").rpartition("\t")
        if label_text not in ("0", "1") or not text:
            raise BadDataset(
                f"{path}, line {number}: expected text<TAB>label with label 0 or 1, found {line[:60]!r}."
            )
        rows.append((text, int(label_text)))
    if not rows:
        raise BadDataset(f"{path} has no rows. Give a file of text<TAB>label lines.")
    return rows


def measure(
    pool: Pool,
    path: Path,
    ids: list[str] | None = None,
    model: source.ModelSource | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Accuracy:
    """Return each engine's accuracy on a TSV, answered one sentence at a time without padding, as a
    sentence is.
    """
    rows = read_tsv(path)
    specs, failures = choose(ids)
    baseline = registry.get(registry.ACCURACY_BASELINE)
    if baseline not in specs and not registry.availability(baseline):
        specs.append(baseline)
    sitting = Sitting(pool, model or source.parse(), host.default_threads(), progress)
    sitting.failures += failures
    with host_lock("accuracy", sitting.tell_waiting, pool.pause):
        specs = sitting.build(specs)
        checkpoint = cache.required(CHECKPOINT, sitting.model)
        sitting.load(specs, checkpoint.folder / "tokenizer.json")
        logits: dict[str, list[tuple[float, float]]] = {}
        for number, (id, worker) in enumerate(list(sitting.workers.items())):
            found: list[tuple[float, float]] = []
            try:
                for start in range(0, len(rows), CHUNK):
                    done = number * len(rows) + start
                    progress(
                        Progress("accuracy", f"Answering with {id}", done, len(sitting.workers) * len(rows))
                    )
                    texts = [text for text, _ in rows[start : start + CHUNK]]
                    pool.ask(worker, {"do": "prepare", "case": "accuracy", "texts": texts})
                    found += [
                        tuple(pair)
                        for pair in pool.ask(worker, {"do": "infer", "case": "accuracy"})["logits"]
                    ]
            except WorkerFailed as failure:
                sitting.failures.append(Failure(id, str(failure)))
            else:
                logits[id] = found
    positive = checkpoint.manifest["facts"]["positive_index"]
    wanted = None if ids is None else set(ids)
    engines = [
        judge(id, found, logits.get(baseline.id), [expected for _, expected in rows], positive)
        for id, found in logits.items()
        if wanted is None or id in wanted
    ]
    return Accuracy(
        path.name, len(rows), sitting.model.name, host.facts(), tuple(engines), tuple(sitting.failures)
    )


def judge(
    id: str,
    logits: list[tuple[float, float]],
    reference: list[tuple[float, float]] | None,
    expected: list[int],
    positive: int,
) -> EngineAccuracy:
    """Return one engine's figures from its logits [n, 2], the baseline's, and the labels [n] (1 =
    positive).
    """
    given = [label(pair, positive) for pair in logits]
    right = sum((text == "positive") == bool(one) for text, one in zip(given, expected, strict=True))
    count = len(expected)
    if reference is None:
        return EngineAccuracy(id, right / count, wilson_interval(right, count), None, None, None, None)
    other = [label(pair, positive) for pair in reference]
    flips = sum(a != b for a, b in zip(given, other, strict=True))
    delta = max(
        abs(a - b)
        for ours, theirs in zip(logits, reference, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    )
    baseline_right = sum((text == "positive") == bool(one) for text, one in zip(other, expected, strict=True))
    return EngineAccuracy(
        id,
        right / count,
        wilson_interval(right, count),
        1 - flips / count,
        flips,
        delta,
        right >= GATE * baseline_right,
    )
