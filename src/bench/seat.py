"""A worker of a benchmark: an engine with so many threads, and what is told of it once it has loaded."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from src.accuracy import known_accuracy
from src.bench.events import Loaded, engine_id
from src.bench.record import Cell
from src.engines import registry
from src.engines.spec import EngineSpec
from src.environments import MAIN, manifest
from src.host import machine
from src.workers.handle import Handle


@dataclass(frozen=True)
class Seat:
    """A worker to be: an engine (or the baseline's twin) with so many threads."""

    engine: str
    threads: int

    @property
    def spec(self) -> EngineSpec:
        return registry.get(engine_id(self.engine))

    @property
    def key(self) -> str:
        return f"{self.engine}@{self.threads}"


class Ask(NamedTuple):
    """A slice to be timed: which attempt of which round, and of what cell; its untimed and its timed calls,
    after how many seconds it is cut short, and the pause before each call of a paced cell.
    """

    round: int
    attempt: int
    cell: Cell
    lead_in: int
    calls: int
    cap_s: float
    pace_s: float | None


def key_of(cell: Cell) -> str:
    """Return the key of a cell's worker."""
    return Seat(cell.engine, cell.case.threads).key


def loaded(group: int, seat: Seat, worker: Handle, folder: Path | None, from_round: int = 1) -> Loaded:
    """Return the event of a worker that has answered: `folder` is what it loaded."""
    size = None if folder is None else sum(one.stat().st_size for one in folder.iterdir() if one.is_file())
    known = known_accuracy.of(worker.fingerprint)
    day = None if seat.spec.environment == MAIN else manifest(seat.spec.environment).get("released_on")
    return Loaded(
        group=group,
        engine=seat.engine,
        threads=seat.threads,
        title=seat.spec.title,
        precision=seat.spec.precision,
        device=seat.spec.device,
        environment=seat.spec.environment,
        load_s=worker.load_s,
        rss_mb=machine.status_mb(worker.process.pid, "VmRSS"),
        pss_mb=worker.pss_mb,
        artifact_mb=None if size is None else size / 1e6,
        artifact=folder.name if folder else None,
        facts={
            **worker.facts,
            "accuracy": known and asdict(known),
            **({"released_on": day} if day else {}),
        },
        from_round=from_round,
    )
