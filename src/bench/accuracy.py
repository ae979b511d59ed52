"""Accuracy per engine on labelled sentences, beside the baseline's answers.

Takes the host's lock, as it loads the CPU. The latest result of each data set is kept in the home folder.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from src.bench import giving_way, host
from src.bench.asking import Failure, choose
from src.bench.datasets import read
from src.bench.lock import host_lock
from src.bench.pool import Pool, WorkerFailed
from src.bench.sentence import CHECKPOINT, Progress, Sitting, label, telling_who_waits
from src.bench.stats import mcnemar, wilson_interval
from src.engines import registry
from src.home import home, locked, utc_now, write_whole
from src.model import cache, source

GATE = 0.99  # of the baseline's accuracy, MLPerf's target for its datacentre and edge divisions
CHUNK = 50  # sentences a message
# INT8 ranges may move with padding: the first so many sentences are answered again, padded to so many tokens.
PADDED, PADDED_TO = 200, 128
MOST_FLIPS = 50  # told as sentences

Logits = list[tuple[float, float]]


@dataclass(frozen=True)
class Flip:
    """A sentence that an engine labels otherwise than the baseline does; `right` is the one that is."""

    text: str
    expected: str
    given: str
    delta_logit: float


@dataclass(frozen=True)
class Padding:
    """The same `n` sentences with and without padding to `tokens`: how many labels changed, and the largest
    difference of a logit. What is exact moves by rounding only.
    """

    tokens: int
    n: int
    flips: int
    max_abs_delta_logit: float


@dataclass(frozen=True)
class EngineAccuracy:
    """One engine on a data set.

    `agreement` to `gate` compare with the baseline and are None without it. `mcnemar_p` is the exact p-value
    of the difference in accuracy; `flipped` the first MOST_FLIPS sentences with another label.
    """

    engine: str
    accuracy: float
    ci95: tuple[float, float]
    agreement: float | None
    flips: int | None
    max_abs_delta_logit: float | None
    mean_abs_delta_logit: float | None
    mcnemar_p: float | None
    gate: bool | None
    flipped: tuple[Flip, ...] = ()
    padding: Padding | None = None


@dataclass(frozen=True)
class Accuracy:
    dataset: str
    n: int
    model: str
    measured_at: str
    host: dict[str, Any]
    engines: tuple[EngineAccuracy, ...]
    failures: tuple[Failure, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(
    pool: Pool,
    dataset: str | None = None,
    ids: list[str] | None = None,
    model: source.ModelSource | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Accuracy:
    """Return each engine's accuracy on a data set, answered one sentence at a time without padding, as a
    sentence is; INT8 engines answer some again with padding. Raises BadDataset, UnknownEngine, ModelError.
    """
    name, rows = read(dataset)
    specs, failures = choose(ids)
    baseline = registry.get(registry.ACCURACY_BASELINE)
    if baseline not in specs and not registry.availability(baseline):
        specs.append(baseline)
    sitting = Sitting(pool, model or source.parse(), host.default_threads(), progress)
    sitting.failures += failures
    texts = [text for text, _ in rows]
    logits: dict[str, Logits] = {}
    padded: dict[str, Logits] = {}
    with host_lock("accuracy", telling_who_waits(progress), pool.pause) as lock:
        sitting.progress = giving_way.before(progress, lock)
        specs = sitting.build(specs)
        checkpoint = cache.required(CHECKPOINT, sitting.model)
        for number, spec in enumerate(specs):
            sitting.load([spec], checkpoint.folder / "tokenizer.json")
            try:
                logits[spec.id] = ask(sitting, spec.id, texts, number, len(specs))
                if spec.precision == "int8":
                    padded[spec.id] = ask(sitting, spec.id, texts[:PADDED], number, len(specs), PADDED_TO)
            except WorkerFailed as failure:
                logits.pop(spec.id, None)
                sitting.failures.append(Failure(spec.id, str(failure)))
            except KeyError:
                continue  # it did not load, and the reason is among the failures
            pool.drop(spec.id)  # one at a time: nothing is timed, so none need stay
    positive = checkpoint.manifest["facts"]["positive_index"]
    wanted = None if ids is None else set(ids)
    engines = [
        replace(
            judge(id, found, logits.get(baseline.id), rows, positive),
            padding=compare_padding(found, padded[id], positive) if id in padded else None,
        )
        for id, found in logits.items()
        if wanted is None or id in wanted
    ]
    return Accuracy(
        name,
        len(rows),
        sitting.model.name,
        utc_now(),
        host.facts(),
        tuple(engines),
        tuple(sitting.failures),
    )


def ask(sitting: Sitting, id: str, texts: list[str], number: int, of: int, padded: int = 0) -> Logits:
    """Return an engine's logits of each text. Raises WorkerFailed, and KeyError when it is not loaded."""
    worker = sitting.workers[id]
    found: dict[int, tuple[float, float]] = {}
    # Texts of a length together: some engines compile for each length.
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    for start in range(0, len(order), CHUNK):
        chunk = order[start : start + CHUNK]
        done = number * len(texts) + start
        sitting.progress(Progress("accuracy", f"Answering with {id}", done, of * len(texts)))
        message = {"do": "prepare", "case": "accuracy", "texts": [texts[index] for index in chunk]}
        sitting.pool.ask(worker, {**message, "padded": padded})
        answered = sitting.pool.ask(worker, {"do": "infer", "case": "accuracy"})["logits"]
        found |= {index: (pair[0], pair[1]) for index, pair in zip(chunk, answered, strict=True)}
    return [found[index] for index in range(len(texts))]


def largest_difference(ours: Logits, theirs: Logits) -> list[float]:
    """Return, for each text, the largest difference of its two logits."""
    return [
        max(abs(a - b) for a, b in zip(one, other, strict=True))
        for one, other in zip(ours, theirs, strict=True)
    ]


def compare_padding(plain: Logits, padded: Logits, positive: int) -> Padding:
    """Return how an engine's answers move with padding."""
    part = plain[: len(padded)]
    flips = sum(label(a, positive) != label(b, positive) for a, b in zip(part, padded, strict=True))
    return Padding(PADDED_TO, len(padded), flips, max(largest_difference(part, padded)))


def judge(
    id: str, logits: Logits, reference: Logits | None, rows: Sequence[tuple[str, int]], positive: int
) -> EngineAccuracy:
    """Return one engine's figures from its logits [n, 2], the baseline's, and the texts with their labels
    (1 = positive).
    """
    names = [("negative", "positive")[expected] for _, expected in rows]
    given = [label(pair, positive) for pair in logits]
    right = [a == b for a, b in zip(given, names, strict=True)]
    count = len(rows)
    share, interval = sum(right) / count, wilson_interval(sum(right), count)
    if reference is None:
        return EngineAccuracy(id, share, interval, None, None, None, None, None, None)
    other = [label(pair, positive) for pair in reference]
    theirs = [a == b for a, b in zip(other, names, strict=True)]
    deltas = largest_difference(logits, reference)
    flipped = [index for index in range(count) if given[index] != other[index]]
    return EngineAccuracy(
        engine=id,
        accuracy=share,
        ci95=interval,
        agreement=1 - len(flipped) / count,
        flips=len(flipped),
        max_abs_delta_logit=max(deltas),
        mean_abs_delta_logit=sum(deltas) / count,
        mcnemar_p=mcnemar(
            sum(a and not b for a, b in zip(right, theirs, strict=True)),
            sum(b and not a for a, b in zip(right, theirs, strict=True)),
        ),
        gate=sum(right) >= GATE * sum(theirs),
        flipped=tuple(
            Flip(rows[index][0], names[index], given[index], deltas[index]) for index in flipped[:MOST_FLIPS]
        ),
    )


def folder() -> Path:
    made = home() / "accuracy"
    made.mkdir(exist_ok=True)
    return made


def keep(found: Accuracy) -> None:
    """Keep a result for the pages, with those of other engines on the same data set and model."""
    name = "".join(
        character if character.isalnum() else "-" for character in f"{found.dataset} {found.model}"
    )
    path = folder() / f"{name}.json"
    new = found.to_json()
    told = {row["engine"] for row in new["engines"]}
    identity = (found.dataset, found.model, found.n)
    with locked(folder() / ".lock"):  # another one may be joining its rows at this moment
        old = next((one for one in kept() if (one["dataset"], one["model"], one["n"]) == identity), None)
        if old and old["host"].get("cpu") == new["host"].get("cpu"):
            others = [row for row in old["engines"] if row["engine"] not in told]
            new["engines"] = [*new["engines"], *others]
        write_whole(path, json.dumps(new, indent=1, ensure_ascii=False))


def kept() -> list[dict[str, Any]]:
    """Return the kept results as JSON, latest first; files that cannot be read are left out."""
    found = []
    for path in folder().glob("*.json"):
        try:
            one = json.loads(path.read_text(encoding="utf-8"))
            found.append({**one, "engines": list(one["engines"])})
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda one: str(one.get("measured_at")), reverse=True)
