"""The recipe of OpenVINO's INT8 file: NNCF's post-training quantisation of Optimum's export."""

from pathlib import Path

from src.facts import Facts
from src.model import calibration
from src.model.onnx_files import CHECKPOINT, EXPORT
from src.model.onnx_files import FILE as ONNX
from src.model.recipe import recipe
from src.model.source import ModelSource

FILE = "model.xml"  # what src/engines/openvino.py loads, with model.bin beside it


@recipe(
    "OpenVINO, INT8 by NNCF",
    needs=(EXPORT, CHECKPOINT),
    libraries=("openvino", "nncf"),
    cpu=True,
    sources=(Path(calibration.__file__), calibration.SENTENCES),
)
def int8(model: ModelSource, folder: Path, inputs: dict[str, Path]) -> Facts:
    """Quantise weights and activations with ranges seen on real sentences."""
    import nncf
    import openvino

    samples = calibration.samples(inputs[CHECKPOINT] / "tokenizer.json")
    quantised = nncf.quantize(
        openvino.Core().read_model(inputs[EXPORT] / ONNX),
        nncf.Dataset(samples),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(samples),
    )
    openvino.save_model(quantised, folder / FILE, compress_to_fp16=False)
    kinds = [node.get_type_name() for node in quantised.get_ordered_ops()]
    return {
        **calibration.facts(),
        "operators": {kind: kinds.count(kind) for kind in sorted(set(kinds)) if kind != "Constant"},
    }
