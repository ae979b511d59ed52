"""Compare the worker's timing of one engine with a bare `session.run` loop over the same file, interleaved.

    python -m tools.compare_bare_loop [ENGINE] [--rounds 20]

Both processes stay loaded and only one is runnable at a time, as in a measurement; rounds alternate which
goes first. Prints both medians and their ratio with the interval of the per-round ratios.
"""

import argparse
import os
import signal
import subprocess
import sys

from src.bench import host
from src.bench.lock import host_lock
from src.bench.pool import Pool, clean_environment
from src.bench.sentence import CHECKPOINT
from src.bench.stats import median, median_interval
from src.engines import registry
from src.home import ROOT
from src.model import cache, source

TEXT = "This Live-event is great. I will sign up for Infinity."
LEAD_IN, CALLS = 10, 60

BARE = """
import os, sys, time, json
os.sched_setaffinity(0, json.loads(sys.argv[4]))
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
ids = np.array([json.loads(sys.argv[3])], dtype=np.int64)
feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
while sys.stdin.readline():
    for _ in range(LEAD_IN):
        session.run(None, feed)
    times = []
    for _ in range(CALLS):
        start = time.perf_counter_ns()
        session.run(None, feed)
        times.append(time.perf_counter_ns() - start)
    print(json.dumps(times), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engine", nargs="?", default="onnxruntime-fp32")
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    spec, model, threads = registry.get(arguments.engine), source.parse(), host.default_threads()
    assert spec.recipe, "an engine with an ONNX file is needed"
    tokenizer = cache.required(CHECKPOINT, model).folder / "tokenizer.json"
    folder = cache.required(spec.recipe, model).folder
    pool = Pool()
    with host_lock("tools/compare_bare_loop.py", print):
        worker = pool.get(spec, folder, tokenizer, threads, set())
        ids = pool.ask(worker, {"do": "prepare", "case": "c", "texts": [TEXT]})["ids"][0]
        code = BARE.replace("LEAD_IN", str(LEAD_IN)).replace("CALLS", str(CALLS))
        given = [str(folder / "model.onnx"), str(threads), str(ids), str(host.allowed_cpus()[:threads])]
        bare = subprocess.Popen(
            [sys.executable, "-c", code, *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=clean_environment(threads),
        )
        assert bare.stdin
        assert bare.stdout

        def time_worker() -> list[int]:
            message = {"do": "slice", "case": "c", "scope": "model", "lead_in": LEAD_IN, "count": CALLS}
            return pool.ask(worker, message)["ns"]

        def time_bare() -> list[int]:
            import json

            assert bare.stdin
            assert bare.stdout
            os.kill(bare.pid, signal.SIGCONT)
            bare.stdin.write("go\n")
            bare.stdin.flush()
            times: list[int] = json.loads(bare.stdout.readline())
            os.kill(bare.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, bare.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            return times

        ours: list[list[int]] = []
        theirs: list[list[int]] = []
        for number in range(arguments.rounds + 1):
            for time_one, kept in ((time_worker, ours), (time_bare, theirs))[:: 1 if number % 2 else -1]:
                kept.append(time_one())
        bare.kill()
        bare.wait()
        pool.close()
    ours, theirs = ours[1:], theirs[1:]  # the first round warmed up
    ratios = [median(a) / median(b) for a, b in zip(ours, theirs, strict=True)]
    interval = median_interval(ratios)
    flat = [median([sample for slice in rounds for sample in slice]) / 1e6 for rounds in (ours, theirs)]
    print(f"{spec.id}, {len(ids)} tokens, {threads} threads, {arguments.rounds} rounds of {CALLS} calls each")
    print(f"worker {flat[0]:.4f} ms, bare loop {flat[1]:.4f} ms, worker / bare {flat[0] / flat[1]:.4f}")
    print(f"median of the per-round ratios {median(ratios):.4f}, 95 % interval {interval}")


if __name__ == "__main__":
    main()
