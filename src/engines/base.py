"""The contract of an engine: token ids in, two logits out, for every runtime alike."""

from __future__ import annotations

import importlib.util
from typing import Any, Dict, Optional

import numpy as np

from src.engines.spec import EngineSpec, Missing


class Engine:
    """One engine of the registry. Heavy imports happen in `load`, never before."""

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec

    @classmethod
    def availability(cls, spec: EngineSpec) -> Optional[Missing]:
        """Return None when the engine can run here, else why not. Imports none of its packages."""
        absent = [name for name in spec.packages if importlib.util.find_spec(name) is None]
        if absent:
            return Missing(
                "Not installed: %s." % ", ".join(absent),
                "Run: pip install -r requirements.txt",
            )
        return None

    def load(self, artifact: str, threads: int) -> None:
        """Load the artifact's folder for `threads` threads. Raises whatever the runtime raises."""
        raise NotImplementedError

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        """Return float32 logits [batch, 2] for three int64 arrays [batch, sequence]."""
        raise NotImplementedError

    def facts(self) -> Dict[str, Any]:
        """Return what really runs, read from the artifact and the runtime: versions, dtypes, threads."""
        return {}

    def close(self) -> None:
        """Free what `load` took."""
