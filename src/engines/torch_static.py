"""torch.compile with a graph for each input shape: inductor's, of AMD's zentorch, and of torchao's INT8.

A graph of one shape has nothing to find out when it is called, one of an open length has. It takes seconds to
compile, in each process anew, as inductor keeps no graph whose weights are frozen. So there is one for every
eighth length: a text is padded to the next, inside the timer, and the attention mask hides what was added.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import numpy as np

from src import environments
from src.engines.spec import EngineSpec, Missing
from src.engines.torch_compile import TorchCompileEngine, example
from src.facts import Facts

STEP = 8  # tokens from one length to the next
SPARE_SHAPES = 8  # compiled ones that are kept: each holds its packed weights anew
# After so many graphs of one function torch would call it uncompiled and say nothing. Here it raises.
MOST_GRAPHS = 1024
OPERATORS = "zentorch::"  # how the names of zentorch's own begin
# Releases of zentorch that cannot compile what torchao quantised: a check of theirs
# (_qop_replacement.py, of a conversion to float64) returns a set, and torch raises unless it is a bool.
CANNOT_QUANTISE = ("2.13.0.2",)

Graph = Callable[..., Any]  # three int64 tensors [batch, sequence] in, logits [batch, 2] out


class StaticCompileEngine(TorchCompileEngine):
    """Inductor's graphs, called by way of its C++ wrapper."""

    backend = "inductor"
    cpp_wrapper = True

    def compile(self) -> None:
        from torch._dynamo import config as dynamo
        from torch._inductor import config as inductor

        dynamo.recompile_limit = dynamo.accumulated_recompile_limit = MOST_GRAPHS
        dynamo.fail_on_recompile_limit_hit = True
        inductor.cpp_wrapper = self.cpp_wrapper
        self.logits = with_logits_only(self.torch, self.eager)
        self.graphs: Dict[Tuple[int, ...], Graph] = {}

    def prepare(self, shapes: Sequence[Tuple[int, int]]) -> None:
        asked = dict.fromkeys(map(whole, shapes))
        if len({*self.graphs, *asked}) > max(SPARE_SHAPES, len(asked)):
            self.graphs.clear()
            self.torch.compiler.reset()
        for shape in asked:
            if shape not in self.graphs:
                self.graphs[shape] = self.graph(shape)
                self.infer(*example(shape))  # compiles

    def graph(self, shape: Tuple[int, int]) -> Graph:
        """Return what is compiled by its first call, for this shape."""
        return self.torch.compile(self.logits, backend=self.backend, dynamic=False)

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        arrays = [input_ids, attention_mask, token_type_ids]
        short = -input_ids.shape[1] % STEP
        if short:  # token 0 is BERT's padding
            arrays = [np.pad(array, ((0, 0), (0, short))) for array in arrays]
        graph = self.graphs[arrays[0].shape]
        with self.torch.inference_mode():
            return graph(*map(self.torch.from_numpy, arrays)).float().numpy()

    def facts(self) -> Facts:
        return {
            **super().facts(),
            "backend": self.backend,
            "cpp_wrapper": self.cpp_wrapper,
            "shapes": ["%d × %d" % shape for shape in self.graphs],
        }


class ZentorchEngine(StaticCompileEngine):
    """AMD's extension of PyTorch, as a backend of torch.compile."""

    backend = "zentorch"
    cpp_wrapper = False

    def compile(self) -> None:
        import zentorch  # registers the backend

        assert zentorch
        super().compile()

    def facts(self) -> Facts:
        return {**super().facts(), "zentorch": version("zentorch"), "operators": self.operators()}

    def operators(self) -> Dict[str, int]:
        """Return how often one call uses each operator of zentorch, as torch's profiler sees it."""
        if not self.graphs:
            return {}
        activity = self.torch.profiler.ProfilerActivity.CPU
        with self.torch.profiler.profile(activities=[activity]) as profile:
            self.infer(*example(next(reversed(self.graphs))))
        counted = ((event.key, event.count) for event in profile.key_averages())
        return {name: count for name, count in counted if name.startswith(OPERATORS)}


class TorchAoEngine(StaticCompileEngine):
    """Quantised as torchao does for x86: dynamic INT8 of each linear layer, then compiled by inductor."""

    def graph(self, shape: Tuple[int, int]) -> Graph:
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

        given = tuple(map(self.torch.from_numpy, example(shape)))
        quantiser = x86.X86InductorQuantizer()
        quantiser.set_global(x86.get_default_x86_inductor_quantization_config(is_dynamic=True))
        prepared = prepare_pt2e(self.torch.export.export(self.logits, given).module(), quantiser)
        prepared(*given)
        return self.torch.compile(convert_pt2e(prepared), backend=self.backend, dynamic=False)

    def facts(self) -> Facts:
        return {**super().facts(), "torchao": version("torchao")}


class QuantisedZentorchEngine(ZentorchEngine, TorchAoEngine):
    """What torchao quantised, compiled by zentorch."""

    @classmethod
    def lacks(cls, spec: EngineSpec) -> Optional[Missing]:
        release = environments.installed_versions(spec.environment).get("zentorch", "")
        if release in CANNOT_QUANTISE:
            return Missing(
                "zentorch %s cannot compile a graph that is quantised dynamically: one of its checks returns "
                "a set where torch wants True or False." % release,
                "A later zentorch may; until then torchao-int8 runs the same graph with inductor.",
            )
        return super().lacks(spec)


def whole(shape: Tuple[int, int]) -> Tuple[int, int]:
    """Return the shape (batch, sequence) of the graph that answers inputs of a shape."""
    batch, sequence = shape
    return batch, sequence + -sequence % STEP


def with_logits_only(torch: Any, model: Any) -> Any:
    """Return a module that takes three tensors by position and returns the model's logits."""

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            return self.model(input_ids=ids, attention_mask=mask, token_type_ids=types).logits

    return Logits().eval()
