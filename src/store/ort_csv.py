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
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError

from src.bench.events import SCHEMA_VERSION, Begun
from src.bench.plan import Case, Plan
from src.bench.report import CSV_COLUMNS, RUNTIMES
from src.engines import registry
from src.store import runs, transfer
from src.store.database import Store
from src.store.transfer import ENGINE, BadRun

T = TypeVar("T")
LARGEST_BYTES, MOST_ROWS = 2_000_000, 5_000
LONGEST_TEXT = 200
NOT_JUDGED = "It came as a table of means, without raw samples: nothing here can judge it."


def parse(data: bytes, name: str) -> dict[str, Any]:
    """Return the JSON of a run (docs/results.md) with the rows of a CSV. Raises BadRun."""
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
    rows = []
    for number, cells in enumerate(lines[1:], 2):
        if tuple(cells) == CSV_COLUMNS or not any(cells):
            continue  # that tool appends to its file and writes the header each time
        if len(cells) != len(CSV_COLUMNS):
            raise BadRun(f"{name}, line {number}: {len(cells)} cells; expected {len(CSV_COLUMNS)}.")
        rows.append(read_row(dict(zip(CSV_COLUMNS, cells, strict=True)), name, number))
    if not rows:
        raise BadRun(f"{name} has no rows, so there is nothing to keep.")
    tell_apart(rows)
    # What is the same in all of that may be there twice: the last one counts, as the tool was run again.
    kept = {(row["engine"], *(row[field] for field in Case.__dataclass_fields__)): row for row in rows}
    return run_of(list(kept.values()), data, name)


def tell_apart(rows: list[dict[str, Any]]) -> None:
    """Name models, devices and settings in the engines' ids, where rows of one engine differ in them."""
    varying = ("model", "device", "optimizer", "io_binding", "inputs", "version")
    for engine in {row["engine"] for row in rows}:
        own = [row for row in rows if row["engine"] == engine]
        for name in varying:
            values = [str(row[name] if name in row else row["facts"].get(name, "")) for row in own]
            if len(set(values)) < 2:
                continue
            for row, value in zip(own, values, strict=True):
                shown = f"{name.replace('_', ' ')} {value or 'none'}"
                slug = re.sub(r"[^a-z0-9.]+", "-", shown.lower()).strip("-")[:24]
                row["engine"] = f"{row['engine'][: 70 - len(slug)]}-{slug}"
                row["facts"]["title"] = f"{row['facts']['title']}, {shown}"[:LONGEST_TEXT]


def read_row(found: dict[str, str], name: str, number: int) -> dict[str, Any]:
    """Return one result. Raises BadRun naming line and column."""

    def read(column: str, parse: Callable[[str], T], expected: str) -> T:
        try:
            return parse(found[column].strip())
        except ValueError as error:
            said = found[column][:40]
            raise BadRun(f"{name}, line {number}, column {column}: “{said}”; expected {expected}.") from error

    def positive(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and value > 0):
            raise ValueError
        return value

    def whole(text: str) -> int:
        value = int(text)
        if not 0 < value < 1_000_000:
            raise ValueError
        return value

    def maybe(parse: Callable[[str], T]) -> Callable[[str], T | None]:
        return lambda text: parse(text) if text else None

    precision = found["precision"].strip().lower() or "fp32"
    engine = found["engine"].strip().lower()
    # Our own CSV has ids; that tool's has the runtime's name alone.
    if engine not in {spec.id for spec in registry.all_engines()} and not engine.endswith(f"-{precision}"):
        engine = f"{engine}-{precision}"
    if not ENGINE.fullmatch(engine):
        raise BadRun(f"{name}, line {number}, column engine: “{engine[:40]}” is no name of an engine.")
    mean_ms = read("average_latency_ms", positive, "milliseconds above 0")
    threads = read("threads", lambda text: whole(text) if text.strip("-0") else 0, "threads")
    tails = {
        f"p{rank}_ms": read(f"latency_{rank}_percentile", maybe(positive), "milliseconds above 0, or nothing")
        for rank in (90, 95, 99)
    }
    runtime = next((one for one in RUNTIMES if engine.startswith(one)), None)
    version = found["version"].strip()[:LONGEST_TEXT]
    return {
        "engine": engine,
        "precision": precision,
        "device": found["device"].strip().lower()[:20] or "cpu",
        "environment": "elsewhere",
        "batch_size": read("batch_size", whole, "a whole number above 0"),
        "sequence_length": read("sequence_length", whole, "a whole number above 0"),
        "threads": threads,
        "scope": "model",
        "samples": read("test_times", lambda text: whole(text) if text else 0, "a number of calls"),
        "mean_ms": mean_ms,
        "median_ms": None,
        "median_ci95_ms": None,
        "min_ms": None,
        "std_ms": None,
        **tails,
        "throughput_per_s": read("QPS", maybe(positive), "a number above 0, or nothing"),
        "load_s": None,
        "first_call_ms": None,
        "peak_rss_mb": None,
        "artifact_mb": None,
        "effective_threads": None,
        "ramp": None,
        "switch_ms": None,
        "verdict": None,
        "reasons": [NOT_JUDGED],
        "ratios": {},
        "facts": {
            "title": f"{found['engine'].strip()[:60]} {precision.upper()}",
            "artifact": None,
            "group": 0,
            "answers": None,
            "accuracy": None,
            "model": found["model_name"].strip()[:LONGEST_TEXT],
            "inputs": found["inputs"].strip()[:20],
            "optimizer": found["optimizer"].strip()[:40],
            "providers": found["providers"].strip()[:LONGEST_TEXT],
            "io_binding": found["io_binding"].strip()[:10],
            "datetime": found["datetime"].strip()[:40],
            "version": version,
            **({runtime: version} if runtime and version else {}),
        },
    }


def run_of(rows: list[dict[str, Any]], data: bytes, name: str) -> dict[str, Any]:
    """Return the run around a table's rows. Its id follows from the file, so that the same is the same."""
    started = moment(rows[0]["facts"]["datetime"])
    hash = hashlib.sha256(data).hexdigest()
    models = list(dict.fromkeys(row["facts"]["model"] for row in rows))
    host = {"name": "not told", "cpu": "not told by the CSV", "allowed_cpus": None, "system": "not told"}
    engines = tuple(dict.fromkeys(row["engine"] for row in rows))
    plan = Plan(
        engines=engines,
        sequence_lengths=tuple(dict.fromkeys(row["sequence_length"] for row in rows)),
        batch_sizes=tuple(dict.fromkeys(row["batch_size"] for row in rows)),
        threads=tuple(dict.fromkeys(row["threads"] for row in rows)),
        scopes=("model",),
        budget_s=0.0,
        baseline=engines[0],
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "run": {
            "id": f"{started:%Y%m%d-%H%M%S}-{hash[:8]}",
            "started_at": f"{started:%Y-%m-%dT%H:%M:%SZ}",
            "command": f"imported from {name[:100]}",
            "host": host,
            "model": {"name": ", ".join(models)[:LONGEST_TEXT]},
            "plan": asdict(plan),
            "protocol": {},
            "inputs": {},
            "rounds": 0,
            "stopped": "table",
            "interrupted": False,
            "seconds": None,
            "time": None,
        },
        "results": rows,
        "paced": [],
        "failures": [],
        "noise": {
            "noise_floor": None,
            "pairs": [],
            "slices": 0,
            "disturbed_slices": 0,
            "noisy": None,
            "reasons": [NOT_JUDGED],
            "reference": None,
            "harness": [],
        },
        "summary": [],
    }


def moment(text: str) -> datetime:
    """Return the time in a row; the epoch where it cannot be read."""
    plain = re.sub(r"\.\d+$", "", text.replace("T", " ").rstrip("Z"))
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(plain, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return datetime.fromtimestamp(0, UTC)


def keep(store: Store, run: dict[str, Any]) -> bool:
    """Put a table into the store, marked as imported; tell whether it was new. Raises StoreError."""
    head = run["run"]
    begun = Begun(
        schema_version=SCHEMA_VERSION,
        **{name: head[name] for name in Begun.__dataclass_fields__ if name != "schema_version"},
    )
    try:
        with store.write() as connection:
            runs.write_head(connection, begun, "imported", None)
            runs.write_results(connection, begun.id, run, sum(row["samples"] for row in run["results"]))
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
        return run["run"]["id"], keep(store, run)
    record = transfer.parse(data, name)
    assert record.begun
    return record.begun.id, transfer.keep(store, record)
