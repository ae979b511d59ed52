"""What the cores of a host can do at most, as it was measured here and is kept: its roofline."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from src import typed
from src.home import home, write_whole


@dataclass(frozen=True)
class Roofline:
    """The most that so many `threads`, each on a CPU of its own, computed and moved. `fp32` and `int8` are
    10⁹ operations a second of matrix products, multiplications and additions counted alike, by the faster
    library; `bandwidth` is 10⁹ bytes a second of a sum or a copy, whichever moved more, by
    how many bytes were read and written (what fits in a cache is moved faster).
    """

    cpu_key: str
    cpu: str
    threads: int
    fp32: float
    int8: float
    bandwidth: dict[int, float]
    libraries: dict[str, str]
    measured_at: str

    def peak(self, precision: str) -> float | None:
        """Return the operations of a precision; None for one that was not measured."""
        return {"fp32": self.fp32, "int8": self.int8}.get(precision)

    def bytes_per_s(self, size: float) -> float:
        """Return how many bytes a second are moved of so many: by the copy of the nearest size."""
        nearest = min(self.bandwidth, key=lambda known: abs(known - size))
        return 1e9 * self.bandwidth[nearest]


def folder() -> Path:
    path = home() / "rooflines"
    path.mkdir(exist_ok=True)
    return path


def place(cpu_key: str, threads: int) -> Path:
    return folder() / f"{cpu_key}-{threads}.json"


def keep(roofline: Roofline) -> None:
    """Keep a roofline in place of an earlier one of the same CPU and threads."""
    text = json.dumps(asdict(roofline), indent=1, ensure_ascii=False)
    write_whole(place(roofline.cpu_key, roofline.threads), text)


def kept(cpu_key: str, threads: int) -> Roofline | None:
    """Return the roofline of a CPU with so many threads; None where none was measured, it is damaged, or it
    is not known which CPU that is.
    """
    if not cpu_key:
        return None
    try:
        return typed.read(Roofline, json.loads(place(cpu_key, threads).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
