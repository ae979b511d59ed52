"""OpenVINO on the CPU: one compiled model per input shape, at exactly the precision of the row."""

from __future__ import annotations

import os
from collections import Counter, OrderedDict
from typing import Any, Dict, Sequence, Tuple

import numpy as np

from src.engines import options
from src.engines.base import Engine
from src.engines.spec import EngineSpec
from src.facts import Facts

FILES = ("model.xml", "model.onnx")  # the quantised file is OpenVINO's own, the other Optimum's export
# Left to itself it may compute FP32 models in BF16 where the CPU can.
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}  # of INT8: what is not quantised
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
READABLE = ("INFERENCE_PRECISION_HINT", "CPU_DENORMALS_OPTIMIZATION", "ENABLE_CPU_PINNING", "NUM_STREAMS")
ANY_SHAPE = (-1, -1)
SPARE_SHAPES = 8  # compiled ones that are kept: each takes some 55 MB, as it holds its weights anew


def model_file(artifact: str) -> str:
    """Return the path of the file that is compiled."""
    paths = (os.path.join(artifact, name) for name in FILES)
    return next(path for path in paths if os.path.exists(path))


def properties(spec: EngineSpec, threads: int) -> Facts:
    """Return what a model is compiled with, by OpenVINO's names, for an engine that uses so many threads."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": PRECISIONS[spec.precision],
        # The process is pinned already, to as many CPUs as threads.
        "ENABLE_CPU_PINNING": False,
        **{option.key: value for option, value in options.given(spec)},
    }


class OpenVinoEngine(Engine):
    def load(self, artifact: str, threads: int) -> None:
        import openvino

        self.openvino = openvino
        self.core = openvino.Core()
        self.model = self.core.read_model(model_file(artifact))
        self.settings = properties(self.spec, options.threads(self.spec, threads))
        self.compiled: "OrderedDict[Tuple[int, ...], Tuple[Any, Any]]" = OrderedDict()

    def prepare(self, shapes: Sequence[Tuple[int, int]]) -> None:
        for shape in shapes:
            if shape not in self.compiled:
                self.compiled[shape] = self.compile(shape)
            self.compiled.move_to_end(shape)
        while len(self.compiled) > max(SPARE_SHAPES, len(set(shapes))):
            self.compiled.popitem(last=False)

    def compile(self, shape: Tuple[int, int]) -> Tuple[Any, Any]:
        """Return the model compiled for one shape, and what answers with it."""
        model = self.model.clone()
        model.reshape({name: self.openvino.PartialShape(list(shape)) for name in INPUTS})
        compiled = self.core.compile_model(model, "CPU", self.settings)
        for option, value in options.given(self.spec):
            if option.key in READABLE and not took(compiled.get_property(option.key), value):
                raise RuntimeError("OpenVINO ignores the option %s (%s) here." % (option.name, option.key))
        return compiled, compiled.create_infer_request()

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        given = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
        }
        return self.answering(input_ids.shape).infer(given, share_inputs=True)[0]

    def answering(self, shape: Tuple[int, ...]) -> Any:
        """Return what answers inputs of a shape that was prepared."""
        return self.compiled[shape][1]

    def facts(self) -> Facts:
        found: Facts = {
            "openvino": self.openvino.__version__,
            "cpu_can": self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
            **options.told(self.spec),
            "shapes": ["%d × %d" % shape for shape in self.compiled],
            "weights": dict(
                Counter(
                    str(node.get_element_type().to_string())
                    for node in self.model.get_ordered_ops()
                    if node.get_type_name() == "Constant"
                    and node.get_output_size()
                    and np.prod(node.shape) > 1
                )
            ),
        }
        if self.compiled:
            compiled, _ = next(reversed(self.compiled.values()))
            found["inference_precision"] = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
            found["threads"] = compiled.get_property("INFERENCE_NUM_THREADS")
            found["streams"] = compiled.get_property("NUM_STREAMS")
            nodes = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
            found["operators"] = counted(nodes, "layerType")
            found["precisions"] = counted(nodes, "runtimePrecision")
            found["kernels"] = counted(nodes, "primitiveType")
        return found


class OpenVinoDynamicEngine(OpenVinoEngine):
    """Compiled once, for any batch and length."""

    def prepare(self, shapes: Sequence[Tuple[int, int]]) -> None:
        if not self.compiled:
            self.compiled[ANY_SHAPE] = self.compile(ANY_SHAPE)

    def answering(self, shape: Tuple[int, ...]) -> Any:
        return self.compiled[ANY_SHAPE][1]

    def facts(self) -> Facts:
        return {**super().facts(), "shapes": ["any"]}


def took(told: Any, asked: Any) -> bool:
    """Tell whether a property that was read is what was asked for."""
    return (told.to_string() if hasattr(told, "to_string") else told) == asked


def counted(nodes: Any, name: str) -> Dict[str, int]:
    """Return how often each value of a runtime property occurs; constants are no work."""
    told = [node for node in nodes if str(value_of(node, "layerType")) not in ("Const", "Input", "Output")]
    return dict(Counter(value_of(node, name) for node in told).most_common())


def value_of(node: Any, name: str) -> str:
    found = node[name]
    return str(getattr(found, "value", found))
