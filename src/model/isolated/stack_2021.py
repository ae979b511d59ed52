"""Builds of 2021, as the write-up's harness (onnxruntime 1.10's transformers/benchmark.py) made its own.

Traced and not frozen; exported, fused by its optimiser, and the fused graph quantised. With the classifier
and all three inputs, which that harness left out.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, Dict, Tuple

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OPSET = 12


def classifier(checkpoint: str) -> Tuple[Any, Tuple[Any, ...]]:
    """Return the checkpoint as a module with one output, the logits, and inputs to trace it with."""
    import torch
    from safetensors.numpy import load_file
    from transformers import BertConfig, BertForSequenceClassification

    torch.set_grad_enabled(False)
    config = BertConfig.from_pretrained(checkpoint, torchscript=True)
    model = BertForSequenceClassification(config)
    weights = load_file(os.path.join(checkpoint, "model.safetensors"))
    told = model.load_state_dict({name: torch.from_numpy(one) for name, one in weights.items()}, strict=False)
    # The position ids are a buffer that this version makes itself.
    lost = [name for name in (*told.missing_keys, *told.unexpected_keys) if "position_ids" not in name]
    if lost:
        raise ValueError("the checkpoint does not fit transformers of 2021: %s" % ", ".join(lost))

    class Logits(torch.nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            return self.inner(input_ids=ids, attention_mask=mask, token_type_ids=types)[0]

    ids = torch.tensor([[101, 2023, 2003, 1037, 6251, 102]])
    return Logits(model).eval(), (ids, torch.ones_like(ids), torch.zeros_like(ids))


def traced(checkpoint: str, folder: str, quantise: bool = False) -> Dict[str, Any]:
    import torch

    module, example = classifier(checkpoint)
    if quantise:
        module = torch.quantization.quantize_dynamic(module, {torch.nn.Linear}, dtype=torch.qint8)
    torch.jit.save(torch.jit.trace(module, example), os.path.join(folder, "model.pt"))
    return {"torch": torch.__version__, "frozen": False, "quantised": quantise}


def quantised(checkpoint: str, folder: str) -> Dict[str, Any]:
    return traced(checkpoint, folder, quantise=True)


def fused(checkpoint: str, folder: str) -> Dict[str, Any]:
    import torch
    from onnxruntime.transformers import optimizer

    module, example = classifier(checkpoint)
    path, plain = os.path.join(folder, "model.onnx"), os.path.join(folder, "plain.onnx")
    torch.onnx.export(
        module,
        example,
        plain,
        opset_version=OPSET,
        do_constant_folding=True,
        input_names=list(INPUTS),
        output_names=["logits"],
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in INPUTS},
    )
    config = module.inner.config
    optimised = optimizer.optimize_model(
        plain,
        "bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        opt_level=1,
        use_gpu=False,
    )
    optimised.save_model_to_file(path)
    os.remove(plain)
    return {"fused": dict(optimised.get_fused_operator_statistics()), **described(path)}


def fused_int8(checkpoint: str, folder: str) -> Dict[str, Any]:
    """Quantise the fused graph: it is written beside and removed."""
    from onnxruntime.quantization import quantize_dynamic

    found = fused(checkpoint, folder)
    path, full = os.path.join(folder, "model.onnx"), os.path.join(folder, "full.onnx")
    os.rename(path, full)
    quantize_dynamic(full, path)
    for name in os.listdir(folder):  # its own intermediate files lie beside
        if name != "model.onnx":
            os.remove(os.path.join(folder, name))
    return {"fused": found["fused"], **described(path)}


def described(path: str) -> Dict[str, Any]:
    """Return what an ONNX file holds: opset, operator counts, initialisers by dtype."""
    import onnx
    import onnxruntime

    model = onnx.load(path)
    names = onnx.TensorProto.DataType.Name
    return {
        "onnxruntime": onnxruntime.__version__,
        "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "operators": dict(Counter(node.op_type for node in model.graph.node).most_common()),
        "initialisers": dict(Counter(names(tensor.data_type) for tensor in model.graph.initializer)),
    }
