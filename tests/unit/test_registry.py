"""The registry lists everything the design names, says why something cannot run, and imports no runtime."""

import json
import subprocess
import sys

import pytest

from src.engines import registry
from src.engines.spec import EngineSpec
from src.ui import style
from tests.conftest import ROOT, SIX

DESIGNED = [
    "pytorch-fp32",
    "torch-compile-fp32",
    "torchscript-fp32",
    "torchscript-int8",
    "ipex-fp32",
    "ipex-int8",
    "onnxruntime-fp32",
    "onnxruntime-fp16",
    "onnxruntime-int8",
    "onnxruntime-int8-fused",
    "onnxruntime-int8-static",
    "onnxruntime-onednn-fp32",
    "openvino-fp32",
    "openvino-int8",
    "ctranslate2-fp32",
    "ctranslate2-int8",
    "2021-torchscript-fp32",
    "2021-torchscript-int8",
    "2021-onnxruntime-fp32",
    "2021-onnxruntime-int8",
    "torchscript-cuda-fp32",
    "torchscript-cuda-fp16",
    "onnxruntime-cuda-fp32",
    "onnxruntime-cuda-fp16",
    "onnxruntime-tensorrt-fp16",
    "torch-compile-static-fp32",
    "torchao-int8",
    "zentorch-fp32",
    "zentorch-bf16",
    "zentorch-int8",
    "onnxruntime-openvino-fp32",
    "onnxruntime-openvino-int8",
    "null",
]
HEAVY = ("torch", "onnxruntime", "openvino", "transformers", "optimum", "onnx", "ctranslate2")


def test_every_designed_engine_is_listed_once():
    ids = [spec.id for spec in registry.all_engines()]
    assert set(DESIGNED) <= set(ids)
    assert len(ids) == len(set(ids))


def test_the_six_and_null_can_run_here():
    available = {spec.id for spec in registry.available(answering=False)}
    assert available == {*SIX, "null"}
    assert {spec.id for spec in registry.available()} == set(SIX)


@pytest.mark.parametrize("spec", registry.ENGINES, ids=lambda spec: spec.id)
def test_an_engine_that_cannot_run_says_why_and_what_to_do(spec: EngineSpec):
    missing = registry.availability(spec)
    if missing:
        assert missing.reason.endswith(".")
        assert len(missing.remedy) > 10


def test_a_runtime_that_is_not_installed_is_a_normal_state():
    spec = EngineSpec(
        "x",
        "X",
        "x",
        "fp32",
        implementation="src.engines.onnxruntime:OnnxRuntimeEngine",
        packages=("no_such_runtime",),
    )
    missing = registry.availability(spec)
    assert missing
    assert "no_such_runtime" in missing.reason
    assert "pip install" in missing.remedy


def test_unknown_id_names_the_known_ones():
    with pytest.raises(registry.UnknownEngine, match="onnxruntime-fp32"):
        registry.get("onnx-runtime")


def test_importing_the_registry_and_asking_availability_imports_no_runtime():
    code = (
        "import json, sys; from src.engines import registry; registry.available();"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_pytorch_loads_nothing_that_bert_does_not_need():
    """What other models need costs a third of the time, and can be imported afterwards as before."""
    code = (
        "import sys; from importlib.util import find_spec;"
        "from src.engines.pytorch import NOT_FOR_BERT, import_bert; bert = import_bert();"
        "print(bert.__name__, *(name for name in NOT_FOR_BERT if name in sys.modules));"
        "print(*(find_spec(name).name for name in NOT_FOR_BERT))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["BertForSequenceClassification", "pandas scipy sklearn"]


def test_adding_an_engine_is_one_row(fakes: None):
    spec = registry.get("fake-plausible")
    assert spec in registry.available()
    assert style.colour(spec).startswith("#")
    assert style.marker(spec) == "circle"
    assert style.colour(spec) == style.colour(registry.get("fake-negative")), "a runtime has one colour"


def test_every_engine_looks_like_itself():
    """Colour and marker tell them apart in a chart: a runtime's markers must not run out."""
    looks = [(style.colour(spec), style.marker(spec)) for spec in registry.all_engines()]
    assert len(set(looks)) == len(looks)
