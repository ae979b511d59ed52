"""Every engine the product knows. Add a row here to add an engine; importing this imports no runtime."""

from __future__ import annotations

import importlib
import os
from typing import Any, Dict, List, Optional, Tuple, Type

from src.engines.base import Engine
from src.engines.spec import EngineSpec, Missing

ACCURACY_BASELINE = "pytorch-fp32"
BASELINE = "onnxruntime-fp32"  # of ratios
NULL = "null"  # its time is the harness's own
# More rows from elsewhere: `module:TUPLE_OF_SPECS`, comma separated. Tests load their faulty engines this
# way.
EXTRA_VARIABLE = "AWIY_EXTRA_ENGINES"

LATER = "This version of the product has no code for this engine yet."
WAIT = "Nothing to do now: it comes with a later version."
NO_GPU = Missing("It needs an NVIDIA GPU with CUDA, and this version has no code for it yet.", WAIT)
TORCHSCRIPT_ENDS = "TorchScript is deprecated as of torch 2.11: kept because the write-up used it."


def later(id: str, title: str, runtime: str, precision: str, **more: Any) -> EngineSpec:
    return EngineSpec(
        id, title, runtime, precision, missing=more.pop("missing", Missing(LATER, WAIT)), **more
    )


def environment_missing(name: str) -> Missing:
    return Missing("It runs in the environment “%s”, which this version cannot create yet." % name, WAIT)


ENGINES: Tuple[EngineSpec, ...] = (
    EngineSpec(
        "pytorch-fp32",
        "PyTorch FP32",
        "pytorch",
        "fp32",
        implementation="src.engines.pytorch:PyTorchEngine",
        recipe="src.model.checkpoint:checkpoint",
        packages=("torch", "transformers"),
        notes=("Transformers, eager, SDPA. The other engines' answers are compared with this one's.",),
    ),
    later("torch-compile-fp32", "torch.compile FP32", "pytorch", "fp32"),
    EngineSpec(
        "torchscript-fp32",
        "TorchScript FP32",
        "torchscript",
        "fp32",
        implementation="src.engines.torchscript:TorchScriptEngine",
        recipe="src.model.torchscript_files:traced",
        packages=("torch", "transformers"),
        notes=("Traced and frozen.", TORCHSCRIPT_ENDS),
    ),
    EngineSpec(
        "torchscript-int8",
        "TorchScript INT8",
        "torchscript",
        "int8",
        implementation="src.engines.torchscript:TorchScriptEngine",
        recipe="src.model.torchscript_files:quantised",
        packages=("torch", "transformers"),
        notes=("Linear layers quantised dynamically, then traced and frozen.", TORCHSCRIPT_ENDS),
    ),
    later("ipex-fp32", "IPEX FP32", "ipex", "fp32", environment="ipex", missing=environment_missing("ipex")),
    later("ipex-bf16", "IPEX BF16", "ipex", "bf16", environment="ipex", missing=environment_missing("ipex")),
    later("ipex-int8", "IPEX INT8", "ipex", "int8", environment="ipex", missing=environment_missing("ipex")),
    EngineSpec(
        "onnxruntime-fp32",
        "ONNX Runtime FP32",
        "onnxruntime",
        "fp32",
        implementation="src.engines.onnxruntime:OnnxRuntimeEngine",
        recipe="src.model.onnx_files:fused",
        packages=("onnxruntime", "onnx", "optimum", "torch", "transformers"),
        notes=("Exported and fused by Optimum. Ratios between engines use this one.",),
    ),
    EngineSpec(
        "onnxruntime-fp16",
        "ONNX Runtime FP16",
        "onnxruntime",
        "fp16",
        implementation="src.engines.onnxruntime:OnnxRuntimeEngine",
        recipe="src.model.onnx_files:fused_fp16",
        packages=("onnxruntime", "onnx", "optimum", "torch", "transformers"),
        notes=("FP16 is emulated on most CPUs (weights are cast at run time), so expect no gain.",),
    ),
    EngineSpec(
        "onnxruntime-int8",
        "ONNX Runtime INT8",
        "onnxruntime",
        "int8",
        implementation="src.engines.onnxruntime:OnnxRuntimeEngine",
        recipe="src.model.onnx_files:int8",
        packages=("onnxruntime", "onnx", "optimum", "torch", "transformers"),
        notes=(
            "Optimum's dynamic quantiser on the plain export, configured for this CPU's instruction set.",
        ),
    ),
    later("onnxruntime-int8-fused", "ONNX Runtime INT8 (fused)", "onnxruntime", "int8"),
    later("onnxruntime-int8-static", "ONNX Runtime INT8 (static)", "onnxruntime", "int8"),
    later("onnxruntime-onednn-fp32", "ONNX Runtime oneDNN FP32", "onnxruntime", "fp32"),
    later("openvino-fp32", "OpenVINO FP32", "openvino", "fp32"),
    later("openvino-bf16", "OpenVINO BF16", "openvino", "bf16"),
    later("openvino-int8", "OpenVINO INT8", "openvino", "int8"),
    later("ctranslate2-fp32", "CTranslate2 FP32", "ctranslate2", "fp32"),
    later("ctranslate2-int8", "CTranslate2 INT8", "ctranslate2", "int8"),
    *(
        later(
            "2021-%s-%s" % (runtime, precision),
            "%s %s of 2021" % (name, precision.upper()),
            runtime,
            precision,
            environment="2021",
            missing=environment_missing("2021"),
        )
        for runtime, name in (("torchscript", "TorchScript"), ("onnxruntime", "ONNX Runtime"))
        for precision in ("fp32", "int8")
    ),
    later(
        "torchscript-cuda-fp32", "TorchScript CUDA FP32", "torchscript", "fp32", device="cuda", missing=NO_GPU
    ),
    later(
        "torchscript-cuda-fp16", "TorchScript CUDA FP16", "torchscript", "fp16", device="cuda", missing=NO_GPU
    ),
    later(
        "onnxruntime-cuda-fp32",
        "ONNX Runtime CUDA FP32",
        "onnxruntime",
        "fp32",
        device="cuda",
        missing=NO_GPU,
    ),
    later(
        "onnxruntime-cuda-fp16",
        "ONNX Runtime CUDA FP16",
        "onnxruntime",
        "fp16",
        device="cuda",
        missing=NO_GPU,
    ),
    later("onnxruntime-tensorrt-fp16", "TensorRT FP16", "onnxruntime", "fp16", device="cuda", missing=NO_GPU),
    EngineSpec(
        NULL,
        "Null",
        "null",
        "none",
        implementation="src.engines.null:NullEngine",
        notes=("Computes nothing: its time is the harness's own cost.",),
        answers=False,
    ),
)


class UnknownEngine(ValueError):
    """An engine id that the registry does not have. The message lists those it has."""


def resolve(path: str) -> Any:
    """Return the object behind the import string `module:name`."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def all_engines() -> Tuple[EngineSpec, ...]:
    """Return the registry's rows and those named by AWIY_EXTRA_ENGINES."""
    extra: List[EngineSpec] = []
    for path in filter(None, os.environ.get(EXTRA_VARIABLE, "").split(",")):
        extra.extend(resolve(path))
    return ENGINES + tuple(extra)


def get(id: str) -> EngineSpec:
    """Return one row. Raises UnknownEngine."""
    rows: Dict[str, EngineSpec] = {spec.id: spec for spec in all_engines()}
    if id not in rows:
        raise UnknownEngine("Unknown engine “%s”. Known: %s." % (id, ", ".join(rows)))
    return rows[id]


def engine_class(spec: EngineSpec) -> Type[Engine]:
    """Return the class behind a row that has an implementation."""
    assert spec.implementation
    found: Type[Engine] = resolve(spec.implementation)
    return found


def availability(spec: EngineSpec) -> Optional[Missing]:
    """Return None when the engine can run on this host, else why not and what to do."""
    if spec.missing or not spec.implementation:
        return spec.missing or Missing(LATER, WAIT)
    return engine_class(spec).availability(spec)


def available(answering: bool = True) -> Tuple[EngineSpec, ...]:
    """Return the engines that can run here; with `answering`, only those that answer a sentence."""
    return tuple(spec for spec in all_engines() if not availability(spec) and (spec.answers or not answering))
