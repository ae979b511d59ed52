"""The stored numbers that stand beside a sentence or a run, and the figures of both that may answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from src.accuracy import known_accuracy
from src.accuracy.known_accuracy import Known
from src.bench.plan import SCOPES
from src.bench.sentence_result import EngineResult, SentenceResult
from src.engines import gpu, registry
from src.facts import Facts
from src.figures import judging
from src.figures.run import VALID, Result, Run
from src.model.fingerprint import Fingerprint
from src.references.answer import BUSY, Figure
from src.references.comparison import Comparison, Measurement, judge, ratio
from src.references.reference import Reference, infinity, to_json
from src.stats import LEAST_NOISE_FLOOR

NOT_STEADY = "it was not steady within its calls"
Knows = Callable[[Fingerprint], Known | None]


@dataclass(frozen=True)
class BesideSentence:
    """One of Infinity's stated latencies beside a sentence: may it be divided by, by scope, and measured ÷
    stated by engine and scope (None where something blocks). Below 1 the engine is faster.
    """

    reference: Reference
    comparisons: dict[str, Comparison]
    ratios: dict[str, dict[str, float | None]]

    def to_json(self) -> Facts:
        """Return the reference's columns, `title`, `comparisons` {scope: {comparable, blocking, caveats}} and
        `ratios`.
        """
        return {
            **to_json(self.reference),
            "title": self.reference.title,
            "comparisons": {
                scope: {"comparable": comparison.comparable, **asdict(comparison)}
                for scope, comparison in self.comparisons.items()
            },
            "ratios": self.ratios,
        }


def beside(answer: SentenceResult) -> list[BesideSentence]:
    """Return Infinity's stated CPU latencies beside a sentence."""
    return [
        BesideSentence(
            reference,
            {scope: judge(reference, measurement_of_sentence(answer, "cpu", scope)) for scope in SCOPES},
            {
                engine.engine: {scope: ratio_of(reference, answer, engine, scope) for scope in SCOPES}
                for engine in answer.engines
            },
        )
        for reference in infinity("cpu")
    ]


def ratio_of(reference: Reference, answer: SentenceResult, engine: EngineResult, scope: str) -> float | None:
    """Return an engine's latency in a sentence ÷ a stored number, or None where something blocks."""
    comparison = judge(reference, measurement_of_sentence(answer, engine.device, scope))
    return ratio(reference, engine.latency(scope).median_ms, comparison)


def beside_result(run: Run, result: Result) -> list[tuple[Reference, Comparison]]:
    """Return Infinity's stated latencies beside one result of a run: may it be divided by them?"""
    measured = measurement_of(run, result)
    return [(reference, judge(reference, measured)) for reference in infinity(result.device)]


def measurement_of(run: Run, result: Result) -> Measurement:
    """Return how one result of a run came about, to hold a reference against it."""
    head, host = run.head, run.head.host
    cores = host.get("physical_cores")
    return Measurement(
        scope=result.scope,
        architecture=head.model.get("architecture", ""),
        sequence_length=result.sequence_length,
        batch_size=result.batch_size,
        device=result.device,
        model=head.model.get("name", ""),
        hardware=hardware(host, result.device),
        threads=result.threads,
        year=int(head.started_at[:4]),
        pace_s=head.plan.get("pace_s", 0.0),
        thread_placement=placement(result.threads, cores) if cores else "",
        statistic="median" if result.median_ms is not None else "mean",
    )


def measurement_of_sentence(answer: SentenceResult, device: str, scope: str) -> Measurement:
    """Return how a figure of a sentence came about."""
    return Measurement(
        scope=scope,
        architecture=answer.model["architecture"],
        sequence_length=answer.tokens,
        batch_size=1,
        device=device,
        model=answer.model["name"],
        hardware=hardware(answer.host, device),
        threads=answer.threads,
        year=int(answer.measured_at[:4]),
        thread_placement=placement(answer.threads, answer.host["physical_cores"]),
    )


def hardware(host: Facts, device: str) -> str:
    """Return what computed: the host's CPU, or its GPU; "" where the host does not tell."""
    return gpu.in_words(host.get("gpus", ())) if device == "cuda" else host.get("cpu", "")


def placement(threads: int, cores: int) -> str:
    """Return in words where the threads ran."""
    return "one per physical core" if threads <= cores else f"{threads} threads on {cores} physical cores"


# --- figures that may answer the question


def figures_of_sentence(answer: SentenceResult, knows: Knows = known_accuracy.of) -> list[Figure]:
    """Return the figures of a sentence, scope `pipeline`, of every engine that answered."""
    busy = BUSY if answer.noise.noisy else ""
    return [
        Figure(
            engine=engine.engine,
            title=registry.get(engine.engine).title,
            median_ms=engine.pipeline.median_ms,
            ci95_ms=engine.pipeline.ci95_ms,
            measurement=measurement_of_sentence(answer, engine.device, "pipeline"),
            floor=LEAST_NOISE_FLOOR,
            doubt=busy or ("" if engine.pipeline.steady else NOT_STEADY),
            accuracy=state(known_accuracy.most([engine.accuracy, knows(engine.fingerprint)])),
            agrees=engine.agrees,
        )
        for engine in answer.engines
    ]


def figures(run: Run, results: Iterable[Result], knows: Knows = known_accuracy.of) -> list[Figure]:
    """Return the figures of a run's results, without those that are invalid or of no engine."""
    return [
        figure(run, result, knows)
        for result in results
        if result.engine != registry.NULL and not result.invalid and result.figure_ms
    ]


def figure(run: Run, result: Result, knows: Knows = known_accuracy.of) -> Figure:
    """Return a run's result, which has a latency, as a figure. What was recorded of its accuracy counts
    beside what is known of the very same engine here.
    """
    return Figure(
        engine=result.engine,
        title=result.title,
        median_ms=result.figure_ms or 0.0,
        ci95_ms=result.median_ci95_ms,
        measurement=measurement_of(run, result),
        floor=floor(run, result),
        doubt="" if result.verdict in (VALID, None) else doubt(result),
        accuracy=state(known_of(result, knows)),
    )


def known_of(result: Result, knows: Knows = known_accuracy.of) -> Known | None:
    """Return what is known of a result's accuracy: by its run, or of the very same engine here."""
    return known_accuracy.best(result.facts.get("accuracy"), knows(result.fingerprint))


def doubt(result: Result) -> str:
    return NOT_STEADY if judging.unsteady_by(result.reasons) else BUSY


def floor(run: Run, result: Result) -> float:
    """Return the least difference that can be seen in a result's case: its A/A pair's, at least 1 %."""
    floors = [pair.noise_floor for pair in run.noise.pairs if pair.case == result.case]
    return max([LEAST_NOISE_FLOOR, *floors])


def state(known: Known | None) -> str:
    return known.state if known else ""
