"""Compare two releases of ONNX Runtime on one file: both are loaded and take turns, round by round.

    python measure.py PYTHON_BEFORE PYTHON_AFTER

Each is the interpreter of a virtual environment with one release of onnxruntime, and numpy. Leave the machine
alone meanwhile. It prints the latency after ÷ before with its 95 % interval.
"""

import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "about.json")) as stream:
    ABOUT = json.load(stream)
ROUNDS, LEAD_IN, CALLS = 40, 40, 40


def work():
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = ABOUT["threads"], 1
    session = ort.InferenceSession(os.path.join(HERE, "model.onnx"), options, ["CPUExecutionProvider"])
    feeds = []
    for ids in np.load(os.path.join(HERE, "input_ids.npy"))[:, None]:
        masks = {"attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        feeds.append({"input_ids": ids, **masks})
    print(json.dumps([ort.__version__, session.run(None, feeds[0])[0].tolist()[0]]), flush=True)
    for _ in sys.stdin:
        times = []
        for call in range(LEAD_IN + CALLS):
            began = time.perf_counter_ns()
            session.run(None, feeds[call % len(feeds)])
            times.append(time.perf_counter_ns() - began)
        print(statistics.median(times[LEAD_IN:]) / 1e6, flush=True)


def main(pythons):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: ABOUT["threads"]])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
    workers = [subprocess.Popen([python, __file__, "--work"], **pipes) for python in pythons]
    told, rounds = [json.loads(worker.stdout.readline()) for worker in workers], []
    for _ in range(ROUNDS):
        rounds.append([worker.stdin.write("\n") and float(worker.stdout.readline()) for worker in workers])
    for number, (version, logits) in enumerate(told):
        print(version, "median ms:", statistics.median(row[number] for row in rounds), "logits:", logits)
    ratios = sorted(after / before for before, after in rounds)
    rank = int(ROUNDS / 2 - 0.98 * ROUNDS**0.5)  # order statistics of the median
    shown = statistics.median(ratios), ratios[rank], ratios[-1 - rank]
    print("after / before: {:.3f} ({:.3f}-{:.3f})".format(*shown))


if __name__ == "__main__":
    work() if "--work" in sys.argv else main(sys.argv[1:3])
