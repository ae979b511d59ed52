"""Every engine of the main environment, for real: answers, and facts read from what ran.

Those of the isolated environments are asked the same in test_isolated.py, where the environments exist.
"""

from collections.abc import Iterator

import numpy as np
import pytest

from src import cpu
from src.bench import sentence
from src.bench.sentence_answer import Answer, EngineAnswer
from src.engines import registry
from src.model import cache, recipe
from src.model.source import ModelSource
from src.workers.pool import Pool
from tests.conftest import DEMO, SIX

MODEL = ModelSource("embedded")
MAIN = [
    spec
    for spec in registry.ENGINES
    if spec.environment == "main" and spec.device == "cpu" and spec.answers and "onednn" not in spec.id
]


@pytest.fixture(scope="module")
def answer() -> Iterator[Answer]:
    """One sentence through all of them, in one sitting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWIY_ENGINES")
        pool = Pool()
        yield sentence.answer(pool, DEMO, [spec.id for spec in MAIN], MODEL)
        pool.close()


def row(answer: Answer, id: str) -> EngineAnswer:
    spec = registry.get(id)
    if spec.cpu_flags and not cpu.flags() & set(spec.cpu_flags):
        pytest.skip(f"this CPU has none of {', '.join(spec.cpu_flags)}")
    found = [one for one in answer.engines if one.engine == id]
    assert found, [one for one in answer.failures if one.engine == id]
    return found[0]


def built(id: str) -> dict:
    name = registry.get(id).recipe
    assert name
    return cache.required(name, MODEL).manifest["facts"]


@pytest.mark.parametrize("id", [spec.id for spec in MAIN])
def test_it_answers_infinitys_demo(answer: Answer, id: str):
    found = row(answer, id)
    assert found.label == "positive"
    assert found.agrees
    assert np.isfinite(found.logits).all()
    assert found.model.samples >= 12
    baseline = row(answer, registry.ACCURACY_BASELINE)
    if found.engine.endswith("fp32"):
        assert abs(found.probability - baseline.probability) < 1e-3
        assert found.max_abs_delta_logit is not None
        assert found.max_abs_delta_logit < 1e-3


@pytest.mark.parametrize("id", [spec.id for spec in MAIN])
def test_it_tells_its_library_threads_and_artifact(answer: Answer, id: str):
    facts = row(answer, id).facts
    assert facts["threads"] == answer.threads
    assert any(facts.get(name) for name in ("torch", "onnxruntime", "openvino", "ctranslate2"))
    assert all(len(entry["sha256"]) == 64 for entry in facts["built"]["files"].values())
    assert facts["flushes_denormals"] is False


def test_openvino_computes_at_the_rows_precision(answer: Answer):
    for id, told in (("openvino-fp32", "f32"), ("openvino-bf16", "bf16"), ("openvino-int8", "f32")):
        facts = row(answer, id).facts
        assert facts["inference_precision"] == told
        assert facts["shapes"][-1] == "1 × 16"
    kernels = {id: " ".join(row(answer, id).facts["kernels"]) for id in ("openvino-fp32", "openvino-bf16")}
    assert "bf16" not in kernels["openvino-fp32"]
    assert "bf16" in kernels["openvino-bf16"]
    assert row(answer, "openvino-int8").facts["weights"]["i8"] >= 38, "every linear layer"


def test_shapes_are_prepared_outside_the_timer(answer: Answer):
    found = row(answer, "openvino-fp32")
    assert found.facts["prepared_s"]["1 × 16"] * 1000 > 3 * found.first_call_ms, "compiling takes far longer"


def test_torch_compile_is_frozen_one_graph_and_fused(answer: Answer):
    facts = row(answer, "torch-compile-fp32").facts
    assert facts["frozen"]
    assert facts["graphs"] == 1
    assert facts["fusions"]["mkldnn_linear_weight_pack_matcher_count"] == 38, "every linear layer"


def test_bf16_is_bf16(answer: Answer):
    assert set(row(answer, "pytorch-bf16").facts["weights"]) == {"bfloat16"}


def test_ctranslate2_computes_what_it_says_and_adds_the_head(answer: Answer):
    assert row(answer, "ctranslate2-fp32").facts["compute_type"] == "float32"
    assert row(answer, "ctranslate2-int8").facts["compute_type"] == "int8_float32"
    assert "384 × 2" in row(answer, "ctranslate2-int8").facts["head"]


@pytest.mark.parametrize("id", [id for id in SIX if id.startswith("onnxruntime")])
def test_every_node_runs_on_the_cpu_provider(answer: Answer, id: str):
    assert set(row(answer, id).facts["nodes"]) == {"CPUExecutionProvider"}


def test_fused_graphs_have_six_attention_nodes(answer: Answer):
    """One for each layer; fusion is lost silently when an exporter changes."""
    assert row(answer, "onnxruntime-fp32").facts["nodes"]["CPUExecutionProvider"]["Attention"] == 6
    assert row(answer, "onnxruntime-int8-fused").facts["nodes"]["CPUExecutionProvider"]["QAttention"] == 6
    assert built("onnxruntime-fp32")["operators"]["Attention"] == 6
    assert built("onnxruntime-int8-fused")["operators"]["QAttention"] == 6


def test_static_quantisers_saw_real_sentences(answer: Answer):
    for id in ("onnxruntime-int8-static", "openvino-int8"):
        calibration = built(id)["calibration"]
        assert calibration["sentences"] == 128
        assert calibration["file"] == "sentences.csv"
        assert len(calibration["sha256"]) == 64
    assert built("onnxruntime-int8-static")["operators"]["QuantizeLinear"] > 50


def test_an_artifact_of_a_changed_calibration_is_another(monkeypatch: pytest.MonkeyPatch):
    made = recipe.find("src.model.openvino_files:int8")
    assert any(path.name == "sentences.csv" for path in made.sources)
