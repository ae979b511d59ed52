"""Intel Extension for PyTorch: its own fusions and kernels in a traced and frozen graph."""

from __future__ import annotations

from collections import Counter

from src.engines.torchscript import TorchScriptEngine
from src.facts import Facts


class IpexEngine(TorchScriptEngine):
    def load(self, artifact: str, threads: int) -> None:
        import intel_extension_for_pytorch as ipex  # registers the operators that the file names

        self.ipex = ipex
        super().load(artifact, threads)

    def facts(self) -> Facts:
        executed = self.torch.jit.last_executed_optimized_graph()  # None before the first call
        kinds = Counter(node.kind() for node in executed.nodes()) if executed else Counter()
        return {
            **super().facts(),
            "ipex": self.ipex.__version__,
            "isa": self.ipex._C._get_current_isa_level(),
            "fused": {kind: count for kind, count in kinds.items() if kind.startswith("ipex")},
        }
