"""The GPU engines where there is no GPU: why they are missing, and how their check judges."""

import importlib.metadata
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from src import libraries
from src.doctor import gpu_check
from src.engines import cuda, gpu, registry
from src.engines.torch_facts import graph_facts
from src.model import cache
from src.model.source import ModelSource
from src.workers import artifacts
from src.workers.pool import Pool
from tests import rows as build

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
    checked = not spec.id.startswith("onnxruntime-tensorrt")
    words = "The check on NVIDIA H200 passed on 2026-11-26" if checked else "Unverified on hardware"
    assert any(words in note and "doctor --gpu" in note for note in registry.notes(spec))


@pytest.mark.parametrize("spec", ON_GPU, ids=lambda spec: spec.id)
def test_with_a_driver_and_builds_for_the_cpu_each_names_the_build(
    spec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """As PyTorch comes from the package index it is a build for GPUs, with which nothing is missing then."""
    (tmp_path / "version").write_text("a driver")
    monkeypatch.setattr(gpu, "DRIVER", str(tmp_path / "version"))
    missing = registry.availability(spec)
    if spec.runtime == "torchscript" and torch.version.cuda:
        assert missing is None
        return
    assert missing
    assert "The installed build of" in missing.reason
    assert "nstall" in missing.remedy


@pytest.mark.one_cpu
def test_an_engine_whose_timer_does_not_wait_is_caught(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES,tests.gpu_fakes:ENGINES")
    monkeypatch.setattr(registry, "ACCURACY_BASELINE", "fake-plausible")
    monkeypatch.setattr(gpu, "names", lambda: ["A card"])
    monkeypatch.setattr(gpu_check, "BUDGET_S", 25.0)
    findings = {row.check: row for row in gpu_check.check(ModelSource("embedded"), lambda step: None)}
    sound, launching = findings["GPU fake-gpu"], findings["GPU fake-gpu-launching"]
    assert sound.state == "ok", sound.text
    assert sound.text.startswith("It answers as the baseline does; a text of 16 tokens takes 1.")
    assert launching.state == "failed"
    assert "does not wait for the GPU" in launching.text
    assert gpu.state("fake-gpu").startswith("The check on A card passed on ")
    assert gpu.state("fake-gpu-launching").startswith("The check on A card failed on ")


@pytest.mark.parametrize(
    ("small_ms", "large_ms", "told"),
    [
        (1.0, 1.6, ""),
        (1.0, 1.4, "does not wait"),
        (0.02, 9.0, "cannot be true"),
        (300.0, 9000.0, "cannot be true"),
    ],
)
def test_times_are_judged(small_ms: float, large_ms: float, told: str):
    problem = gpu_check.wrong_time(small_ms, large_ms)
    assert told in problem
    assert bool(told) == bool(problem)


def test_other_answers_are_caught():
    def told(probability: float, engine: str) -> str:
        rows = [build.row(id, 16, "pipeline", 1.0) for id in (registry.ACCURACY_BASELINE, engine)]
        answer = build.sentence(*rows)
        base, other = answer.engines
        base, other = replace(base, probability=0.99), replace(other, probability=probability)
        return gpu_check.wrong_answer(engine, [replace(answer, engines=(base, other))])

    assert "differs from the baseline's" in told(0.96, "torchscript-cuda-fp16")
    assert told(0.98, "torchscript-cuda-fp16") == ""
    assert "differs from the baseline's" in told(0.98, "torchscript-cuda-fp32")


def test_what_was_checked_is_kept_and_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    spec = registry.get("onnxruntime-cuda-fp16")
    gpu.record(
        spec.id, {"checked_at": "2026-12-01T10:00:00Z", "gpu": "T4", "passed": True, "text": "It answers."}
    )
    assert registry.notes(spec)[-1] == "The check on T4 passed on 2026-12-01: It answers."


def test_a_check_here_replaces_one_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    assert "another host" in gpu.state("torchscript-cuda-fp16")
    gpu.record(
        "torchscript-cuda-fp16",
        {"checked_at": "2026-12-01T10:00:00Z", "gpu": "T4", "passed": False, "text": "It differs."},
    )
    assert gpu.state("torchscript-cuda-fp16") == "The check on T4 failed on 2026-12-01: It differs."


def test_the_driver_tells_cards_and_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(gpu, "DRIVER", str(tmp_path / "version"))
    assert gpu.names() == []
    assert gpu.driver() is None
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release\nGCC 15.3.0\n"
    )
    for number, model in enumerate(("NVIDIA H200", "Tesla T4")):
        folder = tmp_path / "gpus" / f"0000:0{number}:00.0"
        folder.mkdir(parents=True)
        (tmp_path / "gpus" / f"0000:1{number}:00.0").mkdir()
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 41\n")
    assert gpu.names() == ["NVIDIA H200", "Tesla T4"]
    assert gpu.driver() == "580.159.04"
    assert gpu.in_words(gpu.names()) == "one of NVIDIA H200, Tesla T4"
    assert gpu.in_words(["NVIDIA H200"] * 8) == "NVIDIA H200"
    assert gpu.in_words([]) == ""


def test_a_library_built_for_a_gpu_has_the_same_name(monkeypatch: pytest.MonkeyPatch):
    versions = {"onnxruntime-gpu": "1.31.1", "torch": "2.11.0"}

    def version(distribution: str) -> str:
        if distribution not in versions:
            raise importlib.metadata.PackageNotFoundError(distribution)
        return versions[distribution]

    monkeypatch.setattr(importlib.metadata, "version", version)
    names = ("onnxruntime", "torch", "nncf")
    assert [libraries.version(name) for name in names] == ["1.31.1", "2.11.0", None]


def load(engine: str, recipe: str, pool: Pool) -> cuda.TorchScriptCudaEngine:
    """Load a file of TorchScript as the GPU's engine does, into this process and on its CPU."""
    name = f"src.model.torchscript_files:{recipe}"
    model = ModelSource("embedded")
    assert not artifacts.ensure([name], model, lambda step: None, pool.wait)
    loaded = OnThisCpu(registry.get(engine))
    loaded.load(str(cache.required(name, model).folder), 1)
    return loaded


class OnThisCpu(cuda.TorchScriptCudaEngine):
    DEVICE = "cpu"


def test_torchscript_computes_in_the_rows_precision(pool: Pool):
    engine = load("torchscript-cuda-fp16", "traced_fp16", pool)
    assert engine.module(*[torch.ones(1, 4, dtype=torch.int64)] * 3).dtype == torch.float16
    assert graph_facts(engine.module)["weights"].keys() == {"float16", "int64"}
    other = load("torchscript-cuda-fp32", "traced", pool)
    ids = [torch.randint(1000, 2000, (2, 16)), *[torch.ones(2, 16, dtype=torch.int64)] * 2]
    assert (engine.module(*ids).float() - other.module(*ids)).abs().max() < 0.05


def test_half_of_a_frozen_file_is_refused(pool: Pool):
    """Its weights are constants: what `half()` returns is as it was."""
    with pytest.raises(RuntimeError, match=r"weights are .*float32.*, not fp16"):
        load("torchscript-cuda-fp16", "traced", pool)


def test_tensorrt_has_a_profile_of_all_lengths(tmp_path: Path):
    engine = cuda.TensorRtEngine(registry.get("onnxruntime-tensorrt-fp16"))
    name, options = engine.providers(str(tmp_path))[0]
    assert name == "TensorrtExecutionProvider"
    for which, length in (("min", 2), ("opt", 128), ("max", 512)):
        profile = options[f"trt_profile_{which}_shapes"]
        assert profile.count(f"x{length}") == 3, "one for each input"
    assert options["trt_engine_cache_path"].startswith(str(tmp_path))
