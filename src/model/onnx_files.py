"""Recipes of the ONNX files, all made by Optimum: the plain export, fused FP32, fused FP16, dynamic INT8."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from src.model.recipe import cpu_flags, recipe
from src.model.source import ModelSource

FILE = "model.onnx"  # what src/engines/onnxruntime.py loads
CHECKPOINT = "src.model.checkpoint:checkpoint"
EXPORT = "src.model.onnx_files:exported"
EXPORTERS = ("torch", "transformers", "optimum", "optimum-onnx", "onnx")
OPTIMISERS = ("optimum", "optimum-onnx", "onnx", "onnxruntime", "transformers")
# Optimum's names for its own fusion level O2: extended graph optimisations and the Transformers-specific
# fusions.
LEVEL = 2


def describe(path: Path) -> dict[str, Any]:
    """Return what an ONNX file holds: opset, operator counts of its nodes, initialisers by dtype."""
    import onnx

    model = onnx.load(path)
    return {
        "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "operators": dict(Counter(node.op_type for node in model.graph.node).most_common()),
        "initialisers": dict(
            Counter(onnx.TensorProto.DataType.Name(tensor.data_type) for tensor in model.graph.initializer)
        ),
    }


@recipe("ONNX export", needs=(CHECKPOINT,), libraries=EXPORTERS)
def exported(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Write the plain FP32 export and the config that Optimum's other tools read beside it."""
    from optimum.exporters.onnx import main_export

    main_export(str(inputs[CHECKPOINT]), folder, task="text-classification", local_files_only=True)
    return describe(folder / FILE)


def optimised(export: Path, folder: Path, fp16: bool) -> dict[str, Any]:
    from optimum.onnxruntime import ORTOptimizer
    from optimum.onnxruntime.configuration import OptimizationConfig

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        optimiser = ORTOptimizer.from_pretrained(export, file_names=[FILE])
        optimiser.optimize(
            OptimizationConfig(optimization_level=LEVEL, fp16=fp16),
            save_dir=scratch,
            file_suffix="",
            one_external_file=False,
        )
        shutil.move(Path(scratch) / FILE, folder / FILE)
    return describe(folder / FILE)


@recipe("ONNX, fused FP32", needs=(EXPORT,), libraries=OPTIMISERS)
def fused(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    return optimised(inputs[EXPORT], folder, fp16=False)


@recipe("ONNX, fused FP16", needs=(EXPORT,), libraries=OPTIMISERS)
def fused_fp16(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    return optimised(inputs[EXPORT], folder, fp16=True)


def quantisation(flags: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Return which of Optimum's CPU configurations fits these CPU flags, and its arguments.

    Without VNNI, u8 × s8 products can saturate in 16 bits, so weights get 7 bits there (reduce_range).
    """
    if "avx512_vnni" in flags or "avx_vnni" in flags:
        return "avx512_vnni", {}
    if "avx512f" in flags:
        return "avx512", {"reduce_range": True}
    if "asimddp" in flags:
        return "arm64", {}
    return "avx2", {"reduce_range": True}


@recipe("ONNX, dynamic INT8", needs=(EXPORT,), libraries=OPTIMISERS, cpu=True)
def int8(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    name, arguments = quantisation(cpu_flags())
    arguments = {"is_static": False, "per_channel": True, **arguments}
    config = getattr(AutoQuantizationConfig, name)(**arguments)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        quantiser = ORTQuantizer.from_pretrained(inputs[EXPORT], file_name=FILE)
        quantiser.quantize(save_dir=scratch, quantization_config=config, file_suffix="")
        shutil.move(Path(scratch) / FILE, folder / FILE)
    return {"configuration": name, **arguments, "quantisation": str(config), **describe(folder / FILE)}
