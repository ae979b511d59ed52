"""`doctor --gpu`: does each GPU engine answer as the baseline does, in times that can be true?

It is recorded: an engine's card says on which GPU it was checked, and when.
"""

from collections.abc import Callable

from src.bench import protocol, sentence
from src.bench.observer import Observer
from src.bench.plan import Plan
from src.bench.sentence_result import SentenceResult
from src.doctor.doctor import Finding
from src.engines import gpu, registry
from src.figures import results
from src.figures.run import Run
from src.home import utc_now
from src.host.machine import default_threads
from src.model.source import ModelSource
from src.progress import Progress
from src.workers.pool import Pool

SHORT = "This Live-event is great. I will sign up for Infinity."
LONG = " ".join([SHORT] * 40)  # cut at 512 tokens
# Of a probability: FP32 kernels differ in rounding, FP16 has three decimal digits less.
TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2}
# A forward pass is dozens of kernels of some µs each. Faster means that it was not waited for; slower than a
# CPU core means that it did not run on the GPU.
FASTEST_MS, SLOWEST_MS = 0.05, 200.0
# What a pass over one text takes is the launching of its kernels, on a fast GPU also over 512 tokens. 1,024
# times the work is more than that, if it is waited for.
SMALL, LARGE = (1, 16), (32, 512)  # batch × tokens
LEAST_GROWTH = 1.5
BUDGET_S = 240.0


def check(model: ModelSource, progress: Callable[[Progress], None]) -> list[Finding]:
    """Check every GPU engine that can run here, record the outcome, and return a finding for each row."""
    specs = [spec for spec in registry.all_engines() if spec.device == "cuda"]
    findings = [
        Finding(f"GPU {spec.id}", "warning", missing.reason, missing.remedy)
        for spec in specs
        if (missing := registry.availability(spec))
    ]
    ids = tuple(spec.id for spec in specs if not registry.availability(spec))
    if not ids:
        return findings
    pool = Pool()
    try:
        wanted = [registry.ACCURACY_BASELINE, *ids]
        answers = [sentence.answer(pool, text, wanted, model, progress=progress) for text in (SHORT, LONG)]
        times = results.summarise(protocol.run(pool, plan(ids), model, Observer(progress=progress)))
    finally:
        pool.close()
    card = gpu.in_words(gpu.names()) or "a GPU that is not named"
    for id in ids:
        small_ms, large_ms = (median_ms(times, id, shape) for shape in (SMALL, LARGE))
        problem = wrong_answer(id, answers)
        if not problem:
            if small_ms is None or large_ms is None:
                reason = failure(times, id) or f"Its time could not be measured within {BUDGET_S:.0f} s."
                findings.append(Finding(f"GPU {id}", "warning", f"Not checked. {reason}", "Check again."))
                continue
            problem = wrong_time(small_ms, large_ms)
        text = problem or (
            f"It answers as the baseline does; a text of 16 tokens takes {small_ms:.3g} ms, 32 texts of 512 "
            f"take {large_ms:.3g} ms."
        )
        gpu.record(id, {"checked_at": utc_now(), "gpu": card, "passed": not problem, "text": text})
        findings.append(
            Finding(f"GPU {id}", "failed" if problem else "ok", text, "Report it." if problem else "")
        )
    return findings


def plan(ids: tuple[str, ...]) -> Plan:
    """Return the run whose times are looked at: one text and many, in the same rounds."""
    batches, lengths = zip(SMALL, LARGE, strict=True)
    return Plan(
        *(ids, lengths, batches, (default_threads(),), ("model",), BUDGET_S),
        percentile=50,
        precision=0.1,
        baseline=ids[0],
    )


def median_ms(run: Run, engine: str, shape: tuple[int, int]) -> float | None:
    """Return an engine's median latency at a batch and length; None where it was not measured."""
    rows = (
        row.median_ms
        for row in run.results
        if (row.engine, row.batch_size, row.sequence_length) == (engine, *shape)
    )
    return next(rows, None)


def failure(run: Run, engine: str) -> str:
    """Return why an engine failed in a run; empty where it did not."""
    return next((entry.reason for entry in run.failures if entry.engine == engine), "")


def wrong_answer(id: str, answers: list[SentenceResult]) -> str:
    """Return what is wrong with an engine's answers beside the baseline's; empty for nothing."""
    for answer in answers:
        for entry in answer.failures:
            if entry.engine in (id, registry.ACCURACY_BASELINE):
                return entry.reason
        probabilities = {row.engine: row.probability for row in answer.engines}
        difference = abs(probabilities[id] - probabilities[registry.ACCURACY_BASELINE])
        if difference > TOLERANCE[registry.get(id).precision]:
            return f"Its probability differs from the baseline's by {difference:.2g}."
    return ""


def wrong_time(small_ms: float, large_ms: float) -> str:
    """Return what is wrong with an engine's times at SMALL and LARGE; empty for nothing."""
    if not FASTEST_MS <= small_ms <= SLOWEST_MS:
        return (
            f"A call took {small_ms:.3g} ms, which cannot be true of a GPU: between {FASTEST_MS:g} and "
            f"{SLOWEST_MS:g} ms can."
        )
    if large_ms < LEAST_GROWTH * small_ms:
        return (
            f"32 texts of 512 tokens took {large_ms:.3g} ms, one of 16 {small_ms:.3g} ms: so little more "
            "that the timer does not wait for the GPU, or launching is slower than the work."
        )
    return ""
