"""torch.compile: the checkpoint through inductor, with frozen weights and dynamic lengths.

It is compiled when it is loaded, which its load time tells: the graph in each process anew, the C++ kernels
once, kept in the home folder.
"""

from __future__ import annotations

import os
import shutil
from typing import Optional, Sequence, Set, Tuple

import numpy as np

from src.engines.pytorch import PyTorchEngine
from src.engines.spec import EngineSpec, Missing
from src.facts import Facts
from src.home import home

TOKEN = 1037  # any word
# One of them compiles what inductor writes; CXX names another.
COMPILERS = ("g++", "clang++", "c++")


def example(shape: Tuple[int, ...]) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the three int64 arrays of some text of a shape (batch, sequence)."""
    ids = np.full(shape, TOKEN, dtype=np.int64)
    return ids, np.ones_like(ids), np.zeros_like(ids)


class TorchCompileEngine(PyTorchEngine):
    """Compiled once for a batch of one and any length; once more for the first larger batch."""

    @classmethod
    def lacks(cls, spec: EngineSpec) -> Optional[Missing]:
        wanted = os.environ.get("CXX", "").split()[:1] or COMPILERS
        if any(shutil.which(name) for name in wanted):
            return None
        return Missing(
            "It needs a C++ compiler, and there is none (%s)." % ", ".join(wanted),
            "Install one, on Debian: apt-get install g++",
        )

    def load(self, artifact: str, threads: int) -> None:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(home() / "inductor")
        # Compiling in this process: a pool of compilers would stay, and count as threads of the engine.
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
        super().load(artifact, threads)
        from torch._inductor import config

        config.freezing = True
        self.eager = self.model
        self.compile()

    def compile(self) -> None:
        self.model = self.torch.compile(self.eager, dynamic=True)
        self.ready: Set[bool] = set()  # for one text, for several
        self.prepare([(1, 16)])

    def prepare(self, shapes: Sequence[Tuple[int, int]]) -> None:
        for batch, sequence in shapes:
            if (batch > 1) in self.ready:
                continue
            self.ready.add(batch > 1)
            for length in (sequence, sequence + 1):  # the second shows that the length stays open
                self.infer(*example((batch, length)))

    def facts(self) -> Facts:
        from torch._dynamo.utils import counters

        model, self.model = self.model, self.eager
        found = super().facts()
        self.model = model
        fused = {
            name: number for name, number in counters["inductor"].items() if name.endswith("_matcher_count")
        }
        return {
            **found,
            "frozen": bool(self.torch._inductor.config.freezing),
            "graphs": counters["stats"]["unique_graphs"],
            "captured_calls": counters["stats"]["calls_captured"],
            "fusions": fused,
        }
