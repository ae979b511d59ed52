"""Recipes of the IPEX files, made with its own libraries."""

from pathlib import Path

from src.facts import Facts
from src.model.elsewhere import build, needs_environment
from src.model.recipe import recipe
from src.model.source import ModelSource

CHECKPOINT = "src.model.checkpoint:checkpoint"
NAME = MODULE = "ipex"
WHERE = needs_environment(NAME, MODULE)


@recipe("IPEX, FP32", needs=(CHECKPOINT,), cpu=True, **WHERE)
def ipex_fp32(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return build(NAME, MODULE, "fp32", inputs[CHECKPOINT], folder)


@recipe("IPEX, BF16", needs=(CHECKPOINT,), cpu=True, **WHERE)
def ipex_bf16(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return build(NAME, MODULE, "bf16", inputs[CHECKPOINT], folder)


@recipe("IPEX, INT8", needs=(CHECKPOINT,), cpu=True, **WHERE)
def ipex_int8(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return build(NAME, MODULE, "int8", inputs[CHECKPOINT], folder)
