"""An engine that computes nothing: what remains is the harness's own cost."""

from __future__ import annotations

from typing import Dict

import numpy as np

from src.engines.base import Engine


class NullEngine(Engine):
    def load(self, artifact: str, threads: int) -> None:
        self.logits: Dict[int, np.ndarray] = {}

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        batch = len(input_ids)
        if batch not in self.logits:
            self.logits[batch] = np.zeros((batch, 2), dtype=np.float32)
        return self.logits[batch]
