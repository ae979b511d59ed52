"""Rows of more that vendors ship: other ways to the same runtimes, beside the plain ones."""

from __future__ import annotations

from typing import Tuple

from src.engines.rows import BF16_FLAGS, ORT, row
from src.engines.spec import EngineSpec

A_GRAPH_A_SHAPE = (
    "A graph for every eighth length, to which texts are padded inside the timer; compiling one takes "
    "seconds, which are never timed."
)
ZENTORCH = "zentorch"  # an environment, which has torchao, too
ORT_OPENVINO = "onnxruntime-openvino"

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
    row(
        "torch-compile-static-fp32",
        "torch.compile FP32 (fixed lengths)",
        "torch_static:StaticCompileEngine",
        "checkpoint:checkpoint",
        runtime="pytorch",
        precision="fp32",
        packages=("torch", "transformers"),
        notes=("Inductor with its C++ wrapper, frozen weights.", A_GRAPH_A_SHAPE),
    ),
    row(
        "torchao-int8",
        "torchao INT8",
        "torch_static:TorchAoEngine",
        "checkpoint:checkpoint",
        environment=ZENTORCH,
        notes=(
            "Exported, quantised dynamically by torchao's quantiser for x86 and compiled by inductor: "
            "today's heir of TorchScript INT8.",
            A_GRAPH_A_SHAPE,
        ),
    ),
    row(
        "zentorch-fp32",
        "zentorch FP32",
        "torch_static:ZentorchEngine",
        "checkpoint:checkpoint",
        environment=ZENTORCH,
        notes=(
            "AMD's extension of PyTorch as the backend of torch.compile, frozen weights.",
            A_GRAPH_A_SHAPE,
        ),
    ),
    row(
        "zentorch-bf16",
        "zentorch BF16",
        "torch_static:ZentorchEngine",
        "checkpoint:checkpoint",
        environment=ZENTORCH,
        cpu_flags=BF16_FLAGS,
        notes=("Weights and arithmetic in BF16, compiled by AMD's extension of PyTorch.", A_GRAPH_A_SHAPE),
    ),
    row(
        "zentorch-int8",
        "zentorch INT8",
        "torch_static:QuantisedZentorchEngine",
        "checkpoint:checkpoint",
        environment=ZENTORCH,
        notes=("Quantised as torchao-int8 is, compiled by AMD's extension of PyTorch.", A_GRAPH_A_SHAPE),
    ),
    row(
        "onnxruntime-openvino-fp32",
        "ONNX Runtime (OpenVINO) FP32",
        "onnxruntime_openvino:OpenVinoProviderEngine",
        "onnx_files:exported",
        runtime="onnxruntime",
        environment=ORT_OPENVINO,
        notes=("The plain export on OpenVINO's provider: today's heir of ONNX Runtime with oneDNN.",),
    ),
    row(
        "onnxruntime-openvino-int8",
        "ONNX Runtime (OpenVINO) INT8",
        "onnxruntime_openvino:OpenVinoProviderEngine",
        "onnx_files:int8_static",
        runtime="onnxruntime",
        environment=ORT_OPENVINO,
        notes=("The file of onnxruntime-int8-static on OpenVINO's provider; the rest in FP32.",),
    ),
)
