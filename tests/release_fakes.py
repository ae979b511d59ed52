"""A runtime with made-up releases, without a clock: what each takes is planted, its noise was recorded.

The noise is that of a real run (tests/recorded_rounds.json: round medians of each cell), the differences of
processes those of its A/A pairs. What finds steps must find what was planted, and no more.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

import numpy as np

from src.bench import timeline_plan
from src.bench.events import SCHEMA_VERSION, TWIN, Begun, Ended, Failed, Loaded, Slice, Warmed
from src.bench.plan import Case
from src.bench.record import Record
from src.figures.timeline import Timeline, timeline
from tests.unit.test_results import QUIET

RECORDED = json.loads(Path(__file__).with_name("recorded_rounds.json").read_text())["cells"]
ROW = "onnxruntime-int8"
BASELINE = "onnxruntime-fp32"
ROUNDS = 30
HOST = {"name": "h", "cpu": "A CPU", "allowed_cpus": 2, "system": "Linux 6"}
BASE_NS = 2_000_000.0


def logs(cell: dict) -> list[float]:
    """Return how far each round of a recorded cell lay from its median, in logarithms."""
    values = list(cell["ms"].values())
    return [math.log(value / median(values)) for value in values]


NOISE = [logs(cell) for cell in RECORDED]


def pair_logs() -> list[float]:
    by_key = {(cell["engine"], cell["tokens"], cell["scope"]): cell for cell in RECORDED}
    pairs = [(cell, by_key[BASELINE, *key[1:]]) for key, cell in by_key.items() if key[0].endswith(TWIN)]
    return [math.log(median(a["ms"].values()) / median(b["ms"].values())) for a, b in pairs]


PROCESSES = pair_logs()


class FakeRuntime:
    """Releases that take `factors[version]` times as long as the fastest. `measured` lists what was asked.

    `delta` is the difference of each release's logits from those of the newest, `fails` names releases that
    do not load, `group` is how many are in memory together.
    """

    def __init__(
        self,
        factors: Mapping[str, float],
        seed: int,
        delta: Mapping[str, float] | None = None,
        fails: Sequence[str] = (),
        group: int = 99,
        lengths: Sequence[int] = (16,),
        threads: int = 2,
    ) -> None:
        self.factors = factors
        self.rng = np.random.default_rng(seed)
        self.delta = delta or {}
        self.fails = fails
        self.group = group
        self.lengths = lengths
        self.threads = threads
        self.measured: list[tuple[str, ...]] = []

    def measure(self, versions: Sequence[str]) -> Timeline:
        self.measured.append(tuple(versions))
        return timeline(self.record(versions))

    def record(self, versions: Sequence[str], id: str = "20261126-000000-abcd", confirms: str = "") -> Record:
        """Return the record of one run: each release in a process of its own, all in the same rounds."""
        preset = timeline_plan.REPEAT if confirms else timeline_plan.PRESET
        plan = timeline_plan.plan_for(
            (ROW,), versions, {}, self.lengths, threads=self.threads, preset=preset, confirms=confirms
        )
        record = Record()
        model = {"name": "M", "architecture": "MiniLM-L6-H384"}
        inputs = {str(length): "x" for length in self.lengths}
        started = "2026-11-26T00:00:00Z"
        record.add(Begun(SCHEMA_VERSION, id, started, "timeline", HOST, model, asdict(plan), {}, inputs))
        newest = versions[-1]
        alive = [version for version in versions[:-1] if version not in self.fails]
        groups = [alive[at : at + self.group] for at in range(0, len(alive), self.group)] or [[]]
        for number, members in enumerate(groups):
            names = [newest, newest + TWIN, *members]
            for length in self.lengths:
                self.fill(record, number, Case(1, length, self.threads, "model"), names)
        for version in self.fails:
            if version in versions:
                record.add(Failed(timeline_plan.engine(ROW, version), "Unsupported model IR version: 9."))
        record.add(Ended("precision", 60.0, 50.0, 40.0, 45.0, 0.1, 0.0, 0.0))
        return record

    def fill(self, record: Record, group: int, case: Case, names: Sequence[str]) -> None:
        quiet = replace(QUIET, effective_threads=0.99 * case.threads, threads_ran=case.threads)
        start = int(self.rng.integers(len(NOISE[0])))
        for name in names:
            version = name.removesuffix(TWIN)
            engine = timeline_plan.engine(ROW, name)
            told = {"onnxruntime": version}
            title = f"ONNX Runtime INT8, {version}"
            environment = f"onnxruntime@{version}"
            record.add(
                Loaded(
                    group,
                    engine,
                    case.threads,
                    title,
                    "int8",
                    "cpu",
                    environment,
                    0.5,
                    90.0,
                    80.0,
                    40.0,
                    "a",
                    told,
                )
            )
            delta = self.delta.get(version, 0.0)
            answers = {"texts": 16, "agreement": 1.0, "max_abs_delta_logit": delta}
            record.add(Warmed(group, engine, case, 9.0, 20, True, 1000, 1e6, 120.0, None, answers))
            noise = NOISE[int(self.rng.integers(len(NOISE)))]
            process = float(self.rng.choice(PROCESSES)) * float(self.rng.choice([-1, 1])) / math.sqrt(2)
            for number in range(1, ROUNDS + 1):
                off = noise[(start + number) % len(noise)] + process
                ns = int(BASE_NS * case.sequence_length / 16 * self.factors[version] * math.exp(off))
                record.add(Slice(group, number, 1, engine, case, float(number), (ns,) * 6, 10, quiet, ()))


def factors(steps: Mapping[str, float], versions: Sequence[str]) -> dict[str, float]:
    """Return what each release takes where some are so many times slower than the one before."""
    level, told = 1.0, {}
    for version in versions:
        level *= steps.get(version, 1.0)
        told[version] = level
    return told
