"""The recipe of OpenVINO's INT8 file with choices of NNCF's quantiser (src/engines/options.py declares them):
whether activations are symmetric, and whether their outliers are moved into the weights before.
"""

from pathlib import Path
from typing import Any

from src.facts import Facts
from src.model import calibration
from src.model.onnx_files import CHECKPOINT, EXPORT
from src.model.onnx_files import FILE as ONNX
from src.model.openvino_files import FILE
from src.model.recipe import recipe
from src.model.source import ModelSource


def chosen(activations: str, smooth: str) -> dict[str, Any]:
    """Return what NNCF is given beside what src/model/openvino_files.py gives it. Its usual preset for a
    Transformer is `mixed`: weights are symmetric around zero, activations are not.
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
    model: ModelSource, folder: Path, inputs: dict[str, Path], activations: str = "", smooth: str = ""
) -> Facts:
    """Quantise as src/model/openvino_files.py does, but for what is chosen."""
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
    return {**calibration.facts(), "activations": activations or "asymmetric", "smoothed": smooth != "off"}
