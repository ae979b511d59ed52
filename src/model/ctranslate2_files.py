"""The recipes of CTranslate2's files: the encoder by its own converter, and the head that it leaves out."""

from pathlib import Path

import numpy as np

from src.facts import Facts
from src.model.recipe import recipe
from src.model.source import ModelSource

HEAD = "head.npz"  # what src/engines/ctranslate2.py adds
CHECKPOINT = "src.model.checkpoint:checkpoint"
LIBRARIES = ("ctranslate2", "transformers", "torch")


def convert(checkpoint: Path, folder: Path, quantization: str | None) -> Facts:
    from ctranslate2.converters import TransformersConverter
    from safetensors.numpy import load_file

    TransformersConverter(str(checkpoint)).convert(str(folder), quantization=quantization, force=True)
    weights = load_file(checkpoint / "model.safetensors")
    np.savez(folder / HEAD, weight=weights["classifier.weight"], bias=weights["classifier.bias"])
    return {"quantization": quantization}


@recipe("CTranslate2, FP32", needs=(CHECKPOINT,), libraries=LIBRARIES)
def fp32(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return convert(inputs[CHECKPOINT], folder, None)


@recipe("CTranslate2, INT8", needs=(CHECKPOINT,), libraries=LIBRARIES)
def int8(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return convert(inputs[CHECKPOINT], folder, "int8")
