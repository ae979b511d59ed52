"""Hot loops: an engine's call written by hand, alone in a process, over and over without a pause.

    PYTHON -I src/doctor/hot_loop.py

It checks the worker's figures and so shares none of its code: it imports nothing of this project. Runs on
Python 3.9 too, in the engine's own environment. The first line of its input, one JSON object:

    {"runtime": one of LOADERS, "precision": "fp32", "folder": the artifact's, "tokenizer": a tokenizer.json,
     "threads": 2, "cpus": [0, 1], "texts": {"16": [texts of so many tokens]},
     "scopes": ["model", "pipeline"], "warm_up_s": 0.5, "parent": process id}

It loads, warms up each length and scope, and answers {"ready": true, "label": the index that the first text's
logits are highest at}. Each further line, {"length", "scope", "settle_s", "seconds"}, is one loop: untimed
for `settle_s`, then timed for `seconds`, at least. Answers {length, scope, median_ns, p05_ns, calls}. The
input's end is its own, as is the end of its parent.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import Any

FEWEST_WARM_UP_CALLS, FEWEST_CALLS = 60, 20
FEWEST_SETTLE_CALLS, FEWEST_SLOW_SETTLE_CALLS, SLOW_CALL_NS = 30, 5, 50e6
PR_SET_PDEATHSIG = 1  # from linux/prctl.h
MAX_TOKENS = 512
NAMES = ("input_ids", "attention_mask", "token_type_ids")
Request = dict[str, Any]  # the first line of the input
Call = Callable[..., Any]  # three int64 arrays [1, tokens] in, float32 logits [1, 2] out
Inputs = Sequence[tuple[Any, ...]]


# --- one function a runtime: load, and return what calls it


def load_onnxruntime(request: Request, providers: Sequence[Any] = ("CPUExecutionProvider",)) -> Call:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    options.inter_op_num_threads = 1
    path = os.path.join(request["folder"], "model.onnx")
    session = onnxruntime.InferenceSession(path, options, providers=list(providers))
    logits = [session.get_outputs()[0].name]

    def call(ids: Any, mask: Any, types: Any) -> Any:
        return session.run(logits, {"input_ids": ids, "attention_mask": mask, "token_type_ids": types})[0]

    return call


def load_torchscript(request: Request, registers: str = "") -> Call:
    import torch

    if registers:  # the operators that the file names
        importlib.import_module(registers)
    torch.set_num_threads(request["threads"])
    torch.set_grad_enabled(False)
    module = torch.jit.load(os.path.join(request["folder"], "model.pt")).eval()
    tensor, inference_mode = torch.from_numpy, torch.inference_mode

    def call(ids: Any, mask: Any, types: Any) -> Any:
        with inference_mode():
            return module(tensor(ids), tensor(mask), tensor(types)).numpy()

    return call


def load_pytorch(request: Request, compiled: bool = False, dynamic: bool = True) -> Call:
    import torch
    from transformers import BertForSequenceClassification

    torch.set_num_threads(request["threads"])
    torch.set_grad_enabled(False)
    dtype = torch.bfloat16 if request["precision"] == "bf16" else torch.float32
    model = BertForSequenceClassification.from_pretrained(
        request["folder"], attn_implementation="sdpa", dtype=dtype, local_files_only=True
    ).eval()
    if compiled:
        model = torch.compile(model, dynamic=dynamic)
    tensor, inference_mode = torch.from_numpy, torch.inference_mode

    def call(ids: Any, mask: Any, types: Any) -> Any:
        with inference_mode():
            output = model(input_ids=tensor(ids), attention_mask=tensor(mask), token_type_ids=tensor(types))
            return output.logits.float().numpy()

    return call


def load_torch_compile(request: Request, dynamic: bool = True) -> Call:
    import numpy as np

    # What is compiled is kept where the engine keeps it, so that both run the same kernels.
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(os.environ["AWIY_HOME"], "inductor")
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    import torch._inductor.config

    torch._inductor.config.freezing, torch._inductor.config.cpp_wrapper = True, not dynamic
    call = load_pytorch(request, True, dynamic)
    # Of two lengths the second shows that the length stays open.
    for length in (16, 17) if dynamic else map(int, request["texts"]):
        ids = np.full((1, length), 1037, dtype=np.int64)
        call(ids, np.ones_like(ids), np.zeros_like(ids))
    return call


def load_openvino(request: Request, any_length: bool = False) -> Call:
    import openvino

    core = openvino.Core()
    paths = [os.path.join(request["folder"], name) for name in ("model.xml", "model.onnx")]
    model = core.read_model(next(path for path in paths if os.path.exists(path)))
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": request["threads"],
        "INFERENCE_PRECISION_HINT": "bf16" if request["precision"] == "bf16" else "f32",
        "ENABLE_CPU_PINNING": False,
    }
    requests = {}
    for length in map(int, request["texts"]):
        static = model.clone()
        static.reshape({name: openvino.PartialShape([1, -1 if any_length else length]) for name in NAMES})
        requests[length] = core.compile_model(static, "CPU", settings).create_infer_request()

    def call(ids: Any, mask: Any, types: Any) -> Any:
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return requests[ids.shape[1]].infer(feed, share_inputs=True)[0]

    return call


def load_onnxruntime_openvino(request: Request) -> Call:
    settings = {"device_type": "CPU", "precision": "FP32", "num_streams": "1"}
    settings["num_of_threads"] = str(request["threads"])
    return load_onnxruntime(request, (("OpenVINOExecutionProvider", settings), "CPUExecutionProvider"))


def load_ctranslate2(request: Request) -> Call:
    import ctranslate2
    import numpy as np

    load = partial(ctranslate2.Encoder, device="cpu", intra_threads=request["threads"])
    kind = "int8_float32" if request["precision"] == "int8" else "float32"
    with ThreadPoolExecutor(1) as thread:  # else its threads sleep (docs/methodology.md)
        encoder = thread.submit(load, request["folder"], compute_type=kind).result()
    with np.load(os.path.join(request["folder"], "head.npz")) as head:
        weight, bias = np.ascontiguousarray(head["weight"].T), head["bias"]
    view = ctranslate2.StorageView.from_array

    def call(ids: Any, mask: Any, types: Any) -> Any:
        lengths = view(mask.sum(axis=1, dtype=np.int32))
        output = encoder.forward_batch(view(ids.astype(np.int32)), lengths, types.tolist())
        return np.asarray(output.pooler_output) @ weight + bias

    return call


LOADERS: dict[str, Callable[[Request], Call]] = {
    "onnxruntime": load_onnxruntime,
    "onednn": partial(load_onnxruntime, providers=("DnnlExecutionProvider", "CPUExecutionProvider")),
    "torchscript": load_torchscript,
    "ipex": partial(load_torchscript, registers="intel_extension_for_pytorch"),
    "pytorch": load_pytorch,
    "torch_compile": load_torch_compile,
    "torch_static": partial(load_torch_compile, dynamic=False),
    "openvino": load_openvino,
    "openvino_dynamic": partial(load_openvino, any_length=True),
    "onnxruntime_openvino": load_onnxruntime_openvino,
    "ctranslate2": load_ctranslate2,
}


# --- text in, label out


def reader(path: str) -> Callable[[str], tuple[Any, ...]]:
    """Return what makes the three int64 arrays [1, tokens] of a text."""
    import numpy as np
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=MAX_TOKENS)

    def read(text: str) -> tuple[Any, ...]:
        encoding = tokenizer.encode(text)
        columns = (encoding.ids, encoding.attention_mask, encoding.type_ids)
        return tuple(np.array([column], dtype=np.int64) for column in columns)

    return read


def pipeline(read: Callable[[str], tuple[Any, ...]], call: Call) -> Callable[[str], int]:
    """Return what answers a text with its label's index: tokenise, infer, softmax."""
    import numpy as np

    def answer(text: str) -> int:
        logits = call(*read(text))
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        return int(shares[0].argmax())

    return answer


# --- the loop


def time_calls(call: Callable[..., Any], inputs: Inputs, seconds: float, fewest: int) -> list[int]:
    """Return the nanoseconds of each call over rotating inputs: `fewest`, more until `seconds` have gone."""
    clock = time.perf_counter_ns
    samples: list[int] = []
    total = len(inputs)
    until, after = clock() + int(seconds * 1e9), 0
    while after < until or len(samples) < fewest:
        arguments = inputs[len(samples) % total]
        before = clock()
        call(*arguments)
        after = clock()
        samples.append(after - before)
    return samples


class Loop:
    """What is called, over which inputs; warmed up for `warm_up_s` seconds, at least."""

    def __init__(self, call: Callable[..., Any], inputs: Inputs, warm_up_s: float) -> None:
        self.call, self.inputs = call, inputs
        slow = median(time_calls(call, inputs, warm_up_s, FEWEST_WARM_UP_CALLS)) > SLOW_CALL_NS
        self.settle_calls = FEWEST_SLOW_SETTLE_CALLS if slow else FEWEST_SETTLE_CALLS

    def run(self, settle_s: float, seconds: float) -> dict[str, Any]:
        """Return {median_ns, p05_ns, calls} of one loop."""
        gc.collect()
        gc.disable()
        try:
            time_calls(self.call, self.inputs, settle_s, self.settle_calls)
            samples = time_calls(self.call, self.inputs, seconds, FEWEST_CALLS)
        finally:
            gc.enable()
        samples.sort()
        return {"median_ns": median(samples), "p05_ns": samples[len(samples) // 20], "calls": len(samples)}


def prepare(request: Request) -> tuple[dict[tuple[int, str], Loop], int]:
    """Return the loops by token count and scope, and the first text's label."""
    call = LOADERS[request["runtime"]](request)
    read = reader(request["tokenizer"])
    answer = pipeline(read, call)
    loops = {}
    for length, texts in request["texts"].items():
        arrays = [read(text) for text in texts]
        lengths = {ids.shape[1] for ids, _, _ in arrays}
        if lengths != {int(length)}:
            raise ValueError("texts of %s tokens were promised; they have %s" % (length, sorted(lengths)))
        for scope in request["scopes"]:
            target, inputs = (call, arrays) if scope == "model" else (answer, [(text,) for text in texts])
            loops[int(length), scope] = Loop(target, inputs, request["warm_up_s"])
    return loops, answer(next(iter(request["texts"].values()))[0])


def end_with(parent: int) -> None:
    """Have the kernel kill this process, stopped or not, when its parent ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # a runtime may print as well
    request = json.loads(sys.stdin.readline())
    end_with(request["parent"])
    if hasattr(os, "sched_setaffinity"):  # before any library counts the CPUs
        os.sched_setaffinity(0, request["cpus"])
    loops, label = prepare(request)
    print(json.dumps({"ready": True, "label": label}), file=answers, flush=True)
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        figures = loops[order["length"], order["scope"]].run(order["settle_s"], order["seconds"])
        cell = {"length": order["length"], "scope": order["scope"]}
        print(json.dumps({**cell, **figures}), file=answers, flush=True)


if __name__ == "__main__":
    main()
