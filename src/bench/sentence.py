"""One sentence, every engine: answers and latencies in both scopes, from interleaved rounds.

The order of events: host lock, artifacts, workers, answers, warm-up, rounds, statistics.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from src.accuracy import known_accuracy
from src.bench.sentence_noise import cpu_used, judge_noise
from src.bench.sentence_result import EngineResult, SentenceResult
from src.bench.settings import SENTENCE, SentenceSettings
from src.bench.sitting import CASE, Sitting
from src.bench.visits import Visits, latency
from src.engines import registry
from src.engines.spec import EngineSpec
from src.engines.text import probabilities
from src.home import utc_now
from src.host import machine
from src.host.lock import host_lock
from src.model import source
from src.progress import Progress, telling_who_waits
from src.workers.asking import NOTHING, BadSentence, choose, clean, thread_count
from src.workers.handle import WorkerFailed
from src.workers.pool import Pool
from src.workers.verbs import Visited

log = logging.getLogger(__name__)


def answer(
    pool: Pool,
    text: str,
    ids: list[str] | None = None,
    model: source.ModelSource | None = None,
    threads: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    settings: SentenceSettings = SENTENCE,
) -> SentenceResult:
    """Measure one sentence with the engines asked for (all that can run here by default).

    Takes the host's lock. Raises BadSentence, UnknownEngine, ModelError, HomeError; a failed engine is a row
    of `failures`.
    """
    text = clean(text)
    specs, unavailable = choose(ids)
    threads = thread_count(threads)
    sitting = Sitting(pool, model or source.parse(), threads, progress)
    sitting.failures += unavailable
    with host_lock("a sentence", telling_who_waits(progress), pool.pause, urgent=True):
        return measure(sitting, text, specs, settings)


class Answered(NamedTuple):
    """What the engines answered when asked once: the tokens they all saw, and by engine its logits and what
    its first call took.
    """

    tokens: tuple[int, ...]
    truncated: bool
    logits: dict[str, tuple[float, float]]
    first_call_ms: dict[str, float]


def measure(
    sitting: Sitting, text: str, specs: list[EngineSpec], settings: SentenceSettings
) -> SentenceResult:
    """Measure a sentence with these engines, while the host's lock is held."""
    started = time.perf_counter()
    timed = [spec.id for spec in specs]
    baseline = registry.get(registry.ACCURACY_BASELINE)
    if baseline not in specs and not registry.availability(baseline):
        specs = [*specs, baseline]  # it answers, for comparison, and is not timed
    specs = sitting.build(specs)
    checkpoint = sitting.checkpoint()
    pool, threads = sitting.pool, sitting.threads
    cold = sum(not pool.is_warm(spec, sitting.artifact(spec), threads) for spec in specs)
    sitting.load(specs, checkpoint.folder / "tokenizer.json")
    answered = ask_all(sitting, text)
    ids = [id for id in timed if id in answered.logits]
    visits = Visits(sitting, len(answered.tokens), answered.first_call_ms, settings)
    visits.warm_up(ids)
    before, measuring = cpu_used(pool, threads), time.perf_counter()
    times = visits.rounds(ids, visits.measure_ramps(ids))
    now = time.perf_counter()
    noise = judge_noise(before, cpu_used(pool, threads), now - measuring)
    inside_s = visits.working_ns / 1e9 + sum(answered.first_call_ms.values()) / 1000
    log.debug(
        "answered in %.2f s (%d engines were cold), %.0f ms of that outside timed, lead-in and warm-up calls",
        now - started,
        cold,
        (now - started - inside_s) * 1000,
    )
    facts = checkpoint.manifest["facts"]
    return SentenceResult(
        text=text,
        tokens=len(answered.tokens),
        truncated=answered.truncated,
        model={"name": sitting.model.name, "fingerprint": sitting.weights, **facts},
        host=machine.facts(),
        threads=threads,
        measured_at=utc_now(),
        engines=tuple(
            engine_result(id, answered, visits, times[id], facts["positive_index"])
            for id in ids
            if id in sitting.workers
        ),
        failures=tuple(sitting.failures),
        noise=noise,
    )


def ask_all(sitting: Sitting, text: str) -> Answered:
    """Have each worker tokenise and answer once; all must see the same tokens. Raises BadSentence."""
    tokens: tuple[int, ...] = ()
    truncated = False
    logits: dict[str, tuple[float, float]] = {}
    first_call_ms: dict[str, float] = {}
    for id, worker in list(sitting.workers.items()):
        try:
            prepared = worker.prepare(CASE, [text])
            theirs = tuple(prepared.ids[0])
            tokens = tokens or theirs
            truncated = truncated or prepared.truncated
            if theirs != tokens:
                raise WorkerFailed("It tokenised the sentence differently from the other engines.")
            answered = worker.infer(CASE)
            if len(tokens) not in worker.ramps:  # some facts are known only now
                worker.facts = worker.tell_facts()
            negative, positive = answered.logits[0]
            logits[id] = negative, positive
            first_call_ms[id] = answered.ns[0] / 1e6
        except WorkerFailed as failure:
            sitting.fail(id, str(failure))
    if len(tokens) == 2:  # [CLS] and [SEP] alone
        raise BadSentence(NOTHING)
    return Answered(tokens, truncated, logits, first_call_ms)


def engine_result(
    id: str, answered: Answered, visits: Visits, times: list[Visited], positive: int
) -> EngineResult:
    """Return what one engine answered, and how fast by its visits. `positive` is the index of that label."""
    logits, reference = answered.logits[id], answered.logits.get(registry.ACCURACY_BASELINE)
    worker, lead_in, reached = visits.sitting.workers[id], visits.lead_ins[id], visits.reached(id)
    if not reached:
        del worker.ramps[visits.length]  # it may have been a bad moment: the next sentence looks again
    return EngineResult(
        engine=id,
        label=label(logits, positive),
        probability=probabilities(np.array([logits]))[0][positive],
        logits=logits,
        agrees=None if reference is None else label(logits, positive) == label(reference, positive),
        max_abs_delta_logit=reference and max(abs(a - b) for a, b in zip(logits, reference, strict=True)),
        device=worker.spec.device,
        fingerprint=worker.fingerprint,
        accuracy=known_accuracy.of(worker.fingerprint),
        model=latency("model", times, lead_in, reached, visits.settings),
        pipeline=latency("pipeline", times, lead_in, reached, visits.settings),
        load_s=worker.load_s,
        first_call_ms=answered.first_call_ms[id],
        pss_mb=worker.pss_mb,
        facts=worker.facts,
    )


def label(logits: Sequence[float], positive: int) -> str:
    """Return the label of two logits, `positive` being the index that means so."""
    return "positive" if logits[positive] > logits[1 - positive] else "negative"
