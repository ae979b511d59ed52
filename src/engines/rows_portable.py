"""The rows of the time line: files that releases of ONNX Runtime from 1.10 on read alike."""

from __future__ import annotations

from typing import Tuple

from src.engines.rows import row
from src.engines.spec import EngineSpec

PORTABLE: Tuple[EngineSpec, ...] = (
    row(
        "onnxruntime-portable-fp32",
        "ONNX Runtime, portable FP32",
        "onnxruntime:PortableEngine",
        "portable_files:portable_fp32",
        runtime="onnxruntime",
        packages=("onnxruntime", "onnx"),
        notes=("The fused graph as the environment 2021 makes it: releases from 1.10 on read this file.",),
    ),
    row(
        "onnxruntime-portable-u8",
        "ONNX Runtime, portable INT8, U8 weights",
        "onnxruntime:PortableEngine",
        "portable_files:portable_u8",
        runtime="onnxruntime",
        precision="int8",
        packages=("onnxruntime", "onnx"),
        notes=(
            "The portable FP32 file, quantised dynamically by 1.10.0 as it came: U8 weights, per tensor.",
        ),
    ),
    row(
        "onnxruntime-portable-s8",
        "ONNX Runtime, portable INT8, S8 weights",
        "onnxruntime:PortableEngine",
        "portable_files:portable_s8",
        runtime="onnxruntime",
        precision="int8",
        packages=("onnxruntime", "onnx"),
        notes=("The portable FP32 file, quantised dynamically by today's release: S8 weights, per tensor.",),
    ),
)
