"""Recipes of the 2021 stack's files, made with its own libraries."""

from pathlib import Path

from src.facts import Facts
from src.model.elsewhere import build, needs_environment
from src.model.recipe import recipe
from src.model.source import ModelSource

CHECKPOINT = "src.model.checkpoint:checkpoint"
NAME, MODULE = "2021", "stack_2021"
WHERE = needs_environment(NAME, MODULE)


@recipe("TorchScript of 2021", needs=(CHECKPOINT,), **WHERE)
def traced_2021(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return build(NAME, MODULE, "traced", inputs[CHECKPOINT], folder)


@recipe("TorchScript of 2021, INT8", needs=(CHECKPOINT,), cpu=True, **WHERE)
def quantised_2021(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return build(NAME, MODULE, "quantised", inputs[CHECKPOINT], folder)


@recipe("ONNX of 2021, fused", needs=(CHECKPOINT,), **WHERE)
def fused_2021(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return build(NAME, MODULE, "fused", inputs[CHECKPOINT], folder)


@recipe("ONNX of 2021, fused, dynamic INT8", needs=(CHECKPOINT,), cpu=True, **WHERE)
def fused_int8_2021(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return build(NAME, MODULE, "fused_int8", inputs[CHECKPOINT], folder)
