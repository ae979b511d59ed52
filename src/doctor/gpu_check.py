"""`doctor --gpu`: does each GPU engine answer as the baseline does, in times that can be true?

It is recorded: an engine's card says on which GPU it was checked, and when.
"""

from collections.abc import Callable

from src.bench import sentence
from src.bench.sentence_result import EngineResult
from src.doctor.doctor import Finding
from src.engines import gpu, registry
from src.home import utc_now
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
# A pass over 512 tokens takes no less than one over 16; below this share the timer missed the work.
LEAST_GROWTH = 0.9


def check(model: ModelSource, progress: Callable[[Progress], None]) -> list[Finding]:
    """Check every GPU engine that can run here, record the outcome, and return a finding for each row."""
    specs = [spec for spec in registry.all_engines() if spec.device == "cuda"]
    findings = [
        Finding(f"GPU {spec.id}", "warning", missing.reason, missing.remedy)
        for spec in specs
        if (missing := registry.availability(spec))
    ]
    ids = [spec.id for spec in specs if not registry.availability(spec)]
    if not ids:
        return findings
    pool = Pool()
    try:
        wanted = [registry.ACCURACY_BASELINE, *ids]
        short = sentence.answer(pool, SHORT, wanted, model, progress=progress)
        long = sentence.answer(pool, LONG, wanted, model, progress=progress)
    finally:
        pool.close()
    failures = {failure.engine: failure.reason for failure in (*short.failures, *long.failures)}
    rows = {
        answer.engine: (answer, other)
        for answer in short.engines
        for other in long.engines
        if answer.engine == other.engine
    }
    card = ", ".join(gpu.names()) or "a GPU that is not named"
    for id in ids:
        precision = registry.get(id).precision
        problem = failures.get(id) or judge(*rows[id], *rows[registry.ACCURACY_BASELINE], precision)
        times = (
            f"{rows[id][0].model.median_ms:.3g} ms and {rows[id][1].model.median_ms:.3g} ms"
            if id in rows
            else ""
        )
        text = problem or f"It answers as the baseline does; 16 and 512 tokens take {times}."
        gpu.record(id, {"checked_at": utc_now(), "gpu": card, "passed": not problem, "text": text})
        findings.append(
            Finding(f"GPU {id}", "failed" if problem else "ok", text, "Report it." if problem else "")
        )
    return findings


def judge(
    short: EngineResult, long: EngineResult, base_short: EngineResult, base_long: EngineResult, precision: str
) -> str:
    """Return what is wrong with an engine's two answers beside the baseline's; empty for nothing."""
    for ours, theirs in ((short, base_short), (long, base_long)):
        difference = abs(ours.probability - theirs.probability)
        if difference > TOLERANCE[precision]:
            return f"Its probability differs from the baseline's by {difference:.2g}."
        if not FASTEST_MS <= ours.model.median_ms <= SLOWEST_MS:
            return (
                f"A call took {ours.model.median_ms:.3g} ms, which cannot be true of a GPU: between "
                f"{FASTEST_MS:g} and {SLOWEST_MS:g} ms can."
            )
    if long.model.median_ms < LEAST_GROWTH * short.model.median_ms:
        return "512 tokens took less time than 16: the timer does not wait for the GPU."
    return ""
