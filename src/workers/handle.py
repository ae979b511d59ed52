"""A live worker process, seen from its parent, with the worker's own verbs."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from src.engines.spec import EngineSpec
from src.facts import Facts
from src.model.fingerprint import UNKNOWN, Fingerprint
from src.workers.ramp import Ramp
from src.workers.verbs import Answered, Loaded, Prepared, Timed, Told, Visited, WarmedUp
from src.workers.wire import Message


class WorkerFailed(Exception):
    """An engine failed; the message is the reason to show. Its worker may be gone."""


class NoRoom(WorkerFailed):
    """An engine does not fit in memory beside those that must be kept."""


@dataclass
class Handle:
    """One worker. `key` is its name in the pool, `token` what it has loaded; `asks` lets it alone run until
    it has answered a message, for at most so many seconds (None: the usual time).

    Every verb raises WorkerFailed, and drops a worker that is lost.
    """

    spec: EngineSpec
    key: str
    token: tuple[str, int]
    process: subprocess.Popen[bytes]
    channel: socket.socket
    log: Path
    asks: Callable[["Handle", Message, float | None], Message]
    used: float = field(default_factory=time.monotonic)
    facts: Facts = field(default_factory=dict)
    load_s: float = 0.0
    pss_mb: float = 0.0
    ramps: dict[int, Ramp] = field(default_factory=dict)  # of a sentence, by its number of tokens
    fingerprint: Fingerprint = UNKNOWN  # what exactly it is, once that was looked at

    # --- the worker's verbs (see worker.Worker)

    def load(self, artifact: str, tokenizer: str, threads: int) -> Loaded:
        message = {"do": "load", "artifact": artifact, "tokenizer": tokenizer, "threads": threads}
        return Loaded(**self.asks(self, message, None))

    def tell_facts(self) -> Facts:
        return Told(**self.asks(self, {"do": "facts"}, None)).facts

    def prepare(self, case: str, texts: Sequence[str], batch: int = 1, padded: int = 0) -> Prepared:
        message = {"do": "prepare", "case": case, "texts": texts, "batch": batch, "padded": padded}
        return Prepared(**self.asks(self, message, None))

    def infer(self, case: str, step: int = 1, timeout_s: float | None = None) -> Answered:
        return Answered(**self.asks(self, {"do": "infer", "case": case, "step": step}, timeout_s))

    def warm_up(
        self, case: str, scope: str, window: int, cap_s: float, timeout_s: float | None = None
    ) -> WarmedUp:
        message = {"do": "warm_up", "case": case, "scope": scope, "window": window, "cap_s": cap_s}
        return WarmedUp(**self.asks(self, message, timeout_s))

    def slice(
        self,
        case: str,
        scope: str,
        lead_in: int,
        count: int,
        offset: int = 0,
        cap_s: float | None = None,
        pace_s: float = 0.0,
        timeout_s: float | None = None,
    ) -> Timed:
        message = {"do": "slice", "case": case, "scope": scope, "lead_in": lead_in, "count": count}
        message |= {"offset": offset, "cap_s": cap_s, "pace_s": pace_s}
        return Timed(**self.asks(self, message, timeout_s))

    def visit(
        self, case: str, lead_in: int, counts: Sequence[tuple[str, int]], last: bool = False
    ) -> Visited:
        message = {"do": "visit", "case": case, "lead_in": lead_in, "counts": counts, "last": last}
        return Visited(**self.asks(self, message, None))

    # --- its process

    def resume(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop the process and return when it no longer runs. WNOWAIT leaves an end to Popen."""
        os.kill(self.process.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def end(self) -> None:
        """Kill and reap the process."""
        self.process.kill()
        self.process.wait()
        self.channel.close()
