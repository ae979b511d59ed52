"""Rows of more that vendors ship: other ways to the same runtimes, beside the plain ones."""

from __future__ import annotations

from typing import Tuple

from src.engines.rows import ORT, row
from src.engines.spec import EngineSpec

VENDORS: Tuple[EngineSpec, ...] = (
    row(
        "onnxruntime-int8-tensor",
        "ONNX Runtime INT8 (fused, per tensor)",
        "onnxruntime:OnnxRuntimeEngine",
        "onnx_tensor_files:int8_tensor",
        runtime="onnxruntime",
        precision="int8",
        packages=ORT,
        notes=("Dynamic INT8 of the fused graph with S8 weights and one scale a tensor, not one a channel.",),
    ),
    row(
        "openvino-int8-dynamic",
        "OpenVINO INT8 (any length)",
        "openvino:OpenVinoDynamicEngine",
        "openvino_files:int8",
        runtime="openvino",
        precision="int8",
        packages=("openvino", "nncf", *ORT),
        notes=("NNCF's file, compiled once for every length: nothing is compiled when a new one comes.",),
    ),
)
