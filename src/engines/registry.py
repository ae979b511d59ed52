"""Every engine the product knows. Add a row here to add an engine; importing this imports no runtime."""

from __future__ import annotations

import importlib
import os
from typing import Any, Dict, List, Optional, Tuple, Type

from src.engines import options, released
from src.engines.base import Engine
from src.engines.rows import (
    BF16_FLAGS,
    HANDS_OVER,
    IPEX_ENDS,
    ORT,
    STATIC_SHAPES,
    TORCHSCRIPT_ENDS,
    row,
)
from src.engines.rows_2021 import STACK_2021
from src.engines.rows_gpu import ON_GPU
from src.engines.rows_portable import PORTABLE
from src.engines.rows_vendors import VENDORS
from src.engines.spec import EngineSpec, Missing
from src.errors import Explained
from src.releases import SEPARATOR

ACCURACY_BASELINE = "pytorch-fp32"
BASELINE = "onnxruntime-fp32"  # of ratios
NULL = "null"  # its time is the harness's own
# More rows from elsewhere: `module:TUPLE_OF_SPECS`, comma separated. Tests load their faulty engines this
# way.
EXTRA_VARIABLE = "AWIY_EXTRA_ENGINES"
# The only rows of this registry that are offered, by id, comma separated; all when it is not set.
OFFERED_VARIABLE = "AWIY_ENGINES"


ENGINES: Tuple[EngineSpec, ...] = (
    row(
        "pytorch-fp32",
        "PyTorch FP32",
        "pytorch:PyTorchEngine",
        "checkpoint:checkpoint",
        packages=("torch", "transformers"),
        notes=("Transformers, eager, SDPA. The other engines' answers are compared with this one's.",),
    ),
    row(
        "pytorch-bf16",
        "PyTorch BF16",
        "pytorch:PyTorchEngine",
        "checkpoint:checkpoint",
        packages=("torch", "transformers"),
        cpu_flags=BF16_FLAGS,
        notes=("Weights and arithmetic in BF16; the logits are FP32 again.",),
    ),
    row(
        "torch-compile-fp32",
        "torch.compile FP32",
        "torch_compile:TorchCompileEngine",
        "checkpoint:checkpoint",
        runtime="pytorch",
        packages=("torch", "transformers"),
        notes=(
            "Inductor, frozen weights, any length. It is compiled while it is loaded, which its load time "
            "shows.",
        ),
    ),
    row(
        "torchscript-fp32",
        "TorchScript FP32",
        "torchscript:TorchScriptEngine",
        "torchscript_files:traced",
        packages=("torch", "transformers"),
        notes=("Traced and frozen.", TORCHSCRIPT_ENDS),
    ),
    row(
        "torchscript-int8",
        "TorchScript INT8",
        "torchscript:TorchScriptEngine",
        "torchscript_files:quantised",
        packages=("torch", "transformers"),
        notes=("Linear layers quantised dynamically, then traced and frozen.", TORCHSCRIPT_ENDS),
    ),
    row(
        "ipex-fp32",
        "IPEX FP32",
        "ipex:IpexEngine",
        "ipex_files:ipex_fp32",
        environment="ipex",
        notes=("Optimised by IPEX, traced and frozen.", IPEX_ENDS),
    ),
    row(
        "ipex-bf16",
        "IPEX BF16",
        "ipex:IpexEngine",
        "ipex_files:ipex_bf16",
        environment="ipex",
        cpu_flags=BF16_FLAGS,
        notes=("Optimised by IPEX for BF16, traced and frozen.", IPEX_ENDS),
    ),
    row(
        "ipex-int8",
        "IPEX INT8",
        "ipex:IpexEngine",
        "ipex_files:ipex_int8",
        environment="ipex",
        notes=("Quantised dynamically by IPEX's own quantiser, traced and frozen.", IPEX_ENDS),
    ),
    row(
        "onnxruntime-fp32",
        "ONNX Runtime FP32",
        "onnxruntime:OnnxRuntimeEngine",
        "onnx_files:fused",
        packages=ORT,
        notes=("Exported and fused by Optimum. Ratios between engines use this one.",),
    ),
    row(
        "onnxruntime-fp16",
        "ONNX Runtime FP16",
        "onnxruntime:OnnxRuntimeEngine",
        "onnx_files:fused_fp16",
        packages=ORT,
        notes=("FP16 is emulated on most CPUs (weights are cast at run time), so expect no gain.",),
    ),
    row(
        "onnxruntime-int8",
        "ONNX Runtime INT8",
        "onnxruntime:OnnxRuntimeEngine",
        "onnx_files:int8",
        packages=ORT,
        notes=(
            "Optimum's dynamic quantiser on the plain export, configured for this CPU's instruction set.",
        ),
    ),
    row(
        "onnxruntime-int8-fused",
        "ONNX Runtime INT8 (fused)",
        "onnxruntime:OnnxRuntimeEngine",
        "onnx_files:int8_fused",
        runtime="onnxruntime",
        precision="int8",
        packages=ORT,
        notes=("Dynamic INT8 of the fused graph, attention included (QAttention).",),
    ),
    row(
        "onnxruntime-int8-static",
        "ONNX Runtime INT8 (static)",
        "onnxruntime:OnnxRuntimeEngine",
        "onnx_files:int8_static",
        runtime="onnxruntime",
        precision="int8",
        packages=ORT,
        notes=("Optimum's static quantiser; ranges from real sentences, fixed. Watch its accuracy.",),
    ),
    row(
        "onnxruntime-onednn-fp32",
        "ONNX Runtime oneDNN FP32",
        "onnxruntime:OneDnnEngine",
        "onnx_files:exported",
        runtime="onnxruntime",
        packages=ORT,
        notes=("The plain export on oneDNN's provider, which the write-up built in.",),
    ),
    row(
        "openvino-fp32",
        "OpenVINO FP32",
        "openvino:OpenVinoEngine",
        "onnx_files:exported",
        packages=("openvino", *ORT),
        notes=("Optimum's export; FP32 is forced, as OpenVINO itself would take BF16.", STATIC_SHAPES),
    ),
    row(
        "openvino-bf16",
        "OpenVINO BF16",
        "openvino:OpenVinoEngine",
        "onnx_files:exported",
        packages=("openvino", *ORT),
        cpu_flags=BF16_FLAGS,
        notes=(
            "The FP32 file, computed in BF16: what OpenVINO does here unless told otherwise.",
            STATIC_SHAPES,
        ),
    ),
    row(
        "openvino-int8",
        "OpenVINO INT8",
        "openvino:OpenVinoEngine",
        "openvino_files:int8",
        packages=("openvino", "nncf", *ORT),
        notes=("Quantised by NNCF with ranges from real sentences; the rest in FP32.", STATIC_SHAPES),
    ),
    row(
        "ctranslate2-fp32",
        "CTranslate2 FP32",
        "ctranslate2:CTranslate2Engine",
        "ctranslate2_files:fp32",
        packages=("ctranslate2", "torch", "transformers"),
        notes=("It ends at the pooler: the classifier's two logits are added inside the timer.", HANDS_OVER),
    ),
    row(
        "ctranslate2-int8",
        "CTranslate2 INT8",
        "ctranslate2:CTranslate2Engine",
        "ctranslate2_files:int8",
        packages=("ctranslate2", "torch", "transformers"),
        notes=("INT8 weights; the classifier's two logits are added inside the timer, in FP32.", HANDS_OVER),
    ),
    *STACK_2021,
    *PORTABLE,
    *VENDORS,
    *ON_GPU,
    row(
        NULL,
        "Null",
        "null:NullEngine",
        runtime="null",
        precision="none",
        notes=("Computes nothing: its time is the harness's own cost.",),
        answers=False,
    ),
)


class UnknownEngine(Explained, ValueError):
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


def notes(spec: EngineSpec) -> List[str]:
    """Return what an engine's user should know on this host: its row's notes, and what is true here."""
    return [*spec.notes, *engine_class(spec).notes(spec)]


def get(id: str) -> EngineSpec:
    """Return one row, or that row with a release of its runtime (ROW@VERSION), or with options
    (ROW~NAME=VALUE~…, also after a release). Raises UnknownEngine.
    """
    rows: Dict[str, EngineSpec] = {spec.id: spec for spec in all_engines()}
    id, *words = id.split(options.SEPARATOR)
    if words:
        try:
            return options.configured(get(id), words)
        except options.BadOption as error:
            raise UnknownEngine(str(error)) from error
    if id in rows:
        return rows[id]
    name, at, version = id.partition(SEPARATOR)
    if not at or name not in rows:
        raise UnknownEngine("Unknown engine “%s”. Known: %s." % (id, ", ".join(rows)))
    spec = released.of_release(rows[name], version)
    if not spec:
        having = ", ".join(row.id for row in rows.values() if released.has_releases(row))
        raise UnknownEngine(
            "Unknown engine “%s”. A release is asked for as in onnxruntime-int8@1.24.4, of one of: %s."
            % (id, having)
        )
    return spec


def engine_class(spec: EngineSpec) -> Type[Engine]:
    """Return the class behind a row."""
    return resolve(spec.implementation)


def availability(spec: EngineSpec) -> Optional[Missing]:
    """Return None when the engine can run on this host, else why not and what to do."""
    if spec.options:
        return availability(get(options.row_of(spec.id)))
    offered = os.environ.get(OFFERED_VARIABLE)
    if offered and spec in ENGINES and spec.answers and spec.id not in offered.split(","):
        return Missing("It is not offered here.", "Add it to AWIY_ENGINES, or unset that.")
    return engine_class(spec).availability(spec)


def available(answering: bool = True) -> Tuple[EngineSpec, ...]:
    """Return the engines that can run here; with `answering`, only those that answer a sentence."""
    return tuple(spec for spec in all_engines() if not availability(spec) and (spec.answers or not answering))
