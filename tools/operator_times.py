"""One engine, called with and without its runtime's profiler. Runs on Python 3.9 too, in its environment.

    python -m tools.operator_times ENGINE FOLDER TOKENS THREADS CALLS

Prints one JSON object: {"median_ms": of plain calls, "profiled_ms": the mean of profiled ones, "operators":
{name: {"nodes", "ms"}}, all of one call}.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from src.engines import registry
from src.engines.onnxruntime import FILE, OnnxRuntimeEngine
from src.engines.openvino import OpenVinoEngine
from src.workers.worker import time_calls

LEAD_IN = 50  # calls before those that count
ANY_TOKEN = 1037
KERNEL, RUN = "_kernel_time", "model_run"  # as ONNX Runtime's trace names them: of a node, and a call

Events = list[tuple[str, str, float]]  # (node, kind of operator, ms) of each time that one ran
Profile = tuple[Events, list[int]]  # of so many calls, and the nanoseconds that each took


def profile_onnxruntime(engine: Any, folder: str, feed: tuple[Any, ...], calls: int) -> Profile:
    """Return what ONNX Runtime's trace of a session of its own says."""
    with tempfile.TemporaryDirectory() as traces:
        engine.options.enable_profiling = True
        engine.options.profile_file_prefix = os.path.join(traces, "trace")
        engine.session = engine.runtime.InferenceSession(
            os.path.join(folder, FILE), engine.options, providers=engine.providers(folder)
        )
        time_calls(engine.infer, [feed], LEAD_IN, 0)
        samples, _ = time_calls(engine.infer, [feed], calls, 0)
        with open(engine.session.end_profiling()) as stream:
            events = json.load(stream)
    begin = sorted(event["ts"] for event in events if event.get("name") == RUN)[LEAD_IN]
    return [
        (event["name"], event["args"]["op_name"], event["dur"] / 1e3)
        for event in events
        if event.get("cat") == "Node" and event["ts"] >= begin and event["name"].endswith(KERNEL)
    ], samples


def profile_openvino(engine: Any, folder: str, feed: tuple[Any, ...], calls: int) -> Profile:
    """Return what OpenVINO's counters say of a model that is compiled anew with them."""
    engine.settings["PERF_COUNT"] = True
    shape = next(iter(engine.compiled))
    engine.compiled[shape] = engine.compile(shape)
    time_calls(engine.infer, [feed], LEAD_IN, 0)
    events: Events = []
    samples: list[int] = []
    for _ in range(calls):
        samples += time_calls(engine.infer, [feed], 1, 0)[0]
        for node in engine.compiled[shape][1].get_profiling_info():
            if node.status == node.Status.EXECUTED:
                kind = f"{node.node_type}, {node.exec_type}"
                events.append((node.node_name, kind, node.real_time.total_seconds() * 1e3))
    return events, samples


def summed(events: Events, calls: int) -> dict[str, dict[str, float]]:
    """Return of each kind of operator how many nodes ran in a call, and their ms of one call together."""
    nodes: dict[str, set[str]] = {}
    ms: dict[str, float] = {}
    for node, kind, took in events:
        nodes.setdefault(kind, set()).add(node)
        ms[kind] = ms.get(kind, 0.0) + took / calls
    slowest_first = sorted(ms, key=lambda kind: -ms[kind])
    return {kind: {"nodes": len(nodes[kind]), "ms": ms[kind]} for kind in slowest_first}


def main(arguments: Sequence[str]) -> None:
    id, folder = arguments[:2]
    tokens, threads, calls = map(int, arguments[2:])
    if hasattr(os, "sched_setaffinity"):  # as a worker's
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    spec = registry.get(id)
    engine = registry.engine_class(spec)(spec)
    profile = {OnnxRuntimeEngine: profile_onnxruntime, OpenVinoEngine: profile_openvino}
    how = next(how for kind, how in profile.items() if isinstance(engine, kind))
    engine.load(folder, threads)
    engine.prepare([(1, tokens)])
    ids = np.full((1, tokens), ANY_TOKEN, dtype=np.int64)
    feed = (ids, np.ones_like(ids), np.zeros_like(ids))
    time_calls(engine.infer, [feed], LEAD_IN, 0)
    plain, _ = time_calls(engine.infer, [feed], calls, 0)
    events, profiled = how(engine, folder, feed, calls)
    told = {
        "median_ms": statistics.median(plain) / 1e6,
        "profiled_ms": statistics.fmean(profiled) / 1e6,
        "operators": summed(events, calls),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
