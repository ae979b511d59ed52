"""One sentence, every engine: answers and latencies in both scopes, from interleaved rounds.

The order of events: host lock, artifacts, workers, answers, warm-up, rounds, statistics.
"""

import logging
import random
import time
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from src.bench import artifacts, host
from src.bench.lock import host_lock
from src.bench.pool import Pool, Worker, WorkerFailed
from src.bench.stats import FEWEST_ROUNDS, median, median_interval
from src.engines import registry
from src.engines.spec import EngineSpec
from src.engines.text import softmax
from src.home import utc_now
from src.limits import limits, public
from src.model import ModelError, cache, recipe, source

SCOPES = ("model", "pipeline")
ROUNDS = FEWEST_ROUNDS
CHECKPOINT = "src.model.checkpoint:checkpoint"
CASE = "sentence"
WARM_UP_WINDOW = 3  # calls
# Until steady, at most so long a cell: the short cap where every engine has been timed at this length before.
WARM_UP_CAP_S, WARM_UP_AGAIN_CAP_S = 0.5, 0.1
SLICES_BUDGET_S = 0.6  # for all slices of a sentence; more with slow engines, as a slice has a least count
# A slice starts with untimed calls, as the caches were another engine's.
SLOW_CALL_NS = 4e6
LEAD_IN_CALLS, LEAD_IN_SLOW_CALLS = 2, 1
FEWEST_CALLS, FEWEST_SLOW_CALLS, MOST_CALLS = 3, 2, 64  # in a slice
SHORTEST_JUDGED_S = 0.2  # the kernel counts CPU time in ticks of 10 ms
# Used by others or stolen; beyond it there is no verdict. A browser that shows the page takes up to 0.26.
NOISE_LIMIT_CORES = 0.3
NOT_BUILT = "Nothing is built in the hosted demo: whoever runs it does that beforehand (docs/hosting.md)."
NOTHING = "There is nothing to measure in this text. Type a sentence."

Cell = tuple[str, str]  # engine id, scope

log = logging.getLogger(__name__)


class BadSentence(ValueError):
    """The text cannot be measured. The message says why and what to do."""


@dataclass(frozen=True)
class Progress:
    """What is being done, and how far it is.

    The stage is start, wait, build, load, warm-up, measure or accuracy.
    """

    stage: str
    text: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Latency:
    """Times of one scope: the median of all calls, the interval of the round medians, and how many calls.

    `steady` tells whether the warm-up ended because calls no longer changed, and not at its cap.
    """

    median_ms: float
    ci95_ms: tuple[float, float]
    samples: int
    rounds: int
    warm_up_calls: int
    steady: bool


@dataclass(frozen=True)
class EngineAnswer:
    """What one engine answered and how fast.

    `probability` is that of positive; `agrees` is None without a baseline.
    """

    engine: str
    label: str
    probability: float
    logits: tuple[float, float]
    agrees: bool | None
    max_abs_delta_logit: float | None
    model: Latency
    pipeline: Latency
    load_s: float
    first_call_ms: float
    pss_mb: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    engine: str
    reason: str


@dataclass(frozen=True)
class Noise:
    """The host while it was measured, in cores: CPU used by other processes, and stolen by the hypervisor."""

    others_cores: float
    steal_cores: float
    noisy: bool
    reason: str


class CpuUse(NamedTuple):
    """CPU seconds since boot: of all processes, stolen by the hypervisor, of the measurer and its workers."""

    total: float
    steal: float
    own: float


@dataclass(frozen=True)
class Answer:
    """Everything measured for one sentence."""

    text: str
    tokens: int
    truncated: bool
    model: dict[str, Any]
    host: dict[str, Any]
    threads: int
    measured_at: str
    engines: tuple[EngineAnswer, ...]
    failures: tuple[Failure, ...]
    noise: Noise

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def telling_who_waits(progress: Callable[[Progress], None]) -> Callable[[str], None]:
    """Return what the host's lock tells of who holds it, as progress."""

    def tell(holder: str) -> None:
        waiting = f"Waiting for another measurement on this host ({holder or 'unknown'})"
        progress(Progress("wait", waiting))

    return tell


def clean(text: str) -> str:
    """Return the text that is measured: control characters and lone surrogates become spaces, ends are
    trimmed.

    Raises BadSentence for nothing to measure and for more characters than `limits` allow.
    """
    longest = limits().characters
    if len(text) > longest:
        raise BadSentence(f"The text has {len(text):,} characters. Shorten it to at most {longest:,}.")
    kept = "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs") else character for character in text
    ).strip()
    if not kept:
        raise BadSentence(NOTHING)
    return kept


def choose(ids: list[str] | None) -> tuple[list[EngineSpec], list[Failure]]:
    """Return the engines to measure and those asked for that cannot run here.

    Raises UnknownEngine, BadSentence.
    """
    if ids is None:
        return list(registry.available()), []
    if not ids:
        raise BadSentence(
            "No engine was asked for. Name at least one, or none to measure all that can run here."
        )
    specs, failures = [], []
    for id in dict.fromkeys(ids):
        spec = registry.get(id)
        missing = registry.availability(spec)
        if missing:
            failures.append(Failure(id, f"{missing.reason} {missing.remedy}"))
        elif not spec.answers:
            raise BadSentence(f"“{id}” answers nothing: it takes part in benchmarks only. Leave it out.")
        else:
            specs.append(spec)
    return specs, failures


def build_artifacts(
    specs: list[EngineSpec],
    model: source.ModelSource,
    progress: Callable[[Progress], None],
    wait: Callable[[int, float], bool],
) -> list[Failure]:
    """Make sure that the model and what these engines load are built and sound; return what failed.

    Raises ModelError without a model.
    """
    recipes = {spec.recipe: None for spec in specs if spec.recipe}
    if not recipes and cache.find(recipe.find(CHECKPOINT), model):
        return []
    wanted = [CHECKPOINT, *recipes]
    if limits().changes:
        failed = artifacts.ensure(
            wanted,
            model,
            lambda step: progress(Progress("build", f"Building “{step.title}”", step.step, step.total)),
            wait,
        )
    else:
        absent = {made.name for made in artifacts.missing(wanted, model)}
        failed = {name: NOT_BUILT for name in wanted if name in absent}
    if CHECKPOINT in failed:
        raise ModelError(failed[CHECKPOINT])
    return [
        Failure(spec.id, f"Its artifact could not be built. {failed[spec.recipe]}")
        for spec in specs
        if spec.recipe in failed
    ]


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
    threads = host.default_threads() if threads is None else threads
    if threads < 1:
        raise BadSentence(f"{threads} threads were asked for. Ask for at least one.")
    if threads > host.usable_cpus():
        raise BadSentence(
            f"{threads} threads were asked for and {host.usable_cpus()} CPUs may be used here. Ask for fewer."
        )
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
        self.workers: dict[str, Worker] = {}
        self.logits: dict[str, tuple[float, float]] = {}
        self.first_call_ms: dict[str, float] = {}
        self.warmed: dict[Cell, tuple[int, bool]] = {}  # calls until steady, or until the cap
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
        checkpoint = cache.required(CHECKPOINT, self.model)
        cold = sum(not self.pool.is_warm(spec, self.artifact(spec), self.threads) for spec in specs)
        self.load(specs, checkpoint.folder / "tokenizer.json")
        self.ask_all(text)
        cells = [(id, scope) for id in timed if id in self.logits for scope in SCOPES]
        estimates = self.warm_up(cells)
        before = self.cpu_used()
        measuring = time.perf_counter()
        rounds = self.rounds(estimates)
        now = time.perf_counter()
        noise = judge_noise(before, self.cpu_used(), now - measuring)
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
            model={"name": self.model.name, **checkpoint.manifest["facts"]},
            host=host.facts(),
            threads=self.threads,
            measured_at=utc_now(),
            engines=tuple(
                self.row(id, rounds, positive) for id in timed if id in self.workers and id in self.logits
            ),
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

    def artifact(self, spec: EngineSpec) -> Path | None:
        """Return the folder of the engine's artifact; None for one that loads nothing."""
        return cache.place(spec.recipe, self.model) if spec.recipe else None

    def load(self, specs: list[EngineSpec], tokenizer: Path) -> None:
        """Get a warm worker of each engine."""
        keep = {spec.id for spec in specs}
        for number, spec in enumerate(specs, 1):
            folder = self.artifact(spec)
            if not self.pool.is_warm(spec, folder, self.threads):
                self.progress(Progress("load", f"Loading {spec.title}", number, len(specs)))
            try:
                self.workers[spec.id] = self.pool.get(spec, folder, tokenizer, self.threads, keep)
            except WorkerFailed as failure:
                self.fail(spec.id, str(failure))

    def ask_all(self, text: str) -> None:
        """Have each worker tokenise and answer once; all must see the same tokens."""
        for id, worker in list(self.workers.items()):
            try:
                prepared = self.pool.ask(worker, {"do": "prepare", "case": CASE, "texts": [text]})
                tokens = tuple(prepared["ids"][0])
                self.tokens = self.tokens or tokens
                self.truncated = self.truncated or prepared["truncated"]
                if tokens != self.tokens:
                    raise WorkerFailed("It tokenised the sentence differently from the other engines.")
                answered = self.pool.ask(worker, {"do": "infer", "case": CASE})
                self.working_ns += sum(answered["ns"])
                if len(self.tokens) not in worker.lengths:  # some facts are known only now
                    worker.facts = self.pool.ask(worker, {"do": "facts"})["facts"]
                self.logits[id] = tuple(answered["logits"][0])
                self.first_call_ms[id] = answered["ns"][0] / 1e6
            except WorkerFailed as failure:
                self.fail(id, str(failure))
        if len(self.tokens) == 2:  # [CLS] and [SEP] alone
            raise BadSentence(NOTHING)

    def ask(self, id: str, message: dict[str, Any]) -> dict[str, Any] | None:
        """Ask one engine's worker; None once that engine has failed."""
        if id not in self.workers:
            return None
        try:
            return self.pool.ask(self.workers[id], {"case": CASE, **message})
        except WorkerFailed as failure:
            self.fail(id, str(failure))
            return None

    def warm_up(self, cells: list[Cell]) -> dict[Cell, float]:
        """Warm up each cell by the same rule; return the nanoseconds that one call takes by then."""
        estimates: dict[Cell, float] = {}
        length = len(self.tokens)
        again = all(length in worker.lengths for worker in self.workers.values())
        cap_s = WARM_UP_AGAIN_CAP_S if again else WARM_UP_CAP_S
        rule = {"do": "warm_up", "window": WARM_UP_WINDOW, "cap_s": cap_s}
        for number, (id, scope) in enumerate(cells, 1):
            self.tell_often(Progress("warm-up", "Warming up", number, len(cells)))
            if warmed := self.ask(id, {"scope": scope, **rule}):
                self.working_ns += sum(warmed["ns"])
                estimates[id, scope] = median(warmed["ns"][-WARM_UP_WINDOW:])
                self.warmed[id, scope] = len(warmed["ns"]), warmed["steady"]
                self.workers[id].lengths.add(length)
        return estimates

    def rounds(self, estimates: dict[Cell, float]) -> dict[Cell, list[list[int]]]:
        """Time ROUNDS slices of each warm cell, interleaved in random order.

        Returns nanoseconds by cell and round.
        """
        cells = list(estimates)
        rounds: dict[Cell, list[list[int]]] = {cell: [] for cell in cells}
        slice_ns = SLICES_BUDGET_S * 1e9 / max(1, ROUNDS * len(cells))
        order = random.Random()
        for number in range(ROUNDS):
            self.tell_often(Progress("measure", "Measuring", number, ROUNDS))
            for id, scope in order.sample(cells, len(cells)):
                call_ns = max(1.0, estimates[id, scope])
                slow = call_ns >= SLOW_CALL_NS
                lead_in = LEAD_IN_SLOW_CALLS if slow else LEAD_IN_CALLS
                fewest = FEWEST_SLOW_CALLS if slow else FEWEST_CALLS
                count = min(max(round(slice_ns / call_ns), fewest), MOST_CALLS)
                asked = {"do": "slice", "scope": scope, "lead_in": lead_in, "count": count}
                if measured := self.ask(id, asked):
                    self.working_ns += measured["lead_in_ns"] + sum(measured["ns"])
                    rounds[id, scope].append(measured["ns"])
        return rounds

    def tell_often(self, progress: Progress) -> None:
        """Tell progress at most once a second: whoever draws it takes CPU from what is measured."""
        now = time.monotonic()
        if now - self.told >= 1.0:
            self.told = now
            self.progress(progress)

    def cpu_used(self) -> CpuUse:
        """Return CPU seconds since boot: of all processes, stolen, and of this measurer with its workers."""
        total, steal = host.cpu_seconds(host.allowed_cpus()[: self.threads])
        own = sum(psutil.Process().cpu_times()[:4])  # with its children that ended: workers that failed
        for worker in self.pool.workers.values():
            with suppress(psutil.Error):  # just killed, and told when it is asked next
                own += sum(psutil.Process(worker.process.pid).cpu_times()[:2])
        return CpuUse(total, steal, own)

    def row(self, id: str, rounds: dict[Cell, list[list[int]]], positive: int) -> EngineAnswer:
        logits = self.logits[id]
        probability = float(softmax(np.array([logits]))[0, positive])
        reference = self.logits.get(registry.ACCURACY_BASELINE)
        worker = self.workers[id]
        return EngineAnswer(
            engine=id,
            label=label(logits, positive),
            probability=probability,
            logits=logits,
            agrees=None if reference is None else label(logits, positive) == label(reference, positive),
            max_abs_delta_logit=reference and max(abs(a - b) for a, b in zip(logits, reference, strict=True)),
            model=latency(rounds[id, "model"], *self.warmed[id, "model"]),
            pipeline=latency(rounds[id, "pipeline"], *self.warmed[id, "pipeline"]),
            load_s=worker.load_s,
            first_call_ms=self.first_call_ms[id],
            pss_mb=worker.pss_mb,
            facts=worker.facts,
        )


def label(logits: Sequence[float], positive: int) -> str:
    """Return the label of two logits, `positive` being the index that means so."""
    return "positive" if logits[positive] > logits[1 - positive] else "negative"


def latency(rounds: list[list[int]], warm_up_calls: int, steady: bool) -> Latency:
    """Return the statistics of one cell from the nanoseconds of its rounds."""
    calls = [sample / 1e6 for slice in rounds for sample in slice]
    interval = median_interval([median(slice) / 1e6 for slice in rounds])
    assert interval, "a sentence has at least six rounds"
    return Latency(median(calls), interval, len(calls), len(rounds), warm_up_calls, steady)


def judge_noise(before: CpuUse, after: CpuUse, seconds: float) -> Noise:
    """Return how many cores others used and the hypervisor stole during `seconds`, and whether that is too
    many.
    """
    own = after.own - before.own
    others = max(0.0, after.total - before.total - own) / seconds
    steal = max(0.0, after.steal - before.steal) / seconds
    reasons = []
    if seconds < SHORTEST_JUDGED_S:
        return Noise(others, steal, False, "")
    if others > NOISE_LIMIT_CORES:
        reasons.append(
            f"Other processes used {others:.1f} cores while this was measured. Close them and measure again."
        )
    if steal > NOISE_LIMIT_CORES:
        reasons.append(
            f"The hypervisor took away {steal:.1f} cores while this was measured. Measure again later."
        )
    return Noise(others, steal, bool(reasons), " ".join(reasons))
