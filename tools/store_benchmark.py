"""Are the pages still fast with many runs? History and home, with an empty store and with a full one.

    python -m tools.store_benchmark [--runs 500] [--samples 2000000]

Makes a home of its own with so many made-up runs, then times each page's script in this process, as a visit
after the first one costs the server. Prints medians in ms. Run it on a quiet host.
"""

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from src.bench.events import SCHEMA_VERSION, TWIN, Begun, Ended, Loaded, Slice, Warmed
from src.bench.plan import Case, Plan
from src.bench.record import Record
from src.home import ROOT
from src.host.evidence import Evidence
from src.store import runs, transfer
from src.store.database import Store, open_store

ENGINES = {
    "onnxruntime-fp32": 3.0,
    f"onnxruntime-fp32{TWIN}": 3.0,
    "onnxruntime-int8": 1.4,
    "torchscript-int8": 1.5,
    "pytorch-fp32": 8.6,
}
LENGTHS = (16, 128)
ROUNDS = 20
QUIET = Evidence(1.98, 2, 0.004, 0.03, 0.0, 0, None, 1, 197.0, 80.4)


def made_up(number: int, calls: int, rng: np.random.Generator) -> Record:
    """Return a run of ROUNDS rounds with so many calls a slice."""
    names = tuple(name for name in ENGINES if TWIN not in name)
    plan = Plan(names, LENGTHS, (1,), (2,), ("model",), 50.0, 90, preset="quick")
    day = f"2026{1 + number // 28 % 12:02d}{1 + number % 28:02d}"
    host = {
        "name": f"host-{number % 5}",
        "cpu": "A made-up CPU",
        "allowed_cpus": 2,
        "system": "Linux",
        "memory_gb": 24.0,
    }
    host |= {"libraries": {"torch": "2.13.0", "onnxruntime": "1.32.0"}, "git_commit": "0123456789ab"}
    events: list = [
        Begun(
            SCHEMA_VERSION,
            f"{day}-{number // 3600 % 24:02d}{number // 60 % 60:02d}{number % 60:02d}-{number:04x}",
            f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:{number % 60:02d}Z",
            "made up",
            host,
            {"name": "Made up", "architecture": "MiniLM-L6-H384"},
            asdict(plan),
            {},
            {},
        )
    ]
    cases = [Case(1, length, 2, "model") for length in LENGTHS]
    for name in ENGINES:
        events.append(Loaded(0, name, 2, name, "fp32", "cpu", "main", 0.5, 90.0, 80.0, 40.0, "a", {}))
        events += [Warmed(0, name, case, 9.0, 20, True, 1000, 1e6, 120.0, None) for case in cases]
    at_s = 0.0
    for round in range(1, ROUNDS + 1):
        for case in cases:
            for name, ms in ENGINES.items():
                ns = rng.lognormal(np.log(ms * 1e6 * case.sequence_length / 16), 0.02, calls).astype(int)
                at_s += 0.05
                events.append(Slice(0, round, 1, name, case, at_s, tuple(ns.tolist()), 10, QUIET, ()))
    events.append(Ended("precision", 60.0, 50.0, 40.0, 45.0, 0.1, 0.0, 0.0))
    record = Record()
    for event in events:
        record.add(event)
    return record


def fill(store: Store, count: int, samples: int) -> None:
    rng = np.random.default_rng(1)
    calls = -(-samples // (count * ROUNDS * len(ENGINES) * len(LENGTHS)))
    for number in range(count):
        transfer.keep(store, made_up(number, calls, rng))


def page_ms(path: str, times: int = 7) -> tuple[float, float]:
    """Return how long a page's script takes: the first visit, and the median of later ones."""
    from streamlit.testing.v1 import AppTest

    found = []
    for _ in range(times):
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=300)
        if path != "app.py":
            at.switch_page(path)
        else:  # what the store could slow; measuring a sentence is the measurer's
            at.query_params["sentence"] = " "
        began = time.perf_counter()
        at.run()
        found.append(1000 * (time.perf_counter() - began))
        assert not at.exception, at.exception
    return found[0], statistics.median(found[1:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--samples", type=int, default=2_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AWIY_HOME"] = folder
        store = open_store()
        print("| store | page | first visit, ms | later, ms |\n|---|---|---|---|")
        for kind in ("empty", "full"):
            if kind == "full":
                fill(store, arguments.runs, arguments.samples)
            kept = runs.listed(store)
            size = sum(one.stat().st_size for one in Path(folder).glob("runs.db*")) / 1e6
            about = f"{len(kept)} runs, {sum(one.samples for one in kept):,} samples, {size:.0f} MB"
            for path in ("app.py", "pages/history.py", "pages/benchmark.py"):
                first, later = page_ms(path)
                print(f"| {about} | {path} | {first:.0f} | {later:.0f} |", flush=True)


if __name__ == "__main__":
    main()
