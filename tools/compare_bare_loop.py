"""Compare the worker's timing of each engine with a hand-written loop in its own process, interleaved.

    python -m tools.compare_bare_loop [ENGINE …] [--pairs 5] [--rounds 20] [--tokens 16] [--loops]

Both processes stay loaded and only one is runnable at a time, as in a measurement; rounds alternate which
goes first. Rounds in which the probe found a CPU slowed or far from the other are left out. Prints both
medians, their ratio, and the median of the per-round ratios with its interval; at last the median over all
pairs of processes, as one process is one draw of memory layout. With --loops a second bare loop takes the
worker's place: how far two equal processes differ on this host.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from src.bench import host, inputs
from src.bench.evidence import slowdowns
from src.bench.lock import host_lock
from src.bench.pool import Pool, clean_environment
from src.bench.probe import Probe, Speed
from src.bench.sentence import CHECKPOINT
from src.bench.stats import median, median_interval
from src.engines import registry
from src.engines.spec import EngineSpec
from src.engines.text import load_tokenizer
from src.home import ROOT
from src.model import cache, source

SLICE_S, LEAD_IN = 0.02, 3
MOST_TRIES = 6  # for each round that is asked for
LOADED = {
    "onnxruntime": """
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(folder + "/model.onnx", options, providers=["CPUExecutionProvider"])
def call(ids, mask, types):
    return session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": types})[0]
""",
    "torchscript": """
import torch
torch.set_num_threads(threads)
module = torch.jit.load(folder + "/model.pt").eval()
def call(ids, mask, types):
    with torch.inference_mode():
        return module(torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(types)).numpy()
""",
    "pytorch": """
import torch, transformers
torch.set_num_threads(threads)
module = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
def call(ids, mask, types):
    with torch.inference_mode():
        return module(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask),
                      token_type_ids=torch.from_numpy(types)).logits.numpy()
""",
}
BARE = """
import os, sys, time, json
given = json.loads(sys.argv[1])
os.sched_setaffinity(0, given["cpus"])
import numpy as np
folder, threads = given["folder"], given["threads"]
texts = [(ids, np.ones_like(ids), np.zeros_like(ids)) for ids in np.array([[one] for one in given["ids"]])]
LOADED
turn = 0
for line in sys.stdin:
    lead_in, count = json.loads(line)
    times = []
    for number in range(lead_in + count):
        inputs = texts[turn % len(texts)]
        turn += 1
        start = time.perf_counter_ns()
        call(*inputs)
        times.append(time.perf_counter_ns() - start)
    print(json.dumps(times[lead_in:]), flush=True)
"""


class BareLoop:
    """A process with nothing but the runtime and a loop around its call."""

    def __init__(self, spec: EngineSpec, given: dict[str, Any]) -> None:
        code = BARE.replace("LOADED", LOADED[spec.runtime])
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(given)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=clean_environment(given["threads"]),
        )

    def time(self, count: int) -> list[int]:
        assert self.process.stdin
        assert self.process.stdout
        os.kill(self.process.pid, signal.SIGCONT)
        self.process.stdin.write(json.dumps([LEAD_IN, count]) + "\n")
        self.process.stdin.flush()
        times: list[int] = json.loads(self.process.stdout.readline())
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return times

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def compare(id: str, rounds: int, tokens: int, loops: bool) -> float:
    """Measure one engine both ways, print how they compare, and return the median of the per-round ratios."""
    spec, model, threads = registry.get(id), source.parse(), host.default_threads()
    assert spec.recipe, f"{id} has no file to load"
    tokenizer = cache.required(CHECKPOINT, model).folder / "tokenizer.json"
    folder = cache.required(spec.recipe, model).folder
    read = load_tokenizer(str(tokenizer))
    texts = inputs.compose(tokens, lambda text: len(read.encode(text, add_special_tokens=False).ids), 0)
    ids = [read.encode(text).ids for text in texts]
    given = {"folder": str(folder), "threads": threads, "cpus": host.allowed_cpus()[:threads], "ids": ids}
    pool = Pool()
    bare = BareLoop(spec, given)
    other = BareLoop(spec, given) if loops else None
    time_ours = other.time if other else worker_timer(pool, spec, folder, tokenizer, threads, texts)
    probe = Probe(host.allowed_cpus()[:threads])
    try:
        count = max(3, round(SLICE_S * 1e9 / median(bare.time(20)[10:])))
        time_ours(count)
        reference = best_of([probe.measure() for _ in range(100)])
        ours: list[list[int]] = []
        theirs: list[list[int]] = []
        tried = 0
        while len(ours) < rounds and tried < MOST_TRIES * rounds:
            tried += 1
            order = (time_ours, bare.time)[:: 1 if tried % 2 else -1]
            times, seen = [], [settled(probe, reference)]
            for time_one in order:
                times.append(time_one(count))
                seen.append(probe.measure())
            if not any(slowdowns(one, reference) for one in seen):
                first, second = times[:: 1 if tried % 2 else -1]
                ours.append(first)
                theirs.append(second)
    finally:
        probe.close()
        bare.end()
        if other:
            other.end()
        pool.close()
    if not ours:
        raise SystemExit(f"{id}: the host was not quiet for a single of {tried} rounds. Try again later.")
    ratios = [median(a) / median(b) for a, b in zip(ours, theirs, strict=True)]
    low, high = median_interval(ratios) or (0.0, 0.0)
    flat = [median([sample for some in kept for sample in some]) / 1e6 for kept in (ours, theirs)]
    who = "loop" if loops else "worker"
    print(
        f"{id:18} {tokens:3} tokens  {who} {flat[0]:7.3f} ms  bare loop {flat[1]:7.3f} ms  "
        f"ratio {flat[0] / flat[1]:.3f}  per round {median(ratios):.3f} ({low:.3f} to {high:.3f}), "
        f"{len(ratios)} of {tried} rounds were quiet",
        flush=True,
    )
    return median(ratios)


def best_of(found: list[Speed]) -> Speed:
    """Return the best twentieth of probes: the CPUs when nothing slows them."""
    aparts = sorted(one.apart_ns for one in found if one.apart_ns is not None)
    loops_us = sorted(one.loop_us for one in found)
    return Speed(aparts[len(aparts) // 20] if aparts else None, loops_us[len(loops_us) // 20])


def settled(probe: Probe, reference: Speed) -> Speed:
    """Wait for a moment in which the CPUs are not slowed, at most half a second; return the last probe."""
    deadline = time.monotonic() + 0.5
    while slowdowns(seen := probe.measure(), reference) and time.monotonic() < deadline:
        time.sleep(0.004)
    return seen


def worker_timer(
    pool: Pool, spec: EngineSpec, folder: Path, tokenizer: Path, threads: int, texts: tuple[str, ...]
) -> Callable[[int], list[int]]:
    """Return a function that times so many calls in the engine's worker."""
    worker = pool.get(spec, folder, tokenizer, threads, set())
    pool.ask(worker, {"do": "prepare", "case": "c", "texts": texts})

    def time_worker(count: int) -> list[int]:
        message = {"do": "slice", "case": "c", "scope": "model", "lead_in": LEAD_IN, "count": count}
        times: list[int] = pool.ask(worker, message)["ns"]
        return times

    return time_worker


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [spec.id for spec in registry.available() if spec.runtime in LOADED]
    parser.add_argument("engines", nargs="*", metavar="ENGINE", default=every)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--loops", action="store_true", help="compare two bare loops")
    arguments = parser.parse_args()
    with host_lock("tools/compare_bare_loop.py", print):
        for id in arguments.engines:
            found = [
                compare(id, arguments.rounds, arguments.tokens, arguments.loops)
                for _ in range(arguments.pairs)
            ]
            print(
                f"{id:18} over {len(found)} pairs: {median(found):.3f}, {min(found):.3f} to {max(found):.3f}"
            )


if __name__ == "__main__":
    main()
