"""The rows of engines on a GPU."""

from __future__ import annotations

from typing import Tuple

from src.engines.rows import ORT, TORCHSCRIPT_ENDS, row
from src.engines.spec import EngineSpec

ON_GPU: Tuple[EngineSpec, ...] = (
    row(
        "torchscript-cuda-fp32",
        "TorchScript CUDA FP32",
        "cuda:TorchScriptCudaEngine",
        "torchscript_files:traced",
        runtime="torchscript",
        device="cuda",
        packages=("torch", "transformers"),
        notes=("The traced file on the GPU, without TF32.", TORCHSCRIPT_ENDS),
    ),
    row(
        "torchscript-cuda-fp16",
        "TorchScript CUDA FP16",
        "cuda:TorchScriptCudaEngine",
        "torchscript_files:traced_fp16",
        runtime="torchscript",
        device="cuda",
        packages=("torch", "transformers"),
        notes=("Traced in FP16, on the GPU.", TORCHSCRIPT_ENDS),
    ),
    row(
        "onnxruntime-cuda-fp32",
        "ONNX Runtime CUDA FP32",
        "cuda:OnnxRuntimeCudaEngine",
        "onnx_files:fused",
        runtime="onnxruntime",
        device="cuda",
        packages=ORT,
        notes=("The fused file; inputs and logits are bound to the device, without TF32.",),
    ),
    row(
        "onnxruntime-cuda-fp16",
        "ONNX Runtime CUDA FP16",
        "cuda:OnnxRuntimeCudaEngine",
        "onnx_files:fused_fp16",
        runtime="onnxruntime",
        device="cuda",
        packages=ORT,
        notes=("The fused file in FP16; inputs and logits are bound to the device.",),
    ),
    row(
        "onnxruntime-tensorrt-fp16",
        "TensorRT FP16",
        "cuda:TensorRtEngine",
        "onnx_files:exported",
        runtime="onnxruntime",
        device="cuda",
        packages=ORT,
        notes=("The plain export through ONNX Runtime. It builds when first loaded, for 2 to 512 tokens.",),
    ),
)
