"""Recipes of the TorchScript files: traced and frozen, in FP32, in FP16 or dynamically quantised.

Freezing makes constants of the weights: `half()` does nothing to a loaded file, so precision comes first.
"""

from pathlib import Path
from typing import Any

from src.facts import Facts
from src.model.recipe import recipe
from src.model.source import ModelSource

FILE = "model.pt"  # what src/engines/torchscript.py loads
CHECKPOINT = "src.model.checkpoint:checkpoint"
LIBRARIES = ("torch", "transformers")


def trace(checkpoint: Path, folder: Path, quantise: bool = False, dtype: str = "float32") -> Facts:
    import torch
    from transformers import BertForSequenceClassification, BertTokenizerFast

    class Logits(torch.nn.Module):
        """The classifier with its inputs in the contract's order and only the logits as its answer."""

        def __init__(self, model: torch.nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits

    model = BertForSequenceClassification.from_pretrained(
        checkpoint, attn_implementation="sdpa", dtype=getattr(torch, dtype), local_files_only=True
    ).eval()
    if quantise:
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    tokenizer = BertTokenizerFast.from_pretrained(checkpoint, local_files_only=True)
    example = tokenizer(
        "A sentence that fixes the types of the inputs, not their length.", return_tensors="pt"
    )
    inputs = (example["input_ids"], example["attention_mask"], example["token_type_ids"])
    with torch.no_grad():
        module = torch.jit.freeze(torch.jit.trace(Logits(model), inputs).eval())
    torch.jit.save(module, str(folder / FILE))
    return {"attention": "sdpa", "quantised_engine": torch.backends.quantized.engine if quantise else None}


@recipe("TorchScript, traced and frozen", needs=(CHECKPOINT,), libraries=LIBRARIES)
def traced(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return trace(inputs[CHECKPOINT], folder)


@recipe("TorchScript, FP16", needs=(CHECKPOINT,), libraries=LIBRARIES)
def traced_fp16(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return trace(inputs[CHECKPOINT], folder, dtype="float16")


@recipe("TorchScript, INT8", needs=(CHECKPOINT,), libraries=LIBRARIES, cpu=True)
def quantised(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return trace(inputs[CHECKPOINT], folder, quantise=True)
