"""Builds of Intel Extension for PyTorch: optimised or quantised by it, then traced and frozen."""

from __future__ import annotations

import os
from typing import Any, Dict


def optimised(checkpoint: str, folder: str, precision: str) -> Dict[str, Any]:
    import intel_extension_for_pytorch as ipex
    import torch
    from intel_extension_for_pytorch.quantization import convert, prepare
    from transformers import BertForSequenceClassification

    torch.set_grad_enabled(False)
    # Eager attention: its fusions look for that, and not for scaled dot product attention.
    model = BertForSequenceClassification.from_pretrained(
        checkpoint, attn_implementation="eager", dtype=torch.float32, local_files_only=True
    ).eval()

    class Logits(torch.nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            return self.inner(input_ids=ids, attention_mask=mask, token_type_ids=types).logits.float()

    ids = torch.tensor([[101, 2023, 2003, 1037, 6251, 102]])
    example = (ids, torch.ones_like(ids), torch.zeros_like(ids))
    module = Logits(model).eval()
    if precision == "int8":
        mapping = ipex.quantization.default_dynamic_qconfig_mapping
        module = convert(prepare(module, mapping, example_inputs=example))
    else:
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
        module = ipex.optimize(module, dtype=dtype)
    with torch.autocast("cpu", enabled=precision == "bf16", dtype=torch.bfloat16):
        frozen = torch.jit.freeze(torch.jit.trace(module, example, check_trace=False).eval())
    torch.jit.save(frozen, os.path.join(folder, "model.pt"))
    return {
        "torch": torch.__version__,
        "ipex": ipex.__version__,
        "attention": "eager",
        "precision": precision,
    }


def fp32(checkpoint: str, folder: str) -> Dict[str, Any]:
    return optimised(checkpoint, folder, "fp32")


def bf16(checkpoint: str, folder: str) -> Dict[str, Any]:
    return optimised(checkpoint, folder, "bf16")


def int8(checkpoint: str, folder: str) -> Dict[str, Any]:
    return optimised(checkpoint, folder, "int8")
