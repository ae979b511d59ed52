"""PyTorch as people first write it: Transformers, eager, with scaled dot product attention."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from src.engines.base import Engine
from src.engines.torch_facts import dtypes_of, runtime_facts
from src.facts import Facts

# What Transformers imports for other models where it is installed: a third of the time that loading takes.
NOT_FOR_BERT = ("pandas", "scipy", "sklearn")


def import_bert() -> Any:
    """Return Transformers' BertForSequenceClassification, imported as where the packages of NOT_FOR_BERT are
    not installed; afterwards they can be imported as before.
    """
    hidden = [name for name in NOT_FOR_BERT if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: "there is no such module"
    try:
        from transformers import BertForSequenceClassification
    finally:
        for name in hidden:
            del sys.modules[name]
    return BertForSequenceClassification


class PyTorchEngine(Engine):
    """The checkpoint itself, in the row's precision. In FP32 it is the baseline of accuracy."""

    def load(self, artifact: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch, bert = torch, import_bert()
        self.model = bert.from_pretrained(
            artifact,
            attn_implementation="sdpa",
            dtype=torch.bfloat16 if self.spec.precision == "bf16" else torch.float32,
            local_files_only=True,
        ).eval()

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        torch = self.torch
        with torch.inference_mode():
            output = self.model(
                input_ids=torch.from_numpy(input_ids),
                attention_mask=torch.from_numpy(attention_mask),
                token_type_ids=torch.from_numpy(token_type_ids),
            )
            return output.logits.float().numpy()

    def facts(self) -> Facts:
        import transformers

        return {
            **runtime_facts(self.torch),
            "transformers": transformers.__version__,
            "attention": self.model.config._attn_implementation,
            "weights": dtypes_of(self.model.parameters()),
            "matmul_precision": self.torch.get_float32_matmul_precision(),
        }
