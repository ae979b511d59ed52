"""ONNX Runtime with OpenVINO as its execution provider, whose CPU plug-in computes with oneDNN."""

from __future__ import annotations

from typing import List

from src.engines.onnxruntime import OnnxRuntimeEngine, Provider

PROVIDER = "OpenVINOExecutionProvider"


class OpenVinoProviderEngine(OnnxRuntimeEngine):
    """What OpenVINO does not take, ONNX Runtime computes itself: the facts tell which."""

    def providers(self, artifact: str) -> List[Provider]:
        settings = {
            "device_type": "CPU",
            "precision": "FP32",  # of INT8: what is not quantised. Left to itself it may take BF16.
            "num_of_threads": str(self.options.intra_op_num_threads),
            "num_streams": "1",
        }
        return [(PROVIDER, settings), "CPUExecutionProvider"]

    def load(self, artifact: str, threads: int) -> None:
        super().load(artifact, threads)
        if PROVIDER not in self.session.get_providers():
            raise RuntimeError("OpenVINO's provider did not load, so ONNX Runtime would compute by itself.")
