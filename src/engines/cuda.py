"""Engines on an NVIDIA GPU; `python -m src doctor --gpu` checks them on a host that has one."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any, List, Optional

import numpy as np

from src.engines import gpu
from src.engines.onnxruntime import OnnxRuntimeEngine, Provider, provider_file
from src.engines.spec import EngineSpec, Missing
from src.engines.torch_facts import graph_facts
from src.engines.torchscript import FILE, TorchScriptEngine
from src.facts import Facts

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
DTYPES = {"fp32": "float32", "fp16": "float16"}
# TensorRT builds for a range of shapes and is fastest at the best one; a shape outside means a new build.
SMALLEST, BEST, LARGEST = (1, 2), (1, 128), (32, 512)  # batch × tokens


class TorchScriptCudaEngine(TorchScriptEngine):
    """A traced file on the GPU, refused where its weights are not in the row's precision."""

    DEVICE = "cuda"

    @classmethod
    def notes(cls, spec: EngineSpec) -> List[str]:
        return [gpu.state(spec.id)]

    @classmethod
    def lacks(cls, spec: EngineSpec) -> Optional[Missing]:
        return gpu.lacking_device() or gpu.lacking_file(
            "torch", "lib/libtorch_cuda.so", "PyTorch", "Install a CUDA build of torch: see pytorch.org."
        )

    def load(self, artifact: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        torch.backends.cuda.matmul.allow_tf32 = False  # FP32 means FP32
        self.torch = torch
        self.module = torch.jit.load(os.path.join(artifact, FILE), map_location=self.DEVICE).eval()
        dtypes = set(graph_facts(self.module)["weights"]) - {"int64"}
        if dtypes != {DTYPES[self.spec.precision]}:
            raise RuntimeError("The file's weights are %s, not %s." % (dtypes, self.spec.precision))

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        torch = self.torch
        with torch.inference_mode():
            arrays = (input_ids, attention_mask, token_type_ids)
            logits = self.module(*[torch.from_numpy(array).to(self.DEVICE) for array in arrays]).float()
            torch.cuda.synchronize()  # inside the timer: a launched kernel is no answer
            return logits.cpu().numpy()

    def facts(self) -> Facts:
        return {
            **super().facts(),
            "gpu": self.torch.cuda.get_device_name(0),
            "cuda": self.torch.version.cuda,
            "tf32": bool(self.torch.backends.cuda.matmul.allow_tf32),
        }


class OnnxRuntimeCudaEngine(OnnxRuntimeEngine):
    """ONNX Runtime on CUDA, with inputs and logits bound to the device: the copies are inside the timer."""

    PROVIDER_FILE = "cuda"

    @classmethod
    def notes(cls, spec: EngineSpec) -> List[str]:
        return [gpu.state(spec.id)]

    @classmethod
    def lacks(cls, spec: EngineSpec) -> Optional[Missing]:
        missing = gpu.lacking_device()
        if missing or provider_file(cls.PROVIDER_FILE):
            return missing
        return Missing(
            "The installed build of ONNX Runtime has no provider “%s”." % cls.PROVIDER_FILE,
            "Run: pip uninstall onnxruntime && pip install onnxruntime-gpu",
        )

    def providers(self, artifact: str) -> List[Provider]:
        return [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]

    def load(self, artifact: str, threads: int) -> None:
        import onnxruntime

        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # CUDA's libraries come as packages, where the loader does not look
        super().load(artifact, threads)
        wanted = self.providers(artifact)[0][0]
        if wanted not in self.session.get_providers():  # it falls back to the CPU with a mere warning
            raise RuntimeError(
                "%s could not be used; the session has %s" % (wanted, self.session.get_providers())
            )

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        bound = self.session.io_binding()
        for name, array in zip(INPUTS, (input_ids, attention_mask, token_type_ids)):
            value = self.runtime.OrtValue.ortvalue_from_numpy(array, "cuda", 0)
            bound.bind_ortvalue_input(name, value)
        bound.bind_output(self.outputs[0], "cuda")
        bound.synchronize_inputs()
        self.session.run_with_iobinding(bound)
        bound.synchronize_outputs()
        return bound.copy_outputs_to_cpu()[0].astype(np.float32)

    def facts(self) -> Facts:
        return {
            **super().facts(),
            "gpu": gpu.in_words(gpu.names()),
            "provider_options": self.session.get_provider_options(),
        }


class TensorRtEngine(OnnxRuntimeCudaEngine):
    """TensorRT through ONNX Runtime. It builds for this GPU when first loaded, which its load time tells, and
    keeps what it built beside the artifact.
    """

    PROVIDER_FILE = "tensorrt"

    @classmethod
    def lacks(cls, spec: EngineSpec) -> Optional[Missing]:
        return super().lacks(spec) or gpu.lacking_tensorrt()

    def load(self, artifact: str, threads: int) -> None:
        if importlib.util.find_spec("tensorrt"):
            importlib.import_module("tensorrt")  # it loads its libraries, which the provider then finds
        super().load(artifact, threads)

    def providers(self, artifact: str) -> List[Provider]:
        cache = os.path.join(artifact, "tensorrt")
        os.makedirs(cache, exist_ok=True)

        def profile(shape: Any) -> str:
            return ",".join("%s:%dx%d" % (name, *shape) for name in INPUTS)

        options = {
            "trt_fp16_enable": True,
            "trt_engine_cache_enable": True,
            "trt_engine_cache_path": cache,
            "trt_timing_cache_enable": True,
            "trt_timing_cache_path": cache,
            "trt_profile_min_shapes": profile(SMALLEST),
            "trt_profile_opt_shapes": profile(BEST),
            "trt_profile_max_shapes": profile(LARGEST),
        }
        return [("TensorrtExecutionProvider", options), "CUDAExecutionProvider", "CPUExecutionProvider"]
