"""`doctor --measure`: do workers time on this host what the engines take when nothing surrounds them?"""

from collections.abc import Callable, Iterator

from src.doctor import fidelity
from src.doctor.doctor import Finding
from src.doctor.fidelity_ratios import LEAST, MOST, Fidelity, Observation, fidelities
from src.engines import registry
from src.model.source import ModelSource

# The first of each that can run here; the fastest INT8 as it was last measured first, as what surrounds a
# call weighs most there.
INT8 = ("2021-onnxruntime-int8", "openvino-int8", "onnxruntime-int8-fused", "onnxruntime-int8")
FP32 = ("torchscript-fp32", "openvino-fp32", "pytorch-fp32")
REMEDY = "Close other programs and check again; python -m tools.fidelity measures every engine."


def settings() -> fidelity.Settings:
    """Return the small comparison: the baseline, an INT8 and another FP32, 16 tokens, four pairs."""
    here = fidelity.default_engines()
    first = [next((id for id in ids if id in here), None) for ids in ((registry.BASELINE,), INT8, FP32)]
    return fidelity.Settings(tuple(id for id in first if id), lengths=(16,), sizes=(2,), pairs=4)


def check(model: ModelSource, tell: Callable[[str], None]) -> list[Finding]:
    """Measure and return a finding for each engine. Raises ModelError, HomeError, LockError."""
    small = settings()
    if not small.engines:
        return [Finding("Timer", "warning", "No engine that it could be checked with can run here.", REMEDY)]
    tell(f"Checking the timer, about {fidelity.estimate_s(small) / 60:.0f} min")
    return list(judge(list(fidelity.plans(small, model, tell))))


def judge(observations: list[Observation]) -> Iterator[Finding]:
    """Yield what the ratios of each engine say."""
    for row in fidelities(observations):
        name = f"{row.engine}, {row.sequence_length} tokens"
        if row.spread is None:
            yield Finding("Timer", "warning", f"{name}: no quiet pair. {' '.join(row.reasons)}", REMEDY)
        elif row.outside:
            text = f"{name}: {in_words(row)}, outside {LEAST:g} to {MOST:g}."
            yield Finding("Timer", "warning", text, REMEDY)
        else:
            yield Finding("Timer", "ok", f"{name}: {in_words(row)}.")


def in_words(row: Fidelity) -> str:
    """Return a row's ratio in words."""
    assert row.spread
    assert row.hot_ms
    ratios = row.spread
    return (
        f"workers find {ratios.ratio:.3f} times what a hand-written loop between their rounds does, "
        f"{row.hot_ms:.3g} ms ({ratios.lowest:.3f} to {ratios.highest:.3f} over {ratios.pairs} pairs)"
    )
