"""One published number with its provenance, and the file that holds them all."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from src.errors import Explained
from src.facts import Facts

T = TypeVar("T")

DEFAULT = Path(__file__).resolve().parents[2] / "data" / "references.csv"

# What the timer encloses. "" = unknown, or the number is not a latency.
SCOPE_TITLES = {
    "": "unknown",
    "model": "model (token ids in, no tokenizer)",
    "pipeline": "pipeline (text in, label out)",
    "client": "client (a whole HTTP request, timed by who sent it)",
}

# Each statistic, and the units it may come in.
STATISTICS = {
    "stated": ("ms",),  # a typical latency named in prose; how it was averaged is not said
    "mean": ("ms",),
    "median": ("ms",),
    "min": ("ms",),
    "max": ("ms",),
    "p90": ("ms",),
    "p95": ("ms",),
    "p99": ("ms",),
    "throughput": ("1/s",),
    "speedup": ("ratio",),  # time of a baseline / time of the engine: more is faster
    "claim": ("fraction",),  # an "up to … %" of a text, kept as worded
    "accuracy": ("fraction",),
    "quality": ("fraction",),  # of the unquantised model's score
    "price": ("USD/h", "USD/year", "USD/cpu/year"),
    "count": ("count",),
}
UNITS = tuple(dict.fromkeys(unit for units in STATISTICS.values() for unit in units))

# The four figures people know: Infinity's demo as the write-up states it, by device, in order of length.
HEADLINE = {"cpu": ("infinity-cpu-16", "infinity-cpu-128"), "cuda": ("infinity-t4-16", "infinity-t4-128")}


class ReferenceError(Explained, ValueError):
    """The references file, or an id asked of it, is not what it must be."""


@dataclass(frozen=True)
class Reference:
    """A published number. Text is "" and a number None where the source does not say.

    `architecture` names the shape of the network (`MiniLM-L6-H384`), `model` the checkpoint. `pace_s` is the
    pause between requests where the source had one. `derived`: computed from published readings, not itself
    published.
    """

    id: str
    source: str
    url: str
    published: date | None
    engine: str
    precision: str
    model: str
    architecture: str
    hardware: str
    threads: int | None
    device: str
    batch_size: int | None
    sequence_length: int | None
    scope: str
    statistic: str
    value: float
    unit: str
    pace_s: float | None
    derived: bool
    note: str

    @property
    def title(self) -> str:
        """Return what stands beside one of Infinity's latencies in a chart or table."""
        place = f" on {self.card}" if self.card else ""
        return f"Infinity{place}, {self.sequence_length} tokens"

    @property
    def card(self) -> str:
        """Return on which GPU it was measured, such as `NVIDIA T4`; "" on a CPU."""
        return self.hardware.rpartition(", ")[2] if self.device == "cuda" else ""


COLUMNS = tuple(field.name for field in fields(Reference))


def load(path: Path | str = DEFAULT) -> tuple[Reference, ...]:
    """Return every reference of a CSV file (columns `COLUMNS`, UTF-8) in the file's order.

    Raises ReferenceError naming line, column, what was wrong and what was expected.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return _unique(path, _rows(path, csv.reader(file, strict=True)))
    except OSError as error:
        raise ReferenceError(f"{path}: cannot be read ({error.strerror}); expected a CSV file.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReferenceError(f"{path}: is not CSV text in UTF-8: {error}.") from error


def by_id(id: str) -> Reference:
    """Return the stored reference of that id. Raises ReferenceError where there is none."""
    try:
        return _stored()[id]
    except KeyError:
        raise ReferenceError(
            f"There is no reference “{id}”; expected an id of {DEFAULT.name}, such as {HEADLINE['cpu'][0]}."
        ) from None


def infinity(device: str = "cpu") -> tuple[Reference, ...]:
    """Return Infinity's stated latencies (ms) at 16 and 128 tokens on `cpu` or `cuda` (a T4), shortest first.

    Empty for a device on which Infinity was never shown.
    """
    return tuple(by_id(id) for id in HEADLINE.get(device, ()))


def to_json(reference: Reference) -> Facts:
    """Return the reference under its column names, ready for `json.dumps`: what is not known is None."""
    row = {name: None if value == "" else value for name, value in asdict(reference).items()}
    row["published"] = reference.published.isoformat() if reference.published else None
    return row


@lru_cache(maxsize=1)
def _stored() -> dict[str, Reference]:
    return {reference.id: reference for reference in load()}


def _unique(path: Path, rows: Iterator[tuple[int, Reference]]) -> tuple[Reference, ...]:
    lines: dict[str, int] = {}
    references = []
    for line, reference in rows:
        first = lines.setdefault(reference.id, line)
        if first != line:
            _fail(path, line, "id", f"“{reference.id}” is already the id of line {first}", "a unique id")
        references.append(reference)
    if not references:
        raise ReferenceError(f"{path}: holds no row; expected at least one reference.")
    return tuple(references)


def _rows(path: Path, reader: Any) -> Iterator[tuple[int, Reference]]:
    """Yield (line, reference); `reader` is a `csv.reader`, whose type the standard library does not name."""
    header: list[str] = next(reader, [])
    if tuple(header) != COLUMNS:
        wrong = next((name for name in COLUMNS if name not in header), None) or next(
            (name for name in header if name not in COLUMNS), "(order)"
        )
        _fail(path, 1, wrong, "the header is not the expected one", ", ".join(COLUMNS))
    for cells in reader:
        if len(cells) != len(COLUMNS):
            column = COLUMNS[min(len(cells), len(COLUMNS) - 1)]
            _fail(path, reader.line_num, column, f"{len(cells)} cells", f"{len(COLUMNS)}, one a column")
        yield reader.line_num, _reference(path, reader.line_num, dict(zip(COLUMNS, cells, strict=True)))


def _reference(path: Path, line: int, row: dict[str, str]) -> Reference:
    def read(column: str, parse: Callable[[str], T], expected: str) -> T:
        try:
            return parse(row[column])
        except ValueError:
            said = f"“{row[column]}”" if row[column] else "empty"
            _fail(path, line, column, said, expected)

    def whole(column: str) -> int | None:
        return read(column, _whole, "a whole number above 0, or nothing where unknown")

    statistic = read("statistic", _one_of(STATISTICS), f"one of {', '.join(STATISTICS)}")
    value = read("value", _positive, "a finite number above 0")
    if statistic in ("accuracy", "quality") and value > 1:
        _fail(path, line, "value", f"“{row['value']}”", f"a fraction up to 1 for the statistic {statistic}")
    published = read("published", _day, "an ISO date such as 2021-10-04, or nothing where the note says why")
    if published is None and not row["note"]:
        _fail(path, line, "published", "empty", "an ISO date, or a note that says why there is none")
    units, known_scopes = STATISTICS[statistic], ", ".join(filter(None, SCOPE_TITLES))
    return Reference(
        id=read("id", _slug, "lower-case words joined by hyphens, such as infinity-cpu-16"),
        source=read("source", _text, "the title of where the number was published"),
        url=read("url", _url, "an address that begins with http:// or https://"),
        published=published,
        engine=row["engine"],
        precision=row["precision"],
        model=row["model"],
        architecture=row["architecture"],
        hardware=row["hardware"],
        threads=whole("threads"),
        device=row["device"],
        batch_size=whole("batch_size"),
        sequence_length=whole("sequence_length"),
        scope=read("scope", _one_of(SCOPE_TITLES), f"{known_scopes}, or nothing where unknown"),
        statistic=statistic,
        value=value,
        unit=read("unit", _one_of(units), f"{' or '.join(units)} for the statistic {statistic}"),
        pace_s=read("pace_s", lambda text: _positive(text) if text else None, "seconds above 0, or nothing"),
        derived=read("derived", _one_of(("yes", "no")), "yes or no") == "yes",
        note=row["note"],
    )


def _fail(path: Path, line: int, column: str, actual: str, expected: str) -> NoReturn:
    raise ReferenceError(f"{path}, line {line}, column {column}: {actual}; expected {expected}.")


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text


def _slug(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9.]+(-[a-z0-9.]+)*", text):
        raise ValueError
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", text):
        raise ValueError
    return text


def _day(text: str) -> date | None:
    if text and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):  # fromisoformat would take 2021-W40-1 too
        raise ValueError
    return date.fromisoformat(text) if text else None


def _whole(text: str) -> int | None:
    if text and not re.fullmatch(r"[1-9][0-9]*", text):
        raise ValueError
    return int(text) if text else None


def _positive(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise ValueError
    return number


def _one_of(known: Any) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in known:
            raise ValueError
        return text

    return parse
