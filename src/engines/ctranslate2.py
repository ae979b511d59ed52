"""CTranslate2 on the CPU. It ends at the pooler, so the two-label head runs here, inside the timer."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from src.engines import options
from src.engines.base import Engine
from src.facts import Facts

HEAD = "head.npz"
COMPUTE = {"fp32": "float32", "int8": "int8_float32"}


def load_apart(encoder: Any, *arguments: Any, **settings: Any) -> Any:
    """Return CTranslate2's encoder, loaded in a thread that has ended.

    Loading computes with OpenMP. A thread that did and lives on, such as the main one, keeps its OpenMP
    threads for more work: with as many threads as CPUs libgomp then counts more threads than CPUs, and those
    of the engine sleep at each barrier instead of spinning (gcc.gnu.org/onlinedocs/libgomp, GOMP_SPINCOUNT).
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(encoder, *arguments, **settings).result()


class CTranslate2Engine(Engine):
    def load(self, artifact: str, threads: int) -> None:
        import ctranslate2

        self.runtime = ctranslate2
        self.threads = options.threads(self.spec, threads)
        asked = {"compute_type": COMPUTE[self.spec.precision]}
        asked.update({option.key: value for option, value in options.given(self.spec)})
        self.encoder = load_apart(
            ctranslate2.Encoder,
            artifact,
            device="cpu",
            intra_threads=self.threads,
            inter_threads=1,
            **asked,
        )
        if self.spec.options and self.encoder.compute_type != asked["compute_type"]:
            raise RuntimeError(
                "CTranslate2 takes %s for %s here" % (self.encoder.compute_type, asked["compute_type"])
            )
        with np.load(os.path.join(artifact, HEAD)) as head:
            self.weight, self.bias = head["weight"].T.copy(), head["bias"]

    def infer(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, token_type_ids: np.ndarray
    ) -> np.ndarray:
        view = self.runtime.StorageView.from_array
        output = self.encoder.forward_batch(
            view(input_ids.astype(np.int32)),
            view(attention_mask.sum(axis=1, dtype=np.int32)),  # right-padded, so a length says it all
            token_type_ids.tolist(),
        )
        return np.asarray(output.pooler_output) @ self.weight + self.bias

    def facts(self) -> Facts:
        return {
            "ctranslate2": self.runtime.__version__,
            "compute_type": self.encoder.compute_type,
            "cpu_can": sorted(self.runtime.get_supported_compute_types("cpu")),
            "threads": self.threads,
            **options.told(self.spec),
            "loaded_in": "a thread that has ended, so its OpenMP threads do not count",
            "caller_waits": True,  # its pool computes, and whoever called sleeps meanwhile
            "head": "float32, %d × %d, NumPy, inside the timer" % self.weight.shape,
        }
