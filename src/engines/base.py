"""The contract of an engine: token ids in, two logits out, for every runtime alike."""

from __future__ import annotations

import importlib.util
from typing import List, Optional, Sequence, Tuple

import numpy as np

from src import cpu, environments
from src.engines.spec import EngineSpec, Missing
from src.facts import Facts


class Engine:
    """One engine of the registry. Heavy imports happen in `load`, never before."""

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec

    @classmethod
    def availability(cls, spec: EngineSpec) -> Optional[Missing]:
        """Return None when the engine can run here, else why not. Imports none of its packages."""
        trouble = environments.trouble(spec.environment)
        if trouble:
            return Missing(trouble.reason, trouble.remedy)
        failed = environments.failed_check(spec.environment, spec.id)
        if failed:
            return Missing(
                "It failed when its environment was checked: %s" % failed,
                environments.remedy(spec.environment) + " --anew",
            )
        if spec.cpu_flags and not cpu.flags() & set(spec.cpu_flags):
            return Missing(
                "This CPU has no %s." % " and no ".join(spec.cpu_flags),
                "Run it on a CPU that has one; this one would have to emulate it.",
            )
        absent = [name for name in spec.packages if importlib.util.find_spec(name) is None]
        if absent:
            return Missing(
                "Not installed: %s." % ", ".join(absent),
                "Run: pip install -r requirements.txt",
            )
        return cls.lacks(spec)

    @classmethod
    def lacks(cls, spec: EngineSpec) -> Optional[Missing]:
        """Return what else this runtime needs and has not, such as a device; None when it has all."""
        return None

    @classmethod
    def notes(cls, spec: EngineSpec) -> List[str]:
        """Return what its user should know beside the row's notes, as it depends on this host."""
        return []

    def load(self, artifact: str, threads: int) -> None:
        """Load the artifact's folder for `threads` threads. Raises whatever the runtime raises."""
        raise NotImplementedError

    def prepare(self, shapes: Sequence[Tuple[int, int]]) -> None:
        """Make ready for inputs of these shapes (batch, sequence), outside every timer: compile, build.

        They are all that are in use: what was made for others may go.
        """

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        """Return float32 logits [batch, 2] for three int64 arrays [batch, sequence]."""
        raise NotImplementedError

    def facts(self) -> Facts:
        """Return what really runs, read from the artifact and the runtime: versions, dtypes, threads.

        Asked after loading, and again after the first answers: some runtimes fuse and compile only then.
        """
        return {}

    def close(self) -> None:
        """Free what `load` took."""
