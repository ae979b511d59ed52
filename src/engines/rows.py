"""What a row of the registry is made of: its helper, and what several rows say."""

from __future__ import annotations

from typing import Any, Optional

from src.engines.spec import EngineSpec

BF16_FLAGS = ("avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16")
TORCHSCRIPT_ENDS = "TorchScript is deprecated as of torch 2.11: kept because the write-up used it."
IPEX_ENDS = "End of life: Intel ended its development with 2.8. What replaced it is in PyTorch itself."
LIKE_2021 = (
    "Made as the write-up's harness did, with the classifier and all three inputs, which that left out."
)
STATIC_SHAPES = "Compiled for each input shape, which is never timed: the first call with a new one is later."

HANDS_OVER = "Threads of its own compute while the caller sleeps: one thread more than asked runs, in turns."

ORT = ("onnxruntime", "onnx", "optimum", "torch", "transformers")


def row(id: str, title: str, implementation: str, recipe: Optional[str] = None, **more: Any) -> EngineSpec:
    """Return a row whose runtime and precision are what the id says: RUNTIME-PRECISION, unless given.

    `implementation` and `recipe` lack the packages they are in.
    """
    runtime, _, precision = id.rpartition("-")
    more = {"runtime": runtime, "precision": precision, **more}
    return EngineSpec(
        id,
        title,
        implementation="src.engines." + implementation,
        recipe=recipe and "src.model." + recipe,
        **more,
    )
