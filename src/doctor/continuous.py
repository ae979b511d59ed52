"""Continuous calls, which a worker's slices are compared with: a hot loop's, or the worker's own.

A hot loop (hot_loops.py) differs from a worker in two ways: it does not stop between slices, and it is
another process, whose memory lies elsewhere. Continuous calls in the worker's own process differ in the
first alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from subprocess import Popen
from typing import Protocol

from src.bench.events import TWIN
from src.workers.agreement import shape_name
from src.workers.handle import Handle, WorkerFailed
from src.workers.pool import Pool
from src.workers.wire import Message

GUESS_CALLS = 8  # to learn how long a call takes


class LoopFailed(Exception):
    """Continuous calls failed. The message is the reason to show."""


class Disturbed(Exception):
    """The host stayed disturbed. The message says by what."""


@dataclass(frozen=True)
class HotFigure:
    """What one loop took."""

    median_ms: float
    p05_ms: float
    calls: int


class Loop(Protocol):
    """What calls an engine without a pause, in one process that is stopped otherwise."""

    process: Popen[bytes]

    def ask(self, message: Message, timeout_s: float) -> Message: ...

    def end(self) -> None: ...


class OwnLoop:
    """The loop of a worker itself. `case` is the name of its inputs there; "" for those of a shape."""

    def __init__(self, worker: Handle, case: str) -> None:
        self.worker, self.case = worker, case
        self.process = worker.process

    def ask(self, message: Message, timeout_s: float) -> Message:
        """Let it call untimed for `settle_s` and then timed for `seconds`, about; return {median_ns, p05_ns,
        calls}. Raises LoopFailed.
        """
        try:
            few = self.slice(message, 0, GUESS_CALLS, timeout_s)
            call_s = median(few) / 1e9
            lead_in, count = (max(1, round(message[name] / call_s)) for name in ("settle_s", "seconds"))
            calls = sorted(self.slice(message, lead_in, count, timeout_s))
        except WorkerFailed as failure:
            raise LoopFailed(str(failure)) from failure
        return {"median_ns": median(calls), "p05_ns": calls[len(calls) // 20], "calls": len(calls)}

    def slice(self, message: Message, lead_in: int, count: int, timeout_s: float) -> list[int]:
        case = self.case or shape_name(1, message["length"])
        return self.worker.slice(case, message["scope"], lead_in, count, timeout_s=timeout_s).ns

    def end(self) -> None:
        """Nothing: the worker is the pool's."""


def own_loops(pool: Pool, engines: Sequence[str], case: str = "") -> dict[str, Loop]:
    """Return the loops of those of the engines that are loaded."""
    workers = {worker.spec.id: worker for key, worker in pool.workers.items() if TWIN not in key}
    return {id: OwnLoop(workers[id], case) for id in engines if id in workers}
