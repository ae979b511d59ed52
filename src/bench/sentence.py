"""One sentence, every engine: answers and latencies in both scopes, from interleaved rounds.

The order of events: host lock, artifacts, workers, answers, warm-up, rounds, statistics.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from src.accuracy import confirming, known_accuracy
from src.bench.sentence_answer import SCOPES, Answer, EngineAnswer, Latency
from src.bench.sentence_noise import cpu_used, judge_noise
from src.engines import registry
from src.engines.spec import EngineSpec
from src.engines.text import probabilities
from src.home import utc_now
from src.host import machine
from src.host.lock import host_lock
from src.limits import public
from src.model import cache, fingerprint, source
from src.progress import Progress, telling_who_waits
from src.stats import FEWEST_ROUNDS, median, median_interval
from src.workers import ramp
from src.workers.asking import NOTHING, BadSentence, Failure, choose, clean, thread_count
from src.workers.building import CHECKPOINT, build_artifacts
from src.workers.handle import Handle, WorkerFailed
from src.workers.pool import Pool
from src.workers.ramp import Ramp
from src.workers.verbs import Visited, WarmedUp

ROUNDS = FEWEST_ROUNDS
CASE = "sentence"
WARM_UP_WINDOW = 3  # calls
WARM_UP_CAP_S = 0.5  # a cell, until steady; only where an engine meets a length for the first time
# An engine is visited once a round, both scopes after one lead-in. A visit before that measures its ramp,
# unless it is known of this length.
RAMP_VISIT_S, LONGEST_LEAD_IN_S = 0.12, 0.1
# One visit tells a ramp roughly: no lead-in is shorter than so many calls, if they take no longer than this.
LEAST_LEAD_IN, LEAST_LEAD_IN_S = 16, 0.06
SLICE_S = 0.006  # the timed calls of a scope in a visit take so long, but there are as many as…
FEWEST_CALLS, FEWEST_SLOW_CALLS, MOST_CALLS = 3, 2, 64
SLOW_CALL_S = 0.004
UNSTEADY = 0.03  # what may be left of a ramp within the timed calls of a visit: six rounds tell no less
STILL_FALLING = 0.005  # where no plateau was seen, the end of a lead-in is slower by so much in each round

T = TypeVar("T")

log = logging.getLogger(__name__)


def answer(
    pool: Pool,
    text: str,
    ids: list[str] | None = None,
    model: source.ModelSource | None = None,
    threads: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Answer:
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
        return sitting.run(text, specs)


class Sitting:
    """The measuring of one sentence, step by step."""

    def __init__(
        self, pool: Pool, model: source.ModelSource, threads: int, progress: Callable[[Progress], None]
    ) -> None:
        self.pool = pool
        self.model = model
        self.threads = threads
        self.progress = progress
        self.failures: list[Failure] = []
        self.workers: dict[str, Handle] = {}
        self.logits: dict[str, tuple[float, float]] = {}
        self.first_call_ms: dict[str, float] = {}
        self.lead_ins: dict[str, int] = {}  # untimed calls at the beginning of an engine's visit
        self.weights = ""  # their fingerprint
        self.tokens: tuple[int, ...] = ()
        self.truncated = False
        self.told = time.monotonic()
        self.working_ns = 0  # inside timed, lead-in and warm-up calls

    def run(self, text: str, specs: list[EngineSpec]) -> Answer:
        started = time.perf_counter()
        timed = [spec.id for spec in specs]
        baseline = registry.get(registry.ACCURACY_BASELINE)
        if baseline not in specs and not registry.availability(baseline):
            specs = [*specs, baseline]  # it answers, for comparison, and is not timed
        specs = self.build(specs)
        checkpoint = self.checkpoint()
        cold = sum(not self.pool.is_warm(spec, self.artifact(spec), self.threads) for spec in specs)
        self.load(specs, checkpoint.folder / "tokenizer.json")
        self.ask_all(text)
        ids = [id for id in timed if id in self.logits]
        self.warm_up(ids)
        before = cpu_used(self.pool, self.threads)
        measuring = time.perf_counter()
        visits = self.rounds(ids, self.measure_ramps(ids))
        now = time.perf_counter()
        noise = judge_noise(before, cpu_used(self.pool, self.threads), now - measuring)
        outside = now - started - self.working_ns / 1e9
        log.debug(
            "answered in %.2f s (%d engines were cold), %.0f ms of that outside timed, lead-in and "
            "warm-up calls",
            now - started,
            cold,
            outside * 1000,
        )
        positive = checkpoint.manifest["facts"]["positive_index"]
        return Answer(
            text=text,
            tokens=len(self.tokens),
            truncated=self.truncated,
            model={"name": self.model.name, "fingerprint": self.weights, **checkpoint.manifest["facts"]},
            host=machine.facts(),
            threads=self.threads,
            measured_at=utc_now(),
            engines=tuple(self.row(id, visits[id], positive) for id in ids if id in self.workers),
            failures=tuple(self.failures),
            noise=noise,
        )

    def fail(self, id: str, reason: str) -> None:
        log.warning("%s failed: %s", id, reason)
        self.failures.append(Failure(id, public(reason)))
        self.workers.pop(id, None)

    def build(self, specs: list[EngineSpec]) -> list[EngineSpec]:
        """Make sure that what is not loaded yet is built and sound; return the engines whose artifact is."""
        cold = [spec for spec in specs if not self.pool.is_warm(spec, self.artifact(spec), self.threads)]
        failures = build_artifacts(cold, self.model, self.progress, self.pool.wait)
        for failure in failures:
            self.fail(failure.engine, failure.reason)
        failed = {failure.engine for failure in failures}
        return [spec for spec in specs if spec.id not in failed]

    def checkpoint(self) -> cache.Artifact:
        """Return the model in use, and note its weights. Raises ModelError where it is not there."""
        checkpoint = cache.required(CHECKPOINT, self.model)
        self.weights = fingerprint.of_model(self.model, checkpoint)
        return checkpoint

    def artifact(self, spec: EngineSpec) -> Path | None:
        """Return the folder of the engine's artifact; None for one that loads nothing."""
        return cache.place(spec.recipe, self.model) if spec.recipe else None

    def load(self, specs: list[EngineSpec], tokenizer: Path) -> None:
        """Get a warm worker of each engine; what is new is looked at whether its accuracy is known."""
        keep = {spec.id for spec in specs}
        for number, spec in enumerate(specs, 1):
            folder = self.artifact(spec)
            if not self.pool.is_warm(spec, folder, self.threads):
                self.progress(Progress("load", f"Loading {spec.title}", number, len(specs)))
            try:
                worker = self.pool.get(spec, folder, tokenizer, self.threads, keep)
                confirming.identify(worker, folder, self.weights, CASE)
                self.workers[spec.id] = worker
            except WorkerFailed as failure:
                self.fail(spec.id, str(failure))

    def ask_all(self, text: str) -> None:
        """Have each worker tokenise and answer once; all must see the same tokens."""
        for id, worker in list(self.workers.items()):
            try:
                prepared = worker.prepare(CASE, [text])
                tokens = tuple(prepared.ids[0])
                self.tokens = self.tokens or tokens
                self.truncated = self.truncated or prepared.truncated
                if tokens != self.tokens:
                    raise WorkerFailed("It tokenised the sentence differently from the other engines.")
                answered = worker.infer(CASE)
                self.working_ns += sum(answered.ns)
                if len(self.tokens) not in worker.ramps:  # some facts are known only now
                    worker.facts = worker.tell_facts()
                negative, positive = answered.logits[0]
                self.logits[id] = negative, positive
                self.first_call_ms[id] = answered.ns[0] / 1e6
            except WorkerFailed as failure:
                self.fail(id, str(failure))
        if len(self.tokens) == 2:  # [CLS] and [SEP] alone
            raise BadSentence(NOTHING)

    def ask(self, id: str, question: Callable[[Handle], T]) -> T | None:
        """Ask one engine's worker; None once that engine has failed."""
        if id not in self.workers:
            return None
        try:
            return question(self.workers[id])
        except WorkerFailed as failure:
            self.fail(id, str(failure))
            return None

    def warm_up(self, ids: list[str]) -> None:
        """Warm up each engine in both scopes by the same rule, where it is new or has not met this length."""
        length = len(self.tokens)
        cells = [(id, scope) for id in ids if length not in self.workers[id].ramps for scope in SCOPES]
        for number, (id, scope) in enumerate(cells, 1):
            self.tell_often(Progress("warm-up", "Warming up", number, len(cells)))
            if warmed := self.ask(id, partial(warm_up, scope=scope)):
                self.working_ns += sum(warmed.ns)

    def measure_ramps(self, ids: list[str]) -> dict[str, Ramp]:
        """Return how long each engine takes to be steady after others ran: as known of this length, else by
        a visit.
        """
        length = len(self.tokens)
        ids = [id for id in ids if id in self.workers]  # those that the warm-up left
        ramps = {id: self.workers[id].ramps[length] for id in ids if length in self.workers[id].ramps}
        new = [id for id in ids if id not in ramps]
        for number, id in enumerate(random.sample(new, len(new)), 1):
            self.tell_often(Progress("warm-up", "Measuring how fast caches refill", number, len(new)))
            call_s = self.first_call_ms[id] / 1000
            count = 0
            # The first answer may have taken long: then the visit is made again with as many calls as fit.
            while count < (wanted := ramp.visit_calls(call_s, RAMP_VISIT_S)) // 2:
                count = wanted
                if not (visit := self.visit(id, count, [])):
                    break
                ramps[id] = self.workers[id].ramps[length] = ramp.measure_ramp([visit.lead_ns])
                call_s = ramps[id].plateau_ns / 1e9
        return ramps

    def rounds(self, ids: list[str], ramps: dict[str, Ramp]) -> dict[str, list[Visited]]:
        """Visit each engine ROUNDS times, in random order, the scopes in turn first; return what its worker
        told of each visit (see worker.visit).
        """
        visits: dict[str, list[Visited]] = {id: [] for id in ids}
        order = random.Random()
        for number in range(ROUNDS):
            self.tell_often(Progress("measure", "Measuring", number, ROUNDS))
            for id in order.sample(ids, len(ids)):
                if id not in ramps:
                    continue
                call_s = max(1e-7, ramps[id].plateau_ns / 1e9)
                least = min(LEAST_LEAD_IN, round(LEAST_LEAD_IN_S / call_s))
                most = max(1, round(LONGEST_LEAD_IN_S / call_s))
                self.lead_ins[id] = min(max(ramp.lead_in(ramps[id]), least), most)
                fewest = FEWEST_SLOW_CALLS if call_s >= SLOW_CALL_S else FEWEST_CALLS
                count = min(max(round(SLICE_S / call_s), fewest), MOST_CALLS)
                counts = [(scope, count) for scope in SCOPES[:: 1 if number % 2 else -1]]
                if visit := self.visit(id, self.lead_ins[id], counts, number == ROUNDS - 1):
                    visits[id].append(visit)
        return visits

    def visit(
        self, id: str, lead_in: int, counts: Sequence[tuple[str, int]], last: bool = False
    ) -> Visited | None:
        """Visit one engine; None once it has failed."""
        visit = self.ask(id, lambda worker: worker.visit(CASE, lead_in, counts, last))
        if visit:
            self.working_ns += sum(map(sum, visit.ns.values())) + sum(visit.lead_ns)
        return visit

    def tell_often(self, progress: Progress) -> None:
        """Tell progress at most once a second: whoever draws it takes CPU from what is measured."""
        now = time.monotonic()
        if now - self.told >= 1.0:
            self.told = now
            self.progress(progress)

    def row(self, id: str, visits: list[Visited], positive: int) -> EngineAnswer:
        logits = self.logits[id]
        probability = probabilities(np.array([logits]))[0][positive]
        reference = self.logits.get(registry.ACCURACY_BASELINE)
        worker = self.workers[id]
        known = worker.ramps[len(self.tokens)]
        reached = known.steady and self.lead_ins[id] >= known.calls
        if not reached:
            del worker.ramps[len(self.tokens)]  # it may have been a bad moment: the next sentence looks again
        return EngineAnswer(
            engine=id,
            label=label(logits, positive),
            probability=probability,
            logits=logits,
            agrees=None if reference is None else label(logits, positive) == label(reference, positive),
            max_abs_delta_logit=reference and max(abs(a - b) for a, b in zip(logits, reference, strict=True)),
            device=worker.spec.device,
            fingerprint=worker.fingerprint,
            accuracy=known_accuracy.of(worker.fingerprint),
            model=latency("model", visits, self.lead_ins[id], reached),
            pipeline=latency("pipeline", visits, self.lead_ins[id], reached),
            load_s=worker.load_s,
            first_call_ms=self.first_call_ms[id],
            pss_mb=worker.pss_mb,
            facts=worker.facts,
        )


def warm_up(worker: Handle, scope: str) -> WarmedUp:
    return worker.warm_up(CASE, scope, WARM_UP_WINDOW, WARM_UP_CAP_S)


def label(logits: Sequence[float], positive: int) -> str:
    """Return the label of two logits, `positive` being the index that means so."""
    return "positive" if logits[positive] > logits[1 - positive] else "negative"


def latency(scope: str, visits: list[Visited], lead_in: int, reached: bool) -> Latency:
    """Return the statistics of one scope from what a worker told of its visits. `reached` tells whether its
    ramp showed a plateau, and the lead-in was as long as the ramp.
    """
    rounds = [visit.ns[scope] for visit in visits]
    medians = [median(calls) / 1e6 for calls in rounds]
    interval = median_interval(medians)
    assert interval, "a sentence has at least six rounds"
    switch_ms = median([visit.lead_ns[0] for visit in visits]) / 1e6 if scope == "pipeline" else None
    steady = not ramp.unsteady(ramp.rest(rounds), UNSTEADY)
    if not reached:  # by one visit: that it was more than a bad moment, all the others must show
        last = [median(visit.lead_ns[len(visit.lead_ns) // 2 :]) for visit in visits]
        timed = [median(visit.ns["pipeline"]) for visit in visits]
        steady &= min(lead / calls for lead, calls in zip(last, timed, strict=True)) <= 1 + STILL_FALLING
    return Latency(median(medians), interval, sum(map(len, rounds)), len(rounds), steady, lead_in, switch_ms)
