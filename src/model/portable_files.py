"""Recipes of the time line's files: releases of ONNX Runtime from 1.10 on read all three.

The environment `2021` makes the fused FP32 graph and its INT8; today's quantiser makes the other INT8 of the
same graph. Each is told with its opset and IR version, by which a release may refuse it.
"""

import shutil
from pathlib import Path

from src.facts import Facts
from src.model import ModelError
from src.model.onnx_files import FILE, describe
from src.model.onnx_tensor_files import per_tensor
from src.model.recipe import recipe
from src.model.source import ModelSource

FUSED = "src.model.stack_2021_files:fused_2021"
FUSED_INT8 = "src.model.stack_2021_files:fused_int8_2021"
# What the oldest release reads that a file here is for: onnxruntime.ai/docs/reference/compatibility.html has
# for 1.10 ONNX 1.10, whose files are of IR version 8 and opset 15 at most.
OLDEST, IR_VERSION, OPSET = "1.10", 8, 15
READERS = tuple(Path(__file__).with_name(name) for name in ("onnx_files.py", "onnx_tensor_files.py"))


def told(path: Path) -> Facts:
    """Return what a file holds and by what it may be refused. Raises ModelError for one that is too new."""
    import onnx

    facts = {"ir_version": onnx.load(path, load_external_data=False).ir_version, **describe(path)}
    if facts["ir_version"] > IR_VERSION or facts["opset"]["ai.onnx"] > OPSET:
        raise ModelError(
            f"This file is not portable: IR version {facts['ir_version']} and opset "
            f"{facts['opset']['ai.onnx']}, and ONNX Runtime {OLDEST} reads {IR_VERSION} and {OPSET} at most."
        )
    return facts


def copied(origin: Path, folder: Path) -> Facts:
    shutil.copyfile(origin / FILE, folder / FILE)
    return told(folder / FILE)


@recipe("ONNX, portable FP32", needs=(FUSED,), libraries=("onnx",), sources=READERS)
def portable_fp32(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return copied(inputs[FUSED], folder)


@recipe("ONNX, portable INT8 with U8 weights", needs=(FUSED_INT8,), libraries=("onnx",), sources=READERS)
def portable_u8(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return copied(inputs[FUSED_INT8], folder)


@recipe(
    "ONNX, portable INT8 with S8 weights", needs=(FUSED,), libraries=("onnx", "onnxruntime"), sources=READERS
)
def portable_s8(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    """Per tensor, as the other is, so that the two differ in the type of their weights only."""
    per_tensor(inputs[FUSED], folder)
    return {"per_channel": False, **told(folder / FILE)}
