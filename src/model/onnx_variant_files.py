"""The recipe of ONNX Runtime's INT8 of the fused graph with choices of the quantiser (src/engines/options.py
declares them): the type of the weights, their range, and what stays in FP32.
"""

from pathlib import Path

from src.facts import Facts
from src.model import ModelError
from src.model.onnx_files import FILE, FUSED, OPTIMISERS, describe, quantisation
from src.model.recipe import cpu_flags, recipe
from src.model.source import ModelSource

SOURCES = (Path(__file__).with_name("onnx_files.py"),)


def left_in_fp32(path: Path, keep: str) -> list[str]:
    """Return the names of the nodes of a fused graph that stay in FP32: of the `head` (behind the layers:
    one token of a text), of both `ends` (the embeddings' tables, too), or each layer's `attention`.
    """
    import onnx

    graph = onnx.load(path).graph
    tables = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 2}
    kinds = {"head": ("Gemm",), "ends": ("Gemm", "Gather"), "attention": ("Attention",)}[keep]
    # The quantiser writes a product and a sum in place of a Gemm before it looks at names.
    return [
        f"{node.name}_MatMul" if node.op_type == "Gemm" else node.name
        for node in graph.node
        if node.op_type in kinds and (node.op_type != "Gather" or node.input[0] in tables)
    ]


@recipe(
    "ONNX, dynamic INT8 of the fused graph",
    needs=(FUSED,),
    libraries=OPTIMISERS,
    cpu=True,
    sources=SOURCES,
)
def int8_fused(
    model: ModelSource,
    folder: Path,
    inputs: dict[str, Path],
    weights: str = "s8",
    range: str = "safe",
    keep: str = "",
) -> Facts:
    """Quantise as src/model/onnx_files.py does, but for what is chosen. `weights` are s8 or u8; their `range`
    is safe from saturation on this CPU, or full. Raises ModelError where that changes nothing.
    """
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    name, arguments = quantisation(cpu_flags())
    if range == "full" and not arguments:
        raise ModelError("Weights have their full range on this CPU already: nothing saturates on it.")
    if range == "full":
        arguments = {}
    kept = left_in_fp32(inputs[FUSED] / FILE, keep) if keep else []
    quantize_dynamic(
        inputs[FUSED] / FILE,
        folder / FILE,
        per_channel=True,
        weight_type=QuantType.QUInt8 if weights == "u8" else QuantType.QInt8,
        nodes_to_exclude=kept,
        # Types within fused operators cannot be inferred.
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
        **arguments,
    )
    facts = {"configuration": name, "per_channel": True, "weights": weights, "kept": kept, **arguments}
    return {**facts, **describe(folder / FILE)}
