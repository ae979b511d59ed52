"""The GPU engines where there is no GPU: why they are missing, and how their check judges."""

from dataclasses import replace
from pathlib import Path

import pytest

from src.bench.sentence_result import EngineResult, Latency
from src.doctor import gpu_check
from src.engines import cuda, gpu, registry
from src.model.fingerprint import Fingerprint

ON_GPU = [spec for spec in registry.ENGINES if spec.device == "cuda"]


@pytest.fixture(autouse=True)
def all_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWIY_ENGINES")


@pytest.mark.parametrize("spec", ON_GPU, ids=lambda spec: spec.id)
def test_without_a_driver_each_says_so(spec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(gpu, "DRIVER", str(tmp_path / "none"))
    missing = registry.availability(spec)
    assert missing
    assert "needs an NVIDIA GPU" in missing.reason
    assert any("Unverified on hardware" in note for note in registry.notes(spec))


@pytest.mark.parametrize("spec", ON_GPU, ids=lambda spec: spec.id)
def test_with_a_driver_and_builds_for_the_cpu_each_names_the_build(
    spec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "version").write_text("a driver")
    monkeypatch.setattr(gpu, "DRIVER", str(tmp_path / "version"))
    missing = registry.availability(spec)
    assert missing
    assert "The installed build of" in missing.reason
    assert "nstall" in missing.remedy


def answered(probability: float = 0.99, model_ms: float = 1.0) -> EngineResult:
    latency = Latency(model_ms, (model_ms, model_ms), 18, 6, True, 9, None)
    return EngineResult(
        *("x", "positive", probability, (-2.0, 2.0), True, 0.0, "cuda", Fingerprint("x"), None),
        *(latency, latency, 1.0, 9.0, 100.0, {}),
    )


BASELINE = answered(model_ms=8.0), answered(model_ms=90.0)


def judge(short: EngineResult, long: EngineResult, precision: str = "fp16") -> str:
    return gpu_check.judge(short, long, *BASELINE, precision)


def test_a_sound_engine_passes():
    assert judge(answered(model_ms=1.0), answered(model_ms=1.8)) == ""
    assert judge(answered(model_ms=1.0), answered(model_ms=0.95)) == "", "16 and 512 may take the same"


def test_a_timer_that_does_not_wait_is_caught():
    assert "cannot be true" in judge(answered(model_ms=0.02), answered(model_ms=0.02))
    assert "does not wait" in judge(answered(model_ms=1.0), answered(model_ms=0.5))


def test_other_answers_are_caught():
    assert "differs from the baseline's" in judge(answered(0.9), answered(model_ms=1.8))
    assert "differs" in judge(answered(0.98), answered(model_ms=1.8), "fp32")
    assert judge(answered(0.98), replace(answered(), model=answered(model_ms=1.8).model)) == ""


def test_what_was_checked_is_kept_and_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    spec = registry.get("onnxruntime-cuda-fp16")
    gpu.record(
        spec.id, {"checked_at": "2026-12-01T10:00:00Z", "gpu": "T4", "passed": True, "text": "It answers."}
    )
    assert registry.notes(spec)[-1] == "The check on T4 passed on 2026-12-01: It answers."


def test_tensorrt_has_a_profile_of_all_lengths(tmp_path: Path):
    engine = cuda.TensorRtEngine(registry.get("onnxruntime-tensorrt-fp16"))
    name, options = engine.providers(str(tmp_path))[0]
    assert name == "TensorrtExecutionProvider"
    for which, length in (("min", 2), ("opt", 128), ("max", 512)):
        profile = options[f"trt_profile_{which}_shapes"]
        assert profile.count(f"x{length}") == 3, "one for each input"
    assert options["trt_engine_cache_path"].startswith(str(tmp_path))
