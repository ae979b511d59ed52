"""ONNX Runtime, for every ONNX file whatever its precision, on its CPU or another execution provider."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections import Counter
from typing import Dict, List, Optional, Tuple, Union

import numpy as np

from src import environments
from src.engines import options as engine_options
from src.engines.base import Engine
from src.engines.spec import EngineSpec, Missing
from src.facts import Facts

FILE = "model.onnx"
ASSIGNMENT = "session.record_ep_graph_assignment_info"  # for which node runs where; newer than 1.10
Provider = Union[str, Tuple[str, Facts]]


def provider_file(name: str) -> bool:
    """Tell whether the installed build of ONNX Runtime has this provider, without importing it."""
    found = importlib.util.find_spec("onnxruntime")
    places = list(found.submodule_search_locations or []) if found else []
    return any(
        os.path.exists(os.path.join(place, "capi", "libonnxruntime_providers_%s.so" % name))
        for place in places
    )


def library() -> str:
    """Return the path of the runtime itself, behind its Python module."""
    return importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state").__file__ or ""


class OnnxRuntimeEngine(Engine):
    def providers(self, artifact: str) -> List[Provider]:
        return ["CPUExecutionProvider"]

    def load(self, artifact: str, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # An explicit number: the default is the host's cores, not the allowed ones. Spinning stays as it
        # comes.
        options.intra_op_num_threads = engine_options.threads(self.spec, threads)
        options.inter_op_num_threads = 1
        if hasattr(onnxruntime.InferenceSession, "get_provider_graph_assignment_info"):
            options.add_session_config_entry(ASSIGNMENT, "1")
        for option, value in engine_options.given(self.spec, options.intra_op_num_threads):
            if not engine_options.has_text(library(), option.key):
                raise RuntimeError("This release ignores the option %s (%s)." % (option.name, option.key))
            options.add_session_config_entry(option.key, value)
        self.runtime = onnxruntime
        self.options = options
        self.session = onnxruntime.InferenceSession(
            os.path.join(artifact, FILE), options, providers=self.providers(artifact)
        )
        self.outputs = [self.session.get_outputs()[0].name]

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        feed = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        return self.session.run(self.outputs, feed)[0]

    def facts(self) -> Facts:
        options = self.session.get_session_options()
        return {
            "onnxruntime": self.runtime.__version__,
            "providers": self.session.get_providers(),
            "threads": options.intra_op_num_threads,
            "inputs": [given.name for given in self.session.get_inputs()],
            "logits_dtype": self.session.get_outputs()[0].type,
            **engine_options.told(self.spec),
            **self.assignment(),
        }

    def assignment(self) -> Facts:
        """Return which operators run on which provider, after the runtime's own fusions; nothing where it
        does not tell.
        """
        if not hasattr(self.session, "get_provider_graph_assignment_info"):
            return {}
        found: Dict[str, Counter[str]] = {}
        for part in self.session.get_provider_graph_assignment_info():
            nodes = found.setdefault(part.ep_name, Counter())
            nodes.update(node.op_type for node in part.get_nodes())
        return {"nodes": {provider: dict(nodes.most_common()) for provider, nodes in found.items()}}


class PortableEngine(OnnxRuntimeEngine):
    """A file that the environment `2021` makes, or that is made of one."""

    @classmethod
    def lacks(cls, spec: EngineSpec) -> Optional[Missing]:
        trouble = environments.trouble("2021")
        if not trouble:
            return None
        return Missing("The environment “2021” makes its file. " + trouble.reason, trouble.remedy)


class OneDnnEngine(OnnxRuntimeEngine):
    """ONNX Runtime built with oneDNN, as the write-up's was."""

    @classmethod
    def lacks(cls, spec: EngineSpec) -> Optional[Missing]:
        if provider_file("dnnl"):
            return None
        return Missing(
            "The installed build of ONNX Runtime has no oneDNN provider; the registry's never has.",
            "Build it with --use_dnnl (onnxruntime.ai/docs/build/eps.html) and install that.",
        )

    def providers(self, artifact: str) -> List[Provider]:
        return ["DnnlExecutionProvider", "CPUExecutionProvider"]
