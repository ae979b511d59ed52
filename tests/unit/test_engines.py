"""Every engine of the main environment, for real: answers, and facts read from what ran.

Those that compile for themselves are in test_compiled_engines.py, those of isolated environments, where these
exist, in test_isolated.py.
"""

from collections.abc import Iterator

import pytest

from src.bench.sentence_result import SentenceResult
from src.model import recipe
from tests.conftest import SIX
from tests.every_engine import (
    PLAIN,
    answered,
    built,
    check_answer,
    check_calibration,
    check_facts,
    row,
)

pytestmark = pytest.mark.one_cpu


@pytest.fixture(scope="module")
def answer() -> Iterator[SentenceResult]:
    yield from answered(PLAIN)


@pytest.mark.parametrize("id", PLAIN)
def test_it_answers_infinitys_demo(answer: SentenceResult, id: str):
    check_answer(answer, id)


@pytest.mark.parametrize("id", PLAIN)
def test_it_tells_its_library_threads_and_artifact(answer: SentenceResult, id: str):
    check_facts(answer, id)


def test_bf16_is_bf16(answer: SentenceResult):
    assert set(row(answer, "pytorch-bf16").facts["weights"]) == {"bfloat16"}


@pytest.mark.parametrize("id", [id for id in SIX if id.startswith("onnxruntime")])
def test_every_node_runs_on_the_cpu_provider(answer: SentenceResult, id: str):
    assert set(row(answer, id).facts["nodes"]) == {"CPUExecutionProvider"}


def test_fused_graphs_have_six_attention_nodes(answer: SentenceResult):
    """One for each layer; fusion is lost silently when an exporter changes."""
    assert row(answer, "onnxruntime-fp32").facts["nodes"]["CPUExecutionProvider"]["Attention"] == 6
    assert row(answer, "onnxruntime-int8-fused").facts["nodes"]["CPUExecutionProvider"]["QAttention"] == 6
    assert built("onnxruntime-fp32")["operators"]["Attention"] == 6
    assert built("onnxruntime-int8-fused")["operators"]["QAttention"] == 6


def test_static_quantisers_saw_real_sentences(answer: SentenceResult):
    check_calibration("onnxruntime-int8-static")
    assert built("onnxruntime-int8-static")["operators"]["QuantizeLinear"] > 50


def test_an_artifact_of_a_changed_calibration_is_another(monkeypatch: pytest.MonkeyPatch):
    made = recipe.find("src.model.openvino_files:int8")
    assert any(path.name == "sentences.csv" for path in made.sources)
