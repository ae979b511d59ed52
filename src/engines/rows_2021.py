"""The rows of the stack of 2021."""

from __future__ import annotations

from typing import Tuple

from src.engines.rows import LIKE_2021, row
from src.engines.spec import EngineSpec

STACK_2021: Tuple[EngineSpec, ...] = (
    row(
        "2021-torchscript-fp32",
        "TorchScript FP32 of 2021",
        "torchscript:TorchScriptEngine",
        "stack_2021_files:traced_2021",
        runtime="torchscript",
        environment="2021",
        notes=("torch 1.9.0, traced, not frozen.", LIKE_2021),
    ),
    row(
        "2021-torchscript-int8",
        "TorchScript INT8 of 2021",
        "torchscript:TorchScriptEngine",
        "stack_2021_files:quantised_2021",
        runtime="torchscript",
        environment="2021",
        notes=("torch 1.9.0, linear layers quantised dynamically, traced, not frozen.", LIKE_2021),
    ),
    row(
        "2021-onnxruntime-fp32",
        "ONNX Runtime FP32 of 2021",
        "onnxruntime:OnnxRuntimeEngine",
        "stack_2021_files:fused_2021",
        runtime="onnxruntime",
        environment="2021",
        notes=("onnxruntime 1.10.0, exported with opset 12 and fused by its optimiser.", LIKE_2021),
    ),
    row(
        "2021-onnxruntime-int8",
        "ONNX Runtime INT8 of 2021",
        "onnxruntime:OnnxRuntimeEngine",
        "stack_2021_files:fused_int8_2021",
        runtime="onnxruntime",
        environment="2021",
        notes=("onnxruntime 1.10.0, the fused graph quantised dynamically.", LIKE_2021),
    ),
)
