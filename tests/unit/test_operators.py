"""Where an engine's time goes: profiles of real engines, held against what their graphs have."""

from collections import Counter
from pathlib import Path

import onnx
import pytest

from src.engines import registry
from src.model import cache
from src.model.source import ModelSource
from src.workers.building import build_artifacts
from src.workers.pool import Pool
from tools import operators
from tools.operators import NoProfile

pytestmark = pytest.mark.one_cpu
CALLS = 30
MODEL = ModelSource("embedded")


def built(pool: Pool, id: str) -> Path:
    """Return the folder of what an engine loads."""
    spec = registry.get(id)
    assert not build_artifacts([spec], MODEL, lambda _: None, pool.wait)
    assert spec.recipe
    return cache.place(spec.recipe, MODEL)


def test_onnxruntime_tells_each_node_of_its_graph(pool: Pool):
    graph = onnx.load(built(pool, "onnxruntime-int8-fused") / "model.onnx").graph
    told = operators.profile("onnxruntime-int8-fused", 16, 1, CALLS)
    kinds = told["operators"]
    there = Counter(node.op_type for node in graph.node)
    # What the runtime fuses or folds itself is gone or has another name; attention stays as it is.
    assert kinds["QAttention"]["nodes"] == there["QAttention"] == 6
    assert sum(each["ms"] for each in kinds.values()) < told["profiled_ms"]
    assert sum(each["ms"] for each in kinds.values()) > 0.5 * told["profiled_ms"]
    assert list(kinds.values()) == sorted(kinds.values(), key=lambda each: -each["ms"])


def test_openvino_tells_its_matrix_products(pool: Pool):
    built(pool, "openvino-fp32")
    told = operators.profile("openvino-fp32", 16, 1, CALLS)
    products = {kind: each for kind, each in told["operators"].items() if kind.startswith("FullyConnected")}
    # Six layers with four products of attention, or one of three joined, and two behind; pooler, classifier.
    assert sum(each["nodes"] for each in products.values()) in (6 * 4 + 2, 6 * 6 + 2)
    assert sum(each["ms"] for each in told["operators"].values()) < told["profiled_ms"]
    text = operators.table("openvino-fp32", 16, told)
    assert "`openvino-fp32` at 16 tokens" in text
    shares = [float(line.split("|")[-2].strip(" %")) for line in text.splitlines()[4:]]
    assert sum(shares) == pytest.approx(100, abs=0.1 * len(shares))


@pytest.mark.parametrize(
    ("id", "reason"),
    [("null", "loads no file"), ("torchscript-fp32", "neither on ONNX Runtime nor on OpenVINO")],
)
def test_what_cannot_be_profiled_says_so(id: str, reason: str):
    with pytest.raises(NoProfile, match=reason):
        operators.profile(id, 16, 1, CALLS)


def test_an_engine_whose_file_is_not_there_says_what_makes_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    with pytest.raises(NoProfile, match="python -m src bench --engines 'onnxruntime-int8'"):
        operators.profile("onnxruntime-int8", 16, 1, CALLS)
