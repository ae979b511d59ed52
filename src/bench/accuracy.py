"""Accuracy per engine on labelled sentences, beside the baseline's answers.

Takes the host's lock, as it loads the CPU.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from src.accuracy import gate
from src.accuracy.accuracy_result import Accuracy, EngineAccuracy, Flip, Padding
from src.accuracy.confirming import Logits, answers, cpu_key
from src.accuracy.datasets import pool as pool_sets
from src.accuracy.gate import Pairs
from src.bench.sentence import label
from src.bench.sitting import Sitting
from src.engines import registry
from src.engines.spec import EngineSpec
from src.home import utc_now
from src.host import giving_way, machine
from src.host.lock import host_lock
from src.model import cache, fingerprint, source
from src.model.fingerprint import Fingerprint
from src.progress import Progress, telling_who_waits
from src.stats import mcnemar, wilson_interval
from src.workers.asking import Failure, choose
from src.workers.handle import WorkerFailed
from src.workers.pool import Pool

# INT8 ranges may move with padding: the first so many sentences are answered again, padded to so many tokens.
PADDED, PADDED_TO = 200, 128
MOST_FLIPS = 50  # told as sentences


def measure(
    pool: Pool,
    datasets: Sequence[str] = (),
    ids: list[str] | None = None,
    model: source.ModelSource | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    each: Callable[[Accuracy], None] = lambda _: None,
) -> Accuracy:
    """Return each engine's accuracy on data sets, which are pooled by sentence (the project's own without
    any), answered one at a time without padding; INT8 engines answer some again with padding. `each` is given
    the result of one engine as soon as it is there. Raises BadDataset, UnknownEngine, ModelError.
    """
    name, rows = pool_sets(datasets)
    specs, failures = choose(ids)
    baseline = registry.get(registry.ACCURACY_BASELINE)
    if baseline not in specs and not registry.availability(baseline):
        specs.append(baseline)
    specs.sort(key=lambda spec: spec != baseline)  # the others are held against its answers
    sitting = Sitting(pool, model or source.parse(), machine.default_threads(), progress)
    sitting.failures += failures
    wanted = None if ids is None else set(ids)
    engines: list[EngineAccuracy] = []
    reference: Logits | None = None
    with host_lock("accuracy", telling_who_waits(progress), pool.pause) as lock:
        sitting.progress = giving_way.before(progress, lock)
        specs = sitting.build(specs)
        checkpoint = sitting.checkpoint()
        positive = checkpoint.manifest["facts"]["positive_index"]
        whole = Accuracy(
            dataset=name,
            dataset_sha256=fingerprint.digest(rows),
            n=len(rows),
            model=sitting.model.name,
            model_fingerprint=sitting.weights,
            cpu_key=cpu_key(),
            measured_at=utc_now(),
            host=machine.facts(),
            engines=(),
        )
        texts = [text for text, _ in rows]
        for number, spec in enumerate(specs):
            answered = answer_all(sitting, spec, texts, checkpoint, number, len(specs))
            if not answered:
                continue
            if spec == baseline:
                reference = answered.logits
            if wanted is None or spec.id in wanted:
                engines.append(
                    replace(
                        judge(spec.id, answered.logits, reference, rows, positive),
                        padding=compare_padding(answered.logits, answered.padded, positive)
                        if answered.padded
                        else None,
                        fingerprint=answered.fingerprint,
                        measured_at=utc_now(),
                    )
                )
                each(replace(whole, engines=(engines[-1],)))
    return replace(whole, engines=tuple(engines), failures=tuple(sitting.failures))


@dataclass(frozen=True)
class Answered:
    """An engine's logits of all texts; of the first PADDED padded, where it is INT8; and what it is."""

    logits: Logits
    padded: Logits | None
    fingerprint: Fingerprint


def answer_all(
    sitting: Sitting, spec: EngineSpec, texts: list[str], checkpoint: cache.Artifact, number: int, of: int
) -> Answered | None:
    """Return what an engine answers; None where it fails, which is noted. One is loaded at a time: nothing is
    timed, so none need stay.
    """
    sitting.load([spec], checkpoint.folder / "tokenizer.json")
    if spec.id not in sitting.workers:
        return None
    try:
        logits = ask(sitting, spec.id, texts, number, of)
        padded = None
        if spec.precision == "int8":
            padded = ask(sitting, spec.id, texts[:PADDED], number, of, PADDED_TO)
        return Answered(logits, padded, sitting.workers[spec.id].fingerprint)
    except WorkerFailed as failure:
        sitting.failures.append(Failure(spec.id, str(failure)))
        return None
    finally:
        sitting.pool.drop(spec.id)


def ask(sitting: Sitting, id: str, texts: list[str], number: int, of: int, padded: int = 0) -> Logits:
    """Return an engine's logits of each text. Raises WorkerFailed."""

    def tell_progress(answered: int) -> None:
        done = number * len(texts) + answered
        sitting.progress(Progress("accuracy", f"Answering with {id}", done, of * len(texts)))

    return answers(sitting.workers[id], "accuracy", texts, padded, tell_progress)


def largest_difference(ours: Logits, theirs: Logits) -> list[float]:
    """Return, for each text, the largest difference of its two logits."""
    return [
        max(abs(a - b) for a, b in zip(pair, other, strict=True))
        for pair, other in zip(ours, theirs, strict=True)
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
        return EngineAccuracy(id, share, interval)
    other = [label(pair, positive) for pair in reference]
    theirs = [a == b for a, b in zip(other, names, strict=True)]
    deltas = largest_difference(logits, reference)
    flipped = [index for index in range(count) if given[index] != other[index]]
    pairs = Pairs(
        both=sum(a and b for a, b in zip(right, theirs, strict=True)),
        baseline_only=sum(b and not a for a, b in zip(right, theirs, strict=True)),
        engine_only=sum(a and not b for a, b in zip(right, theirs, strict=True)),
        neither=sum(not a and not b for a, b in zip(right, theirs, strict=True)),
    )
    return EngineAccuracy(
        engine=id,
        accuracy=share,
        ci95=interval,
        agreement=1 - len(flipped) / count,
        flips=len(flipped),
        max_abs_delta_logit=max(deltas),
        mean_abs_delta_logit=sum(deltas) / count,
        mcnemar_p=mcnemar(pairs.engine_only, pairs.baseline_only),
        pairs=pairs,
        gate=gate.judge(pairs),
        flipped=tuple(
            Flip(rows[index][0], names[index], given[index], deltas[index]) for index in flipped[:MOST_FLIPS]
        ),
    )
