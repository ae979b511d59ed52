"""The engines of the isolated environments, where those exist: they take gigabytes, so no test makes them.

`.ci/run` prints which were not tested.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from src import cpu, environments
from src.bench import sentence
from src.bench.sentence_result import SentenceResult
from src.engines import registry, torch_static
from src.engines.rows_portable import PORTABLE
from src.model import cache
from src.model.source import ModelSource
from src.workers.pool import Pool
from tests.conftest import DEMO, OWN_HOME

pytestmark = pytest.mark.one_cpu
QUANTISED_ZENTORCH = "zentorch-int8"  # which cannot run yet: it has a test of its own
ISOLATED = [spec for spec in registry.ENGINES if spec.environment != "main" and spec.id != QUANTISED_ZENTORCH]


@pytest.fixture(scope="module")
def answer(shared_home: Path) -> Iterator[SentenceResult]:
    """One sentence through those that are there, in the developer's own environments."""
    there = [OWN_HOME / "envs" / one.name for one in environments.ENVIRONMENTS]
    links = [(shared_home / "envs" / folder.name, folder) for folder in there if folder.is_dir()]
    (shared_home / "envs").mkdir(exist_ok=True)
    for link, folder in links:
        link.symlink_to(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWIY_ENGINES")
        ids = [spec.id for spec in (*ISOLATED, *PORTABLE) if not registry.availability(spec)]
        pool = Pool()
        if not ids:
            pytest.skip("not tested: no isolated environment can be used here")
        yield sentence.answer(pool, DEMO, [registry.ACCURACY_BASELINE, *ids], ModelSource("embedded"))
        pool.close()
    for link, _ in links:
        link.unlink()


@pytest.mark.parametrize("spec", ISOLATED, ids=lambda spec: spec.id)
def test_it_answers_infinitys_demo(answer: SentenceResult, spec: registry.EngineSpec):
    if environments.trouble(spec.environment):
        pytest.skip(f"not tested: the environment {spec.environment} does not exist here")
    if spec.cpu_flags and not cpu.flags() & set(spec.cpu_flags):
        pytest.skip(f"not tested: this CPU has none of {', '.join(spec.cpu_flags)}")
    rows = {one.engine: one for one in answer.engines}
    assert spec.id in rows, answer.failures
    found, baseline = rows[spec.id], rows[registry.ACCURACY_BASELINE]
    assert np.isfinite(found.logits).all()
    assert found.label == "positive"
    if spec.precision == "fp32":
        assert abs(found.probability - baseline.probability) < 1e-3


@pytest.mark.parametrize("spec", PORTABLE, ids=lambda spec: spec.id)
def test_portable_files_are_of_versions_that_old_releases_read(
    answer: SentenceResult, spec: registry.EngineSpec
):
    if environments.trouble("2021"):
        pytest.skip("not tested: the environment 2021 does not exist here")
    rows = {one.engine: one for one in answer.engines}
    assert rows[spec.id].label == "positive"
    assert spec.recipe
    facts = cache.required(spec.recipe, ModelSource("embedded")).manifest["facts"]
    assert facts["ir_version"] <= 8
    assert facts["opset"]["ai.onnx"] <= 15
    kinds = facts["initialisers"]
    expected = {"fp32": (), "u8": ("UINT8",), "s8": ("INT8",)}[spec.id.rpartition("-")[2]]
    quantised = {kind for kind in ("UINT8", "INT8") if kinds.get(kind, 0) >= 24}
    assert quantised == set(expected)


def test_facts_of_2021_are_of_2021(answer: SentenceResult):
    if environments.trouble("2021"):
        pytest.skip("not tested: the environment 2021 does not exist here")
    facts = {one.engine: one.facts for one in answer.engines}
    assert facts["2021-torchscript-fp32"]["torch"].startswith("1.9.0")
    assert facts["2021-torchscript-int8"]["quantised_linears"] == 38
    assert facts["2021-onnxruntime-fp32"]["onnxruntime"] == "1.10.0"
    assert facts["2021-onnxruntime-fp32"]["built"]["facts"]["fused"]["Attention"] == 6
    assert facts["2021-onnxruntime-int8"]["built"]["facts"]["operators"]["QAttention"] == 6
    assert facts["2021-onnxruntime-fp32"]["python"].startswith("3.9.")


def test_ipex_fuses(answer: SentenceResult):
    if environments.trouble("ipex"):
        pytest.skip("not tested: the environment ipex does not exist here")
    facts = {one.engine: one.facts for one in answer.engines}
    assert facts["ipex-fp32"]["ipex"].startswith("2.8")
    assert facts["ipex-int8"]["quantised_linears"] == 38


def test_zentorch_computes_with_its_own_operators(answer: SentenceResult):
    if environments.trouble("zentorch"):
        pytest.skip("not tested: the environment zentorch does not exist here")
    facts = {one.engine: one.facts for one in answer.engines}["zentorch-fp32"]
    assert facts["zentorch"] == environments.asked_versions("zentorch")["zentorch"]
    assert facts["operators"]["zentorch::zentorch_sdpa"] == 6, "every layer's attention"
    linears = [count for name, count in facts["operators"].items() if "linear" in name]
    assert sum(linears) >= 4 * 6, "a layer has one for its three projections, and three more"


def test_torchao_quantises_every_linear_layer(answer: SentenceResult):
    if environments.trouble("zentorch"):
        pytest.skip("not tested: the environment zentorch does not exist here")
    facts = {one.engine: one.facts for one in answer.engines}["torchao-int8"]
    assert facts["fusions"]["qlinear_weight_prepack_matcher_count"] == 38 * facts["graphs"]


def test_zentorch_cannot_compile_int8_as_its_row_says(
    answer: SentenceResult, monkeypatch: pytest.MonkeyPatch
):
    if environments.trouble("zentorch"):
        pytest.skip("not tested: the environment zentorch does not exist here")
    missing = registry.availability(registry.get(QUANTISED_ZENTORCH))
    assert missing
    assert "a set where torch wants True or False" in missing.reason
    monkeypatch.setattr(torch_static, "CANNOT_QUANTISE", ())
    pool = Pool()
    ids = [registry.ACCURACY_BASELINE, QUANTISED_ZENTORCH]
    failures = sentence.answer(pool, DEMO, ids, ModelSource("embedded")).failures
    pool.close()
    assert [failure.engine for failure in failures] == [QUANTISED_ZENTORCH]
    assert "Expected bool" in failures[0].reason


def test_openvino_computes_for_onnx_runtime(answer: SentenceResult):
    if environments.trouble("onnxruntime-openvino"):
        pytest.skip("not tested: the environment onnxruntime-openvino does not exist here")
    facts = {one.engine: one.facts for one in answer.engines}
    for id in ("onnxruntime-openvino-fp32", "onnxruntime-openvino-int8"):
        assert facts[id]["providers"][0] == "OpenVINOExecutionProvider"
        assert (
            facts[id]["onnxruntime"]
            == environments.asked_versions("onnxruntime-openvino")["onnxruntime-openvino"]
        )
