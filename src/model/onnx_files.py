"""Recipes of the ONNX files, all from Optimum's export: fused, in FP16, and in INT8 three ways."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from src.facts import Facts
from src.model import calibration
from src.model.recipe import cpu_flags, recipe
from src.model.source import ModelSource

FILE = "model.onnx"  # what src/engines/onnxruntime.py loads
CHECKPOINT = "src.model.checkpoint:checkpoint"
EXPORT = "src.model.onnx_files:exported"
FUSED = "src.model.onnx_files:fused"
EXPORTERS = ("torch", "transformers", "optimum", "optimum-onnx", "onnx")
OPTIMISERS = ("optimum", "optimum-onnx", "onnx", "onnxruntime", "transformers")
# Optimum's names for its own fusion level O2: extended graph optimisations and the Transformers-specific
# fusions.
LEVEL = 2


def describe(path: Path) -> Facts:
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
def exported(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    """Write the plain FP32 export and the config that Optimum's other tools read beside it."""
    from optimum.exporters.onnx import main_export

    main_export(str(inputs[CHECKPOINT]), folder, task="text-classification", local_files_only=True)
    return describe(folder / FILE)


def optimised(export: Path, folder: Path, fp16: bool) -> Facts:
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
def fused(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return optimised(inputs[EXPORT], folder, fp16=False)


@recipe("ONNX, fused FP16", needs=(EXPORT,), libraries=OPTIMISERS)
def fused_fp16(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return optimised(inputs[EXPORT], folder, fp16=True)


def quantisation(flags: tuple[str, ...]) -> tuple[str, Facts]:
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


def quantised(origin: Path, folder: Path, samples: list[calibration.Inputs] | None, **more: Any) -> Facts:
    """Quantise with Optimum: dynamically, or statically with the ranges that `samples` have."""
    from onnxruntime.quantization import CalibrationMethod
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig, CalibrationConfig

    name, arguments = quantisation(cpu_flags())
    arguments = {"is_static": samples is not None, "per_channel": True, **arguments, **more}
    config = getattr(AutoQuantizationConfig, name)(**arguments)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        quantiser = ORTQuantizer.from_pretrained(origin, file_name=FILE)
        ranges = None
        if samples is not None:
            ranges = quantiser.fit(
                [{name: array[0] for name, array in one.items()} for one in samples],
                CalibrationConfig(
                    dataset_name=calibration.SENTENCES.name,
                    dataset_config_name="",
                    dataset_split="",
                    dataset_num_samples=len(samples),
                    method=CalibrationMethod.MinMax,
                ),
                onnx_augmented_model_name=str(Path(scratch) / "augmented.onnx"),
                operators_to_quantize=config.operators_to_quantize,
            )
        quantiser.quantize(
            save_dir=scratch,
            quantization_config=config,
            file_suffix="",
            calibration_tensors_range=ranges,
        )
        shutil.move(Path(scratch) / FILE, folder / FILE)
    return {"configuration": name, **arguments, "quantisation": str(config), **describe(folder / FILE)}


@recipe("ONNX, dynamic INT8", needs=(EXPORT,), libraries=OPTIMISERS, cpu=True)
def int8(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    return quantised(inputs[EXPORT], folder, None)


@recipe(
    "ONNX, static INT8",
    needs=(EXPORT, CHECKPOINT),
    libraries=OPTIMISERS,
    cpu=True,
    sources=(Path(calibration.__file__), calibration.SENTENCES),
)
def int8_static(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    samples = calibration.samples(inputs[CHECKPOINT] / "tokenizer.json")
    return {**quantised(inputs[EXPORT], folder, samples), **calibration.facts()}


@recipe("ONNX, dynamic INT8 of the fused graph", needs=(FUSED,), libraries=OPTIMISERS, cpu=True)
def int8_fused(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    """ONNX Runtime's quantiser itself: Optimum's passes no DefaultTensorType, which tensors inside fused
    operators need, as their types cannot be inferred.
    """
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    name, arguments = quantisation(cpu_flags())
    quantize_dynamic(
        inputs[FUSED] / FILE,
        folder / FILE,
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
        **arguments,
    )
    return {"configuration": name, "per_channel": True, **arguments, **describe(folder / FILE)}
