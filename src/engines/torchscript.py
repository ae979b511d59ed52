"""TorchScript: a traced graph, FP32 or with dynamically quantised linear layers, on torch of any age."""

from __future__ import annotations

import os

import numpy as np

from src.engines.base import Engine
from src.engines.torch_facts import graph_facts, runtime_facts
from src.facts import Facts

FILE = "model.pt"


class TorchScriptEngine(Engine):
    def load(self, artifact: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch = torch
        self.module = torch.jit.load(os.path.join(artifact, FILE)).eval()

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        torch = self.torch
        with torch.inference_mode():
            logits = self.module(
                torch.from_numpy(input_ids),
                torch.from_numpy(attention_mask),
                torch.from_numpy(token_type_ids),
            )
            return logits.numpy()

    def facts(self) -> Facts:
        return {
            **runtime_facts(self.torch),
            **graph_facts(self.module),
            "quantised_engine": self.torch.backends.quantized.engine,
        }
