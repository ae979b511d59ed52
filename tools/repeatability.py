"""Does a preset give the same ratios again, and do they survive a busy neighbour?

    python -m tools.repeatability [--preset writeup] [--blocks 3] [--runs 3] [--noise] [FILE.json …]

Runs the preset several times in a row (or reads FILEs of earlier runs) and prints a table of every ratio to
the baseline: its spread over each pair of runs, and the half-width of its intervals; and how often two runs
say the same, by their intervals. --blocks changes how many processes an engine has in a run. With --noise
one more run follows in which another process keeps a core busy for half of the time; its ratios stand beside
the others'.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
from itertools import combinations
from pathlib import Path

from src.bench import plan
from src.bench.plan import Case
from src.figures.run import VALID, Interval, Result, Run, from_json
from src.home import ROOT
from src.host import machine

BUSY = "import os, sys\nos.sched_setaffinity(0, [int(sys.argv[1])])\nwhile True: pass"


def run(preset: str, folder: Path, name: str, blocks: int = 0) -> Path:
    """Run the preset in a process of its own; return its JSON."""
    path = folder / f"{name}.json"
    command = [sys.executable, "-m", "src", "bench", "--preset", preset, "--json", str(path)]
    command += ["--blocks", str(blocks)] if blocks else []
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


def run_with_noise(preset: str, folder: Path) -> Path:
    """Run the preset while, for the second and third quarter of its budget, another process computes."""
    quarter = plan.preset(preset).budget_s / 4
    busy: list[subprocess.Popen[bytes]] = []
    cpu = str(machine.allowed_cpus()[0])
    start = threading.Timer(quarter, lambda: busy.append(subprocess.Popen([sys.executable, "-c", BUSY, cpu])))
    end = threading.Timer(3 * quarter, lambda: busy[0].kill())
    start.start()
    end.start()
    try:
        return run(preset, folder, "noisy")
    finally:
        start.cancel()
        end.cancel()
        for one in busy:
            one.kill()
            one.wait()


def ratios(run: Run) -> dict[tuple[str, Case], Result]:
    """Return a run's results that have a ratio to the baseline, by engine and case."""
    return {(result.engine, result.case): result for result in run.results if result.ratio}


def ratio(result: Result) -> float:
    assert result.ratio
    return result.ratio.ratio


def half_width(result: Result) -> float:
    """Return half an interval's width as a share of the ratio; infinite without an interval."""
    interval = result.ratio and result.ratio.ci95
    return (interval[1] - interval[0]) / 2 / ratio(result) if interval else float("inf")


Known = tuple[float, Interval]  # a ratio and its 95 % interval


def says_the_same(first: Known, second: Known) -> bool:
    """Tell whether two ratios are no further apart than their 95 % intervals allow: |ln r1 - ln r2| at most
    the root of h1² + h2², h half an interval in logarithms.
    """
    halves = [math.log(high / low) / 2 for _, (low, high) in (first, second)]
    return abs(math.log(first[0] / second[0])) <= math.hypot(*halves)


def print_agreement(runs: list[dict[tuple[str, Case], Result]]) -> None:
    """Print in how many pairs of runs a cell's ratios say the same. Of two figures of one truth with
    intervals that cover it in 95 % that is 95 %, and 83 % lie inside the other's interval.
    """
    pairs = [(a[key].ratio, b[key].ratio) for a, b in combinations(runs, 2) for key in a if key in b]
    known = [((a.ratio, a.ci95), (b.ratio, b.ci95)) for a, b in pairs if a and b and a.ci95 and b.ci95]
    same = sum(says_the_same(a, b) for a, b in known)
    both_ways = [*known, *((b, a) for a, b in known)]
    inside = [low <= mine <= high for (mine, _), (_, (low, high)) in both_ways]
    if known:
        print(
            f"Of {len(pairs)} pairs of a cell's ratios in two runs {len(known)} have intervals; {same} of "
            f"them ({same / len(known):.0%}) say the same; {sum(inside) / len(inside):.0%} of the ratios lie "
            "inside the other run's interval (83 % would be right)."
        )


def print_table(quiet: list[Run], noisy: Run | None) -> None:
    runs = [ratios(found) for found in quiet]
    beside = ratios(noisy) if noisy else {}
    titles = ["engine", "tokens", "scope", *(f"run {number}" for number in range(1, len(runs) + 1))]
    titles += ["largest difference", "widest interval", *(["under noise", "difference"] if noisy else [])]
    print("| " + " | ".join(titles) + " |")
    print("|" + "---|" * len(titles))
    differences, widths, kept = [], [], []
    for key in runs[0]:
        engine, case = key
        every = [one[key] for one in runs if key in one]
        pairs = [abs(ratio(a) / ratio(b) - 1) for a, b in combinations(every, 2)]
        differences.append(max(pairs, default=0.0))
        widths.append(max(half_width(one) for one in every))
        cells = [engine, str(case.sequence_length), case.scope, *(f"{ratio(one):.3f}" for one in every)]
        cells += [f"{100 * differences[-1]:.1f} %", f"±{100 * widths[-1]:.1f} %"]
        if noisy:
            found = beside[key]
            middle = sorted(map(ratio, every))[len(every) // 2]
            off = abs(ratio(found) / middle - 1)
            if found.verdict == VALID:
                kept.append(off)
            cells += [f"{ratio(found):.3f} {found.verdict}", f"{100 * off:.1f} %"]
        print("| " + " | ".join(cells) + " |")
    print(
        f"\n{sum(one <= 0.05 for one in differences)} of {len(differences)} ratios agree within 5 % in every "
        f"pair of runs; {sum(one <= 0.05 for one in widths)} of {len(widths)} have intervals of at most ±5 %."
    )
    print_agreement(runs)
    for number, found in enumerate([*quiet, *([noisy] if noisy else [])], 1):
        head, noise, time = found.head, found.noise, found.head.time
        assert time
        print(
            f"Run {number} ({head.id}): {head.rounds} rounds in {head.seconds:.0f} s, ended by "
            f"{head.stopped}; {noise.disturbed_slices} of {noise.slices} slices disturbed; noise "
            f"floor {100 * (noise.noise_floor or 0):.1f} %; {100 * (time.calls_share or 0):.0f} % of the "
            "time after loading in calls; measurer "
            f"{100 * (time.measurer_cpu_cores or 0):.2f} % of a core; waited "
            f"{time.waited_s:.0f} s; reference {noise.reference}"
        )
    if noisy:
        print(
            f"Under noise {len(kept)} of {len(beside)} ratios are of valid cells, "
            f"{sum(one <= 0.05 for one in kept)} of them within 5 % of the quiet runs. "
            f"Reasons: {' '.join(noisy.noise.reasons)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.json")
    parser.add_argument("--preset", default="writeup")
    parser.add_argument("--blocks", type=int, default=0, help="(default: the preset's)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for the runs' JSON (default: a temporary one)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        os.makedirs(folder, exist_ok=True)
        files = arguments.files or [
            run(arguments.preset, folder, f"run{number}", arguments.blocks)
            for number in range(1, arguments.runs + 1)
        ]
        quiet = [from_json(json.loads(path.read_text())) for path in files]
        noisy = None
        if arguments.noise:
            noisy = from_json(json.loads(run_with_noise(arguments.preset, folder).read_text()))
        print_table(quiet, noisy)


if __name__ == "__main__":
    main()
