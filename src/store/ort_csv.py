"""A benchmark CSV of ONNX Runtime (the 21 columns of its transformers/benchmark.py) as a run.

Such a table has means and no raw samples, hosts, intervals or evidence: what it lacks stays null, and no
verdict is given.
"""

import csv
import hashlib
import io
import math
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from src.bench.events import SCHEMA_VERSION, Begun
from src.bench.plan import Plan
from src.engines import registry
from src.engines.options import registry_row
from src.facts import Facts
from src.figures.report import CSV_COLUMNS, RUNTIMES
from src.figures.run import TABLE, Head, Noise, Result, Run
from src.store import transfer, writing
from src.store.database import Store
from src.store.transfer import ENGINE, BadRun

T = TypeVar("T")
LARGEST_BYTES, MOST_ROWS = 2_000_000, 5_000
LONGEST_TEXT = 200
NOT_JUDGED = "It came as a table of means, without raw samples: nothing here can judge it."


def parse(data: bytes, name: str) -> Run:
    """Return a run with the rows of a CSV as its results. Raises BadRun."""
    if len(data) > LARGEST_BYTES:
        raise BadRun(
            f"{name} has {len(data) / 1e6:.1f} MB; a CSV of at most {LARGEST_BYTES / 1e6:g} MB is read."
        )
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRun(
            f"{name} is no CSV in UTF-8 ({error}). Give what ONNX Runtime's benchmark.py wrote."
        ) from error
    if not lines or tuple(lines[0]) != CSV_COLUMNS:
        missing = [column for column in CSV_COLUMNS if not lines or column not in lines[0]]
        raise BadRun(
            f"{name} has not the columns of ONNX Runtime's benchmark CSV "
            f"({'missing: ' + ', '.join(missing[:3]) if missing else 'their order differs'}). "
            "Give what its benchmark.py wrote with --detail_csv."
        )
    if len(lines) - 1 > MOST_ROWS:
        raise BadRun(f"{name} has {len(lines) - 1:,} rows; at most {MOST_ROWS:,} are read.")
    results = []
    for number, cells in enumerate(lines[1:], 2):
        if tuple(cells) == CSV_COLUMNS or not any(cells):
            continue  # that tool appends to its file and writes the header each time
        if len(cells) != len(CSV_COLUMNS):
            raise BadRun(f"{name}, line {number}: {len(cells)} cells; expected {len(CSV_COLUMNS)}.")
        results.append(Line(dict(zip(CSV_COLUMNS, cells, strict=True)), name, number).result())
    if not results:
        raise BadRun(f"{name} has no rows, so there is nothing to keep.")
    # What is the same in all of that may be there twice: the last one counts, as the tool was run again.
    kept = {(result.engine, result.case): result for result in tell_apart(results)}
    return run_of(list(kept.values()), data, name)


def tell_apart(results: list[Result]) -> list[Result]:
    """Return results whose engines' ids name model, device and settings, where those of one engine differ."""
    varying = ("model", "device", "optimizer", "io_binding", "inputs", "version")
    for engine in {result.engine for result in results}:
        own = [number for number, result in enumerate(results) if result.engine == engine]
        for name in varying:
            values = [varying_value(results[number], name) for number in own]
            if len(set(values)) < 2:
                continue
            for number, value in zip(own, values, strict=True):
                results[number] = named(results[number], f"{name.replace('_', ' ')} {value or 'none'}")
    return results


def varying_value(result: Result, name: str) -> str:
    return result.device if name == "device" else str(result.facts.get(name, ""))


def named(result: Result, what: str) -> Result:
    """Return a result whose engine is told from others by `what`."""
    slug = re.sub(r"[^a-z0-9.]+", "-", what.lower()).strip("-")[:24]
    return replace(
        result,
        engine=f"{result.engine[: 70 - len(slug)]}-{slug}",
        facts={**result.facts, "title": f"{result.title}, {what}"[:LONGEST_TEXT]},
    )


def positive(text: str) -> float:
    """Return a finite number above 0. Raises ValueError."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise ValueError
    return value


def whole(text: str) -> int:
    """Return a whole number above 0 and below a million. Raises ValueError."""
    value = int(text)
    if not 0 < value < 1_000_000:
        raise ValueError
    return value


class Line:
    """One line of a CSV: its cells by column, and where it stands."""

    def __init__(self, cells: dict[str, str], name: str, number: int) -> None:
        self.cells = {column: cell.strip() for column, cell in cells.items()}
        self.where = f"{name}, line {number}, column"

    def read(self, column: str, parse: Callable[[str], T], expected: str) -> T:
        """Return a cell's value. Raises BadRun naming line and column."""
        try:
            return parse(self.cells[column])
        except ValueError as error:
            said = self.cells[column][:40]
            raise BadRun(f"{self.where} {column}: “{said}”; expected {expected}.") from error

    def read_if_any(self, column: str, parse: Callable[[str], T], expected: str) -> T | None:
        """Return a cell's value, None for an empty one. Raises BadRun."""
        return self.read(column, parse, f"{expected}, or nothing") if self.cells[column] else None

    def engine(self, precision: str) -> str:
        """Return the engine's id. Our own CSV has ids; that tool's has the runtime's name alone."""
        engine = self.cells["engine"].lower()
        ids = {spec.id for spec in registry.all_engines()}
        if registry_row(engine) not in ids and not engine.endswith(f"-{precision}"):
            engine = f"{engine}-{precision}"
        if not ENGINE.fullmatch(engine):
            raise BadRun(f"{self.where} engine: “{engine[:40]}” is no name of an engine.")
        return engine

    def result(self) -> Result:
        """Return the line's result. Raises BadRun naming line and column."""
        precision = self.cells["precision"].lower() or "fp32"
        engine = self.engine(precision)
        tail = "milliseconds above 0"
        return Result(
            engine=engine,
            precision=precision,
            device=self.cells["device"].lower()[:20] or "cpu",
            environment="elsewhere",
            batch_size=self.read("batch_size", whole, "a whole number above 0"),
            sequence_length=self.read("sequence_length", whole, "a whole number above 0"),
            threads=self.read("threads", lambda text: whole(text) if text.strip("-0") else 0, "threads"),
            scope="model",
            samples=self.read("test_times", lambda text: whole(text) if text else 0, "a number of calls"),
            mean_ms=self.read("average_latency_ms", positive, "milliseconds above 0"),
            p90_ms=self.read_if_any("latency_90_percentile", positive, tail),
            p95_ms=self.read_if_any("latency_95_percentile", positive, tail),
            p99_ms=self.read_if_any("latency_99_percentile", positive, tail),
            throughput_per_s=self.read_if_any("QPS", positive, "a number above 0"),
            reasons=(NOT_JUDGED,),
            facts=self.facts(engine, precision),
        )

    def facts(self, engine: str, precision: str) -> Facts:
        """Return what a line tells besides its figures."""
        cells, version = self.cells, self.cells["version"][:LONGEST_TEXT]
        runtime = next((name for name in RUNTIMES if engine.startswith(name)), None)
        return {
            "title": f"{cells['engine'][:60]} {precision.upper()}",
            "artifact": None,
            "group": 0,
            "answers": None,
            "accuracy": None,
            "model": cells["model_name"][:LONGEST_TEXT],
            "inputs": cells["inputs"][:20],
            "optimizer": cells["optimizer"][:40],
            "providers": cells["providers"][:LONGEST_TEXT],
            "io_binding": cells["io_binding"][:10],
            "datetime": cells["datetime"][:40],
            "version": version,
            **({runtime: version} if runtime and version else {}),
        }


def run_of(results: list[Result], data: bytes, name: str) -> Run:
    """Return the run around a table's rows. Its id follows from the file, so that the same is the same."""
    started = moment(results[0].facts["datetime"])
    hash = hashlib.sha256(data).hexdigest()
    models = list(dict.fromkeys(result.facts["model"] for result in results))
    engines = tuple(dict.fromkeys(result.engine for result in results))
    plan = Plan(
        engines=engines,
        sequence_lengths=tuple(dict.fromkeys(result.sequence_length for result in results)),
        batch_sizes=tuple(dict.fromkeys(result.batch_size for result in results)),
        threads=tuple(dict.fromkeys(result.threads for result in results)),
        scopes=("model",),
        budget_s=0.0,
        baseline=engines[0],
    )
    head = Head(
        id=f"{started:%Y%m%d-%H%M%S}-{hash[:8]}",
        started_at=f"{started:%Y-%m-%dT%H:%M:%SZ}",
        command=f"imported from {name[:100]}",
        host={"name": "not told", "cpu": "not told by the CSV", "allowed_cpus": None, "system": "not told"},
        model={"name": ", ".join(models)[:LONGEST_TEXT]},
        plan=asdict(plan),
        protocol={},
        inputs={},
        stopped=TABLE,
    )
    return Run(head=head, results=tuple(results), noise=Noise(reasons=(NOT_JUDGED,)))


def moment(text: str) -> datetime:
    """Return the time in a row; the epoch where it cannot be read."""
    plain = re.sub(r"\.\d+$", "", text.replace("T", " ").rstrip("Z"))
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(plain, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return datetime.fromtimestamp(0, UTC)


def keep(store: Store, run: Run) -> bool:
    """Put a table into the store, marked as imported; tell whether it was new. Raises StoreError."""
    names = (name for name in Begun.__dataclass_fields__ if name != "schema_version")
    begun = Begun(SCHEMA_VERSION, **{name: getattr(run.head, name) for name in names})
    try:
        with store.write() as connection:
            writing.write_head(connection, begun, "imported", None)
            writing.write_results(connection, run, sum(result.samples for result in run.results))
    except IntegrityError:
        return False
    return True


def take_in(store: Store, data: bytes, name: str) -> tuple[str, bool]:
    """Keep a run from a file of either kind, told apart by its name and its first bytes; return its id and
    whether it was new. Raises BadRun, StoreError.
    """
    if name.lower().endswith(".csv") or data.lstrip(b"\xef\xbb\xbf").startswith(
        CSV_COLUMNS[0].encode() + b","
    ):
        run = parse(data, name)
        return run.head.id, keep(store, run)
    record = transfer.parse(data, name)
    assert record.begun
    return record.begun.id, transfer.keep(store, record)
