"""The recipe of ONNX Runtime's INT8 with one scale a tensor: fewer steps for a kernel than one a channel."""

from pathlib import Path

from src.facts import Facts
from src.model.onnx_files import FILE, FUSED, OPTIMISERS, describe, quantisation
from src.model.recipe import cpu_flags, recipe
from src.model.source import ModelSource

SOURCES = (Path(__file__).with_name("onnx_files.py"),)


def per_tensor(origin: Path, folder: Path, **more: bool) -> None:
    """Quantise a fused graph dynamically with ONNX Runtime's own quantiser: S8 weights, a scale a tensor."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        origin / FILE,
        folder / FILE,
        per_channel=False,
        weight_type=QuantType.QInt8,
        # Types within fused operators cannot be inferred.
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
        **more,
    )


@recipe(
    "ONNX, dynamic INT8 of the fused graph, per tensor",
    needs=(FUSED,),
    libraries=OPTIMISERS,
    cpu=True,
    sources=SOURCES,
)
def int8_tensor(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    name, arguments = quantisation(cpu_flags())
    per_tensor(inputs[FUSED], folder, **arguments)
    return {"configuration": name, "per_channel": False, **arguments, **describe(folder / FILE)}
