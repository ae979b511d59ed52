"""An engine that computes nothing: what remains is the harness's own cost."""

from __future__ import annotations

import numpy as np

from src.engines.base import Engine


class NullEngine(Engine):
    def load(self, artifact: str, threads: int) -> None:
        self.logits = np.zeros((1, 2), dtype=np.float32)

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        return self.logits
