"""The recipe of OpenVINO's INT8 file: NNCF's post-training quantisation of Optimum's export, with choices of
its quantiser (src/engines/options.py declares them).
"""

from pathlib import Path
from typing import Any

from src.facts import Facts
from src.model import calibration
from src.model.onnx_files import CHECKPOINT, EXPORT
from src.model.onnx_files import FILE as ONNX
from src.model.recipe import recipe
from src.model.source import ModelSource

FILE = "model.xml"  # what src/engines/openvino.py loads, with model.bin beside it


def chosen(activations: str, smooth: str) -> dict[str, Any]:
    """Return what NNCF is told of what is chosen. Its usual preset for a Transformer is `mixed`: weights are
    symmetric around zero, activations are not.
    """
    import nncf

    arguments: dict[str, Any] = {}
    if activations == "symmetric":
        arguments["preset"] = nncf.QuantizationPreset.PERFORMANCE
    if smooth == "off":  # a negative alpha switches it off for a kind of layer
        none = nncf.AdvancedSmoothQuantParameters(convolution=-1, matmul=-1)
        arguments["advanced_parameters"] = nncf.AdvancedQuantizationParameters(smooth_quant_alphas=none)
    return arguments


@recipe(
    "OpenVINO, INT8 by NNCF",
    needs=(EXPORT, CHECKPOINT),
    libraries=("openvino", "nncf"),
    cpu=True,
    sources=(Path(calibration.__file__), calibration.SENTENCES),
)
def int8(
    model: ModelSource,
    folder: Path,
    inputs: dict[str, Path],
    activations: str = "asymmetric",
    smooth: str = "on",
) -> Facts:
    """Quantise weights and activations with ranges seen on real sentences."""
    import nncf
    import openvino

    samples = calibration.samples(inputs[CHECKPOINT] / "tokenizer.json")
    quantised = nncf.quantize(
        openvino.Core().read_model(inputs[EXPORT] / ONNX),
        nncf.Dataset(samples),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(samples),
        **chosen(activations, smooth),
    )
    openvino.save_model(quantised, folder / FILE, compress_to_fp16=False)
    kinds = [node.get_type_name() for node in quantised.get_ordered_ops()]
    return {
        **calibration.facts(),
        "activations": activations,
        "smoothed": smooth == "on",
        "operators": {kind: kinds.count(kind) for kind in sorted(set(kinds)) if kind != "Constant"},
    }
