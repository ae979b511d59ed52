"""A process that finds out how fast matrix products and copies are here.

    python -m src.doctor.kernels THREADS BYTES,BYTES CPU,CPU

It prints JSON: 10⁹ operations a second by precision and library, 10⁹ bytes a second by size, and the
libraries' releases. Each is the best of many calls: a peak, which a disturbance cannot raise.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIDES = (512, 1024)  # of square matrices: one fits in most second caches, the other keeps cores busier
SECONDS = 0.6  # for each


def best_s(call: Callable[[], Any]) -> float:
    """Return the least seconds that a call took, of as many as there is time for."""
    end = time.perf_counter() + SECONDS
    best = float("inf")
    while time.perf_counter() < end:
        before = time.perf_counter_ns()
        call()
        best = min(best, (time.perf_counter_ns() - before) / 1e9)
    return best


def torch_products(side: int) -> dict[str, Callable[[], Any]]:
    """Return what multiplies two square matrices by PyTorch, by precision."""
    import torch

    a, b = torch.rand(side, side), torch.rand(side, side)
    bytes_a, bytes_b = (torch.randint(-100, 100, (side, side), dtype=torch.int8) for _ in range(2))
    products: dict[str, Callable[[], Any]] = {"fp32": lambda: torch.mm(a, b)}
    try:
        torch._int_mm(bytes_a, bytes_b)
    except (AttributeError, RuntimeError):  # not in every release, nor on every CPU
        return products
    return {**products, "int8": lambda: torch._int_mm(bytes_a, bytes_b)}


def onnxruntime_products(side: int, threads: int) -> dict[str, Callable[[], Any]]:
    """Return what multiplies a matrix with a constant one by ONNX Runtime, as its linear layers do."""
    random = np.random.default_rng(0)
    return {
        "fp32": onnx_product("MatMul", random.random((2, side, side), np.float32), threads),
        "int8": onnx_product(
            "MatMulInteger",
            (
                random.integers(0, 255, (side, side), np.uint8),
                random.integers(-100, 100, (side, side), np.int8),
            ),
            threads,
        ),
    }


def onnx_product(operator: str, matrices: Any, threads: int) -> Callable[[], Any]:
    """Return what runs a graph of one product."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    left, right = matrices
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.uint8): TensorProto.UINT8}
    out = TensorProto.FLOAT if operator == "MatMul" else TensorProto.INT32
    graph = helper.make_graph(
        [helper.make_node(operator, ["left", "right"], ["out"])],
        "product",
        [helper.make_tensor_value_info("left", types[left.dtype], left.shape)],
        [helper.make_tensor_value_info("out", out, left.shape)],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return lambda: session.run(None, {"left": left})


def bandwidth(size: int) -> float:
    """Return 10⁹ bytes a second of a copy, read and written, or of a sum, which only reads: whichever moves
    more of `size` bytes.
    """
    import torch

    origin, copy = torch.zeros(size // 2, dtype=torch.int8), torch.ones(size // 2, dtype=torch.int8)
    values = torch.zeros(size // 4)
    return size / min(best_s(lambda: copy.copy_(origin)), best_s(values.sum)) / 1e9


def measure(threads: int, sizes: list[int]) -> dict[str, Any]:
    """Return what this process measures on the CPUs it is given."""
    import onnxruntime
    import torch

    torch.set_num_threads(threads)
    peaks: dict[str, dict[str, float]] = {"fp32": {}, "int8": {}}
    for side in SIDES:
        for library, products in (
            ("torch", torch_products(side)),
            ("onnxruntime", onnxruntime_products(side, threads)),
        ):
            for precision, call in products.items():
                call()
                rate = 2 * side**3 / best_s(call) / 1e9
                peaks[precision][library] = max(rate, peaks[precision].get(library, 0.0))
    return {
        "peaks": peaks,
        "bandwidth": {str(size): bandwidth(size) for size in sizes},
        "libraries": {"torch": torch.__version__, "onnxruntime": onnxruntime.__version__},
    }


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [int(cpu) for cpu in sys.argv[3].split(",")])
    print(json.dumps(measure(int(sys.argv[1]), [int(size) for size in sys.argv[2].split(",")])))
