"""OpenVINO, CTranslate2 and torch.compile, for real: as test_engines.py."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from src.bench.sentence_result import SentenceResult
from tests.conftest import ROOT
from tests.every_engine import COMPILED, answered, check_answer, check_calibration, check_facts, row

pytestmark = pytest.mark.one_cpu


@pytest.fixture(scope="module")
def answer() -> Iterator[SentenceResult]:
    yield from answered(COMPILED)


@pytest.mark.parametrize("id", COMPILED)
def test_it_answers_infinitys_demo(answer: SentenceResult, id: str):
    check_answer(answer, id)


@pytest.mark.parametrize("id", COMPILED)
def test_it_tells_its_library_threads_and_artifact(answer: SentenceResult, id: str):
    check_facts(answer, id)


def test_openvino_computes_at_the_rows_precision(answer: SentenceResult):
    for id, told in (("openvino-fp32", "f32"), ("openvino-bf16", "bf16"), ("openvino-int8", "f32")):
        facts = row(answer, id).facts
        assert facts["inference_precision"] == told
        assert facts["shapes"][-1] == "1 × 16"
    kernels = {id: " ".join(row(answer, id).facts["kernels"]) for id in ("openvino-fp32", "openvino-bf16")}
    assert "bf16" not in kernels["openvino-fp32"]
    assert "bf16" in kernels["openvino-bf16"]
    assert row(answer, "openvino-int8").facts["weights"]["i8"] >= 38, "every linear layer"


def test_shapes_are_prepared_outside_the_timer(answer: SentenceResult):
    found = row(answer, "openvino-fp32")
    assert found.facts["prepared_s"]["1 × 16"] * 1000 > 3 * found.first_call_ms, "compiling takes far longer"


def test_torch_compile_is_frozen_one_graph_and_fused(answer: SentenceResult):
    facts = row(answer, "torch-compile-fp32").facts
    assert facts["frozen"]
    assert facts["graphs"] == 1
    assert facts["fusions"]["mkldnn_linear_weight_pack_matcher_count"] == 38, "every linear layer"


def test_a_graph_a_shape_is_frozen_fused_and_called_through_cpp(answer: SentenceResult):
    facts = row(answer, "torch-compile-static-fp32").facts
    assert facts["frozen"]
    assert facts["cpp_wrapper"]
    assert facts["shapes"][-1] == "1 × 16"
    assert facts["graphs"] == len(facts["shapes"])
    assert facts["fusions"]["mkldnn_linear_weight_pack_matcher_count"] == 38 * facts["graphs"]


def test_ctranslate2_computes_what_it_says_and_adds_the_head(answer: SentenceResult):
    assert row(answer, "ctranslate2-fp32").facts["compute_type"] == "float32"
    assert row(answer, "ctranslate2-int8").facts["compute_type"] == "int8_float32"
    assert "384 × 2" in row(answer, "ctranslate2-int8").facts["head"]


GROWTH = """
import os, time
import numpy as np
from src.engines import registry
from src.model import cache, source

spec = registry.get("ctranslate2-int8")
folder = str(cache.required(str(spec.recipe), source.parse()).folder)
engine = registry.engine_class(spec)(spec)
import ctranslate2
ids = np.array([[101, 2023, 2003, 2307, 102]], dtype=np.int64)
before = len(os.listdir("/proc/self/task"))
engine.load(folder, 2)
engine.infer(ids, np.ones_like(ids), np.zeros_like(ids))
until = time.monotonic() + 5  # those of loading end a moment after the thread that they belong to
while (growth := len(os.listdir("/proc/self/task")) - before) > 2 and time.monotonic() < until:
    time.sleep(0.05)
print(growth)
"""


def test_no_openmp_threads_of_loading_stay_beside_ctranslate2s_own(answer: SentenceResult):
    """With that of loading they would be three on two CPUs: then libgomp lets them sleep at each barrier."""
    code = [sys.executable, "-c", GROWTH]
    done = subprocess.run(code, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2", f"threads that load and one answer leave behind; {done.stderr}"
    assert "has ended" in row(answer, "ctranslate2-int8").facts["loaded_in"]


def test_static_quantisers_saw_real_sentences(answer: SentenceResult):
    check_calibration("openvino-int8")
