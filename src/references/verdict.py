"""Are we there yet? A run beside what was published, cell by cell. Nothing here measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from src.references.beside import measurement_of
from src.references.comparison import Comparison, judge, ratio
from src.references.reference import HEADLINE, Reference, by_id

LENGTHS = (16, 128)
THREADS = 2  # of Infinity's demo and of the write-up
# A difference to a published number is judged by our interval alone: theirs is not known.
FASTER, SLOWER, LEVEL, UNDECIDED = "faster", "slower", "level", "undecided"


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
    for engines in (tuple(one.format(precision) for one in pattern),)
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
    """One measured result beside one published number.

    `row` is None where the run has none; `ratio` (measured ÷ published, below 1 is faster) and its interval
    are None where something blocks; `verdict` is faster, slower, level (the interval holds the published
    number), undecided (noisy, or no interval), or "" where nothing is compared.
    """

    reference: Reference
    engine: str
    row: dict[str, Any] | None
    comparison: Comparison | None
    ratio: float | None
    ratio_ci95: tuple[float, float] | None
    verdict: str


@dataclass(frozen=True)
class Cell:
    """A cell of a write-up's table, with the engines beside it. `printed` is a misprint, where it was one."""

    column: str
    length: int
    reference: Reference
    printed: float | None
    beside: tuple[Beside, ...]


@dataclass(frozen=True)
class Answer:
    """The answer for one length: the fastest faithful engine in scope `pipeline` beside Infinity.

    `stated` is Infinity's number as the write-up states it, `frames` the median read off the video.
    `unproven` are faster engines whose accuracy misses the gate or is not known here.
    """

    length: int
    stated: Beside | None
    frames: Beside | None
    unproven: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """What five years changed for one runtime, in ms: 2021's software on 2021's hardware (published), 2021's
    on this host, today's on this host. The factors multiply to the whole.
    """

    runtime: str
    precision: str
    length: int
    published_ms: float
    then_ms: float
    now_ms: float

    @property
    def hardware(self) -> float:
        return self.then_ms / self.published_ms

    @property
    def software(self) -> float:
        return self.now_ms / self.then_ms

    @property
    def whole(self) -> float:
        return self.now_ms / self.published_ms


def find(run: dict[str, Any], engine: str, length: int, scope: str) -> dict[str, Any] | None:
    """Return a run's result of this engine, batch 1, with two threads (or as many as were measured)."""
    rows = [
        row
        for row in run["results"]
        if (row["engine"], row["sequence_length"], row["scope"], row["batch_size"])
        == (engine, length, scope, 1)
        and row["median_ms"] is not None
    ]
    return min(rows, key=lambda row: abs(row["threads"] - THREADS), default=None)


def beside(run: dict[str, Any], reference: Reference, engine: str, row: dict[str, Any] | None) -> Beside:
    """Return a result beside a published number, judged."""
    if row is None:
        return Beside(reference, engine, None, None, None, None, "")
    comparison = judge(reference, measurement_of(run, row))
    found = ratio(reference, row["median_ms"], comparison)
    if found is None:
        return Beside(reference, engine, row, comparison, None, None, "")
    spread = row["median_ci95_ms"]
    if row["verdict"] != "valid" or not spread:
        return Beside(reference, engine, row, comparison, found, None, UNDECIDED)
    low, high = (value / reference.value for value in spread)
    verdict = FASTER if high < 1 else SLOWER if low > 1 else LEVEL
    return Beside(reference, engine, row, comparison, found, (low, high), verdict)


def table(run: dict[str, Any], device: str) -> list[Cell]:
    """Return the write-up's table for `cpu` or `cuda` beside a run, in its own order."""
    found = []
    for column in TABLES[device]:
        for length in LENGTHS:
            reference = by_id(column.id.format(length=length))
            sides = tuple(
                beside(run, reference, engine, find(run, engine, length, "model"))
                for engine in column.engines
            )
            found.append(Cell(column.title, length, reference, dict(column.printed).get(length), sides))
    return found


def faithful(row: dict[str, Any], gates: dict[str, bool | None]) -> bool:
    """Tell whether an engine's answers are known to be as good as FP32's: it passed the gate."""
    own = (row["facts"].get("accuracy") or {}).get("gate")
    return bool(gates.get(row["engine"], own))


def answer(run: dict[str, Any], device: str, length: int, gates: dict[str, bool | None]) -> Answer | None:
    """Return what a run says of Infinity at this length; None where it has no result in scope `pipeline`.

    `gates` are the accuracy gates known beside those in the run's own facts.
    """
    rows = [
        row
        for engine in dict.fromkeys(row["engine"] for row in run["results"])
        if (row := find(run, engine, length, "pipeline")) and row["device"] == device
        if row["verdict"] != "invalid" and engine != "null"
    ]
    rows.sort(key=lambda row: row["median_ms"])
    if not rows:
        return None
    best = next((row for row in rows if faithful(row, gates)), None)
    faster = rows[: rows.index(best)] if best else rows
    unproven = tuple(row["engine"] for row in faster)
    if best is None:
        return Answer(length, None, None, unproven)
    stated = by_id(HEADLINE[device][LENGTHS.index(length)])
    frames = by_id(f"{stated.id}-frames")
    return Answer(
        length,
        beside(run, stated, best["engine"], best),
        beside(run, frames, best["engine"], best),
        unproven,
    )


def splits(run: dict[str, Any]) -> list[Split]:
    """Return software and hardware progress where the run has 2021's stack and today's, scope `model`."""
    found = []
    for runtime, id in (("torchscript", "writeup-torchscript-1.9"), ("onnxruntime", "writeup-onnxruntime")):
        for precision in ("fp32", "int8"):
            for length in LENGTHS:
                reference = by_id(f"{id}-{precision}-cpu-{length}-mean")
                then, now = (
                    divisible(run, reference, f"{age}{runtime}-{precision}", length) for age in ("2021-", "")
                )
                if then and now and then["threads"] == now["threads"]:
                    ms = (reference.value, then["median_ms"], now["median_ms"])
                    found.append(Split(runtime, precision, length, *ms))
    return found


def divisible(run: dict[str, Any], reference: Reference, engine: str, length: int) -> dict[str, Any] | None:
    """Return an engine's result in scope `model` that may be divided by a published number, or None."""
    side = beside(run, reference, engine, find(run, engine, length, "model"))
    return side.row if side.row and side.row["verdict"] != "invalid" and side.ratio is not None else None
