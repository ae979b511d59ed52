"""ONNX Runtime on the CPU, for every ONNX file whatever its precision."""

from __future__ import annotations

import os
from typing import Any, Dict

import numpy as np

from src.engines.base import Engine

FILE = "model.onnx"


class OnnxRuntimeEngine(Engine):
    def load(self, artifact: str, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # An explicit number: the default is the host's cores, not the allowed ones. Spinning stays as it
        # comes.
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.runtime = onnxruntime
        self.path = os.path.join(artifact, FILE)
        self.session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        self.outputs = [self.session.get_outputs()[0].name]

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        feed = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        return self.session.run(self.outputs, feed)[0]

    def facts(self) -> Dict[str, Any]:
        options = self.session.get_session_options()
        return {
            "onnxruntime": self.runtime.__version__,
            "providers": self.session.get_providers(),
            "threads": options.intra_op_num_threads,
            "inputs": [given.name for given in self.session.get_inputs()],
            "logits_dtype": self.session.get_outputs()[0].type,
        }
