"""Are we there yet? A run beside what was published, cell by cell. Nothing here measures."""

from __future__ import annotations

from dataclasses import dataclass

from src.accuracy import known_accuracy
from src.figures.run import Result, Run
from src.references.answer import APART, Answer, Standing, stand
from src.references.answer import answer as answer_of
from src.references.beside import Knows, figure, figures
from src.references.comparison import Comparison
from src.references.reference import Reference, by_id

LENGTHS = (16, 128)
# The file of 2021's engine in today's release: beside both it tells the release from the file.
SAME_FILE = {
    "onnxruntime-fp32": "onnxruntime-portable-fp32",
    "onnxruntime-int8": "onnxruntime-portable-u8",
}
THREADS = 2  # of Infinity's demo and of the write-up


@dataclass(frozen=True)
class Column:
    """A column of the write-up's tables: its heading, and which engines stand beside it, most alike first.

    `id` is the reference's id with {length} in it; `printed` what its table printed instead, by length.
    """

    title: str
    id: str
    engines: tuple[str, ...]
    printed: tuple[tuple[int, float], ...] = ()


CPU_TABLE = tuple(
    Column(f"{title} {precision.upper()}", f"{id}-{precision}-cpu-{{length}}-mean", engines)
    for title, id, pattern in (
        ("1.11-dev TorchScript", "writeup-torchscript-1.11-dev", ("torchscript-{}",)),
        ("Intel 1.9.0 TorchScript", "writeup-torchscript-1.9", ("2021-torchscript-{}", "ipex-{}")),
        ("ONNX", "writeup-onnxruntime", ("2021-onnxruntime-{}", "onnxruntime-{}")),
    )
    for precision in ("fp32", "int8")
    for engines in (tuple(template.format(precision) for template in pattern),)
)
# In print, ONNX FP32 at 128 and FP16 at 16 tokens are swapped (its result.csv has them right).
PRINTED = {"fp32": ((128, 0.74),), "fp16": ((16, 0.83),)}
GPU_TABLE = tuple(
    Column(
        f"{title} {precision.upper()}",
        f"{id}-{precision}-cuda-{{length}}-mean",
        (f"{engine}-cuda-{precision}",),
        PRINTED[precision] if engine == "onnxruntime" else (),
    )
    for title, id, engine in (
        ("1.11-dev TorchScript", "writeup-torchscript-1.11-dev", "torchscript"),
        ("ONNX", "writeup-onnxruntime", "onnxruntime"),
    )
    for precision in ("fp32", "fp16")
)
TABLES = {"cpu": CPU_TABLE, "cuda": GPU_TABLE}


@dataclass(frozen=True)
class Beside:
    """One measured result beside one published number: both are None where the run has no such result."""

    reference: Reference
    engine: str
    result: Result | None
    standing: Standing | None

    @property
    def verdict(self) -> str:
        """Return faster, slower, level, undecided, or apart where nothing is divided."""
        return self.standing.word if self.standing else APART

    @property
    def comparison(self) -> Comparison | None:
        return self.standing.comparison if self.standing else None

    @property
    def ratio(self) -> float | None:
        """Return measured ÷ published, below 1 is faster; None where something blocks."""
        return self.standing.ratio if self.standing else None

    @property
    def ratio_ci95(self) -> tuple[float, float] | None:
        return self.standing.ratio_ci95 if self.standing else None


@dataclass(frozen=True)
class PublishedCell:
    """A cell of a write-up's table, with the engines beside it. `printed` is a misprint, where it was one."""

    column: str
    length: int
    reference: Reference
    printed: float | None
    beside: tuple[Beside, ...]


@dataclass(frozen=True)
class Split:
    """What five years changed for one runtime, in ms: 2021's software on 2021's hardware (published), 2021's
    on this host, 2021's file in today's release (None where that was not measured), today's on this host.
    The factors multiply to the whole: hardware × software, and software is release × file.
    """

    runtime: str
    precision: str
    length: int
    published_ms: float
    then_ms: float
    same_file_ms: float | None
    now_ms: float

    @property
    def hardware(self) -> float:
        return self.then_ms / self.published_ms

    @property
    def software(self) -> float:
        return self.now_ms / self.then_ms

    @property
    def release(self) -> float | None:
        return self.same_file_ms / self.then_ms if self.same_file_ms else None

    @property
    def file(self) -> float | None:
        return self.now_ms / self.same_file_ms if self.same_file_ms else None

    @property
    def whole(self) -> float:
        return self.now_ms / self.published_ms


def find(run: Run, engine: str, length: int, scope: str) -> Result | None:
    """Return a run's result of this engine, batch 1, with two threads (or as many as were measured)."""
    wanted = (engine, length, scope, 1)
    results = [
        result
        for result in run.results
        if (result.engine, result.sequence_length, result.scope, result.batch_size) == wanted
        and result.median_ms is not None
    ]
    return min(results, key=lambda result: abs(result.threads - THREADS), default=None)


def beside(run: Run, reference: Reference, engine: str, result: Result | None) -> Beside:
    """Return a result beside a published number, judged."""
    standing = stand(figure(run, result, lambda _: None), reference) if result else None
    return Beside(reference, engine, result, standing)


def table(run: Run, device: str) -> list[PublishedCell]:
    """Return the write-up's table for `cpu` or `cuda` beside a run, in its own order."""
    cells = []
    for column in TABLES[device]:
        for length in LENGTHS:
            reference = by_id(column.id.format(length=length))
            sides = tuple(
                beside(run, reference, engine, find(run, engine, length, "model"))
                for engine in column.engines
            )
            cells.append(
                PublishedCell(column.title, length, reference, dict(column.printed).get(length), sides)
            )
    return cells


def answer(run: Run, device: str, length: int, knows: Knows = known_accuracy.of) -> Answer | None:
    """Return what a run says of Infinity at this length; None where it has no result in scope `pipeline`.
    `knows` tells what is known of an engine's accuracy beside what the run recorded.
    """
    results = [result for engine in run.engines if (result := find(run, engine, length, "pipeline"))]
    counted = [latency for latency in figures(run, results, knows) if latency.measurement.device == device]
    return answer_of(counted, device) if counted else None


def answers(run: Run, knows: Knows = known_accuracy.of) -> list[tuple[str, int, Answer]]:
    """Return a run's answers as (device, length, answer), for what it can answer for."""
    return [
        (device, length, spoken)
        for device in TABLES
        for length in LENGTHS
        if (spoken := answer(run, device, length, knows))
    ]


def on_video(run: Run, spoken: Answer) -> Beside | None:
    """Return how the engine that speaks stands to the median read off Infinity's video."""
    if not spoken.best or not spoken.standing or not spoken.standing.reference:
        return None
    best = spoken.best
    result = find(run, best.engine, best.measurement.sequence_length, "pipeline")
    return beside(run, by_id(f"{spoken.standing.reference.id}-frames"), best.engine, result)


def splits(run: Run) -> list[Split]:
    """Return software and hardware progress where the run has 2021's stack and today's, scope `model`."""
    changes = []
    for runtime, id in (("torchscript", "writeup-torchscript-1.9"), ("onnxruntime", "writeup-onnxruntime")):
        for precision in ("fp32", "int8"):
            for length in LENGTHS:
                reference = by_id(f"{id}-{precision}-cpu-{length}-mean")
                today = f"{runtime}-{precision}"
                then, now, same_file = (
                    divisible(run, reference, engine, length)
                    for engine in (f"2021-{today}", today, SAME_FILE.get(today, ""))
                )
                if then and now and then.threads == now.threads:
                    between = same_file if same_file and same_file.threads == now.threads else None
                    between_ms = between.median_ms if between else None
                    ms = (reference.value, then.median_ms or 0.0, between_ms, now.median_ms or 0.0)
                    changes.append(Split(runtime, precision, length, *ms))
    return changes


def divisible(run: Run, reference: Reference, engine: str, length: int) -> Result | None:
    """Return an engine's result in scope `model` that may be divided by a published number, or None."""
    side = beside(run, reference, engine, find(run, engine, length, "model"))
    return side.result if side.result and not side.result.invalid and side.ratio is not None else None
