"""Is this what was measured, and does it run here as it did there? Compares with evidence.json.

    python check.py [--json] [--quick]      (--quick: without latency)

Exit code 0: as measured. 1: something is wrong. 2: it answers as measured, and something differs, so that its
figures may not hold here.
"""

import argparse
import gc
import hashlib
import json
import os
import platform
import statistics
import sys
import time
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
OK, DIFFERS, WRONG = "ok", "differs", "wrong"
# Of a logit: what the same file may answer otherwise by the rounding of another CPU.
SAME_LOGIT = 0.05
WARM_UP_S, TURNS, TURN_S, FEWEST_CALLS = 1.0, 10, 0.3, 20


def read(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def files(evidence):
    """Compare each file with its SHA-256. Code may have been changed on purpose: that is told."""
    wrong, changed = [], []
    for name, sha256 in evidence["files"].items():
        path = HERE / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            (wrong if name in evidence["model_files"] else changed).append(
                f"{name} is not the file that was shipped"
            )
    if wrong:
        return WRONG, "; ".join(wrong) + ". Copy the bundle again."
    if changed:
        return DIFFERS, "; ".join(changed) + "."
    return OK, f"{len(evidence['files'])} files are as they were shipped."


def packages(evidence):
    """Compare the packages that the answers and times hang on."""
    absent, other = [], []
    for name, version in evidence["packages"].items():
        try:
            here = metadata.version(name)
        except metadata.PackageNotFoundError:
            absent.append(f"{name} {version}")
            continue
        if here.partition("+")[0] != version.partition("+")[0]:
            other.append(f"{name} is {here}, measured was {version}")
    remedy = " Run: pip install -r requirements.txt"
    if absent:
        return WRONG, f"Not installed: {', '.join(absent)}.{remedy}"
    if other:
        return DIFFERS, f"{'; '.join(other)}.{remedy}"
    return OK, ", ".join(f"{name} {version}" for name, version in evidence["packages"].items()) + "."


def python(evidence):
    here, there = platform.python_version(), evidence["python"]
    if here.rpartition(".")[0] != there.rpartition(".")[0]:
        return DIFFERS, f"Python is {here}, measured was {there}."
    return OK, f"Python {here}."


def cpu_facts():
    """Return the name and the flags of this CPU as Linux tells them; empty where it does not."""
    name, flags = "", set()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = name or value.strip()
            elif key.strip() in ("flags", "Features"):
                flags = flags or set(value.split())
    except OSError:
        pass
    return name, flags


def cpu(evidence):
    """Compare what the CPU can do: by that a runtime chooses its kernels."""
    name, flags = cpu_facts()
    if not flags:
        return DIFFERS, "This system does not tell what its CPU can do."
    there = evidence["cpu"]
    here = sorted(flags & set(there["flags_looked_at"]))
    lacks = [flag for flag in there["flags"] if flag not in here]
    more = [flag for flag in here if flag not in there["flags"]]
    told = []
    if lacks:
        told.append(f"it has no {', '.join(lacks)}, which the measured one has")
    if more:
        told.append(f"it has {', '.join(more)}, which the measured one has not")
    if told:
        return (
            DIFFERS,
            f"{name or 'This CPU'}: {'; '.join(told)}. Other kernels may run: the figures do not hold here.",
        )
    if name != there["name"]:
        return DIFFERS, f"{name or 'This CPU'} has the same instructions; measured was {there['name']}."
    return OK, f"{name}, with the same instructions."


def cpus(evidence):
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if here < evidence["threads"]:
        return DIFFERS, f"There are {here} CPUs for {evidence['threads']} threads: it will be slower."
    return OK, f"{here} CPUs for {evidence['threads']} threads."


def answers(classifier):
    """Compare the answers to the sentences that were shipped with those of the engine that was measured."""
    shipped = read("answers.json")
    flips, apart = [], 0.0
    for entry in sorted(shipped, key=lambda entry: len(entry["text"])):  # some compile for each length
        row = classifier.logits(*classifier.inputs(entry["text"]))[0].tolist()
        there = entry["logits"]
        if row.index(max(row)) != there.index(max(there)):
            flips.append(entry["text"])
        apart = max(apart, *(abs(ours - theirs) for ours, theirs in zip(row, there)))
    if not apart < float("inf"):
        return WRONG, "Its answers are no numbers."
    if flips:
        return WRONG, f"{len(flips)} of {len(shipped)} sentences get another label, such as “{flips[0]}”."
    told = f"{len(shipped)} sentences get the same labels; logits differ by at most {apart:.2g}."
    return (OK if apart <= SAME_LOGIT else DIFFERS), told


def timed(call, inputs, seconds):
    """Return how many milliseconds each call took, over rotating inputs, for some seconds."""
    clock, times = time.perf_counter_ns, []
    end = clock() + int(seconds * 1e9)
    while clock() < end or len(times) < FEWEST_CALLS:
        given = inputs[len(times) % len(inputs)]
        before = clock()
        call(*given)
        times.append(clock() - before)
    return [taken / 1e6 for taken in times]


def latency(classifier, evidence):
    """Time each length as it was measured: garbage collector off, one call after another, in turns. A figure
    that lies between the turns' medians is not told apart from them.
    """
    pipeline = evidence["scope"] == "pipeline"
    call = classifier if pipeline else classifier.logits
    texts = read("texts.json")
    inputs = {
        length: [(text,) if pipeline else classifier.inputs(text) for text in some]
        for length, some in texts.items()
    }
    medians = {length: [] for length in inputs}
    gc.collect()
    gc.disable()
    for given in inputs.values():
        timed(call, given, WARM_UP_S)
    for _ in range(TURNS):
        for length, given in inputs.items():
            timed(call, given, TURN_S / 3)  # the other length was in the caches
            medians[length].append(statistics.median(timed(call, given, TURN_S)))
    gc.enable()
    state, told = OK, []
    for length, turns in medians.items():
        here, there = statistics.median(turns), evidence["latency_ms"][length]
        low, high = min(turns), max(turns)
        words = "which is within that"
        if not low <= there <= high:
            state, words = DIFFERS, "it is {} here".format("slower" if here > there else "faster")
        turn_words = f"{here:.3g} ms here, {low:.3g} to {high:.3g} in {len(turns)} turns"
        told.append(f"{length} tokens: {turn_words}; measured was {there:.3g}, {words} (×{here / there:.2f})")
    return state, "; ".join(told) + "."


def cpus_by_core():
    """Return the CPUs that may be used, one of each core first: two threads of one core share it."""
    first, others, cores = [], [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        try:
            core = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
        except OSError:
            core = cpu
        (others if core in cores else first).append(cpu)
        cores.add(core)
    return first + others


def load(evidence):
    """Return the classifier, on as many CPUs as it was measured on."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus_by_core()[: evidence["threads"]])
    from infer import Classifier

    return Classifier()


def check(evidence, quick):
    """Return the checks as (name, state, text)."""
    found = []
    for look in (files, packages, python, cpu, cpus):
        found.append((look.__name__, *look(evidence)))
    try:
        classifier = load(evidence)
        found.append(("answers", *answers(classifier)))
        if not quick:
            found.append(("latency", *latency(classifier, evidence)))
    except Exception as error:  # a runtime may raise anything for a file that is damaged
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        found.append(
            ("answers", WRONG, f"It does not run: {type(error).__name__}: {lines[0] if lines else ''}")
        )
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="without latency")
    arguments = parser.parse_args()
    found = check(read("evidence.json"), arguments.quick)
    states = {state for _, state, _ in found}
    code = 1 if WRONG in states else 2 if DIFFERS in states else 0
    if arguments.json:
        print(
            json.dumps([dict(zip(("check", "state", "text"), entry)) for entry in found], ensure_ascii=False)
        )
    else:
        for name, state, text in found:
            print(f"{state:8} {name:9} {text}")
        print(
            ("As measured.", "WRONG: see above.", "It answers as measured; what differs stands above.")[code]
        )
    return code


if __name__ == "__main__":
    sys.exit(main())
