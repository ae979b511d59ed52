"""The engines of a run that are in memory together: their living cells, and what is done with one of them."""

import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import psutil

from src.bench import inputs
from src.bench.budget import Budget
from src.bench.events import Event, Failed, Slice, Warmed, engine_id
from src.bench.observer import Observer
from src.bench.plan import Plan
from src.bench.record import Cell, Record
from src.bench.seat import Ask, Seat, key_of
from src.bench.settings import Settings
from src.host import evidence, machine
from src.host.evidence import Evidence, Watch
from src.host.giving_way import GivingWay
from src.limits import public
from src.stats import median
from src.workers.agreement import compare, shape_name
from src.workers.handle import Handle, WorkerFailed
from src.workers.pool import Pool
from src.workers.verbs import Timed, WarmedUp

T = TypeVar("T")

log = logging.getLogger(__name__)


class Session:
    """One run's engines. `logits` are each worker's by its key, batch and length, `reference` the accuracy
    baseline's. `slices_s` is how long slices took, `own_cpu_s` what this process used meanwhile.
    """

    def __init__(
        self,
        pool: Pool,
        asked: Plan,
        settings: Settings,
        observer: Observer,
        record: Record,
        budget: Budget,
        give_way: GivingWay,
    ) -> None:
        self.pool = pool
        self.plan = asked
        self.settings = settings
        self.observer = observer
        self.record = record
        self.budget = budget
        self.give_way = give_way
        self.began = time.monotonic()
        self.watch = Watch(machine.allowed_cpus()[: max(asked.threads)])
        self.last_worker = ""  # the one that was timed last
        self.seated: dict[str, tuple[Seat, Handle]] = {}
        self.logits: dict[tuple[str, int, int], list[list[float]]] = {}
        self.reference: dict[tuple[int, int], list[list[float]]] = {}
        self.first_call_ms: dict[Cell, float] = {}
        self.slices_s = self.own_cpu_s = 0.0

    def happened(self, event: Event) -> None:
        self.record.add(event)
        self.observer.happened(event)

    # --- who is here

    def cells(self, group: int) -> list[Cell]:
        """Return the living cells in the order of the plan."""
        return [
            Cell(group, seat.engine, case)
            for seat, _ in self.seated.values()
            for case in self.plan.cases
            if case.threads == seat.threads
        ]

    def fail(self, engine: str, reason: str) -> None:
        """An engine is out: none of its workers stays."""
        log.warning("%s failed: %s", engine, reason)
        self.happened(Failed(engine, public(reason)))
        self.drop(engine)

    def drop(self, engine: str) -> None:
        """End an engine's workers; what was measured of it stays."""
        for key, (seat, _) in list(self.seated.items()):
            if seat.engine == engine:
                del self.seated[key]
                self.pool.drop(key)

    def leave(self, all_but_staying: bool = False) -> None:
        """End the workers of a group."""
        for key, (seat, _) in list(self.seated.items()):
            if not (all_but_staying and self.stays(seat)):
                del self.seated[key]
                self.pool.drop(key)

    def stays(self, seat: Seat) -> bool:
        """Tell whether a worker is in every memory group."""
        return engine_id(seat.engine) in self.plan.staying

    def close(self) -> None:
        """End all workers, and the watch."""
        self.leave()
        self.watch.close()

    def let_sentences_go_first(self) -> None:
        """Give way to a sentence that waits; the time of others is not this run's."""
        before_s = self.yielded_s
        with suppress(KeyboardInterrupt):  # asked to stop meanwhile: the caller sees that next
            self.give_way()
        if self.yielded_s > before_s:
            self.budget.extend(self.yielded_s - before_s)
            self.watch.forget()
            self.last_worker = ""

    @property
    def yielded_s(self) -> float:
        return self.give_way.yielded_s

    # --- what is done with a cell; None once its engine has failed

    def ask(self, cell: Cell, question: Callable[[Handle], T]) -> T | None:
        """Ask the worker of a cell."""
        if (key := key_of(cell)) not in self.seated:
            return None
        self.last_worker = key
        try:
            return question(self.seated[key][1])
        except WorkerFailed as failure:
            self.fail(cell.engine, f"At {cell.case}: {failure}")
            return None

    def warm_up(self, cell: Cell) -> Warmed | None:
        """Warm up a cell, by the same rule for all."""
        case, window, cap_s = cell.case, self.settings.warm_up_window, self.settings.warm_up_cap_s
        shape, timeout_s = shape_of(cell), self.settings.answer_timeout_s + cap_s
        pid = self.seated[key_of(cell)][1].process.pid
        anew = machine.forget_peak(pid)
        warmed = self.ask(cell, lambda worker: worker.warm_up(shape, case.scope, window, cap_s, timeout_s))
        if warmed is None:
            return None
        peak_rss_mb = machine.status_mb(pid, "VmHWM") if anew else None
        return warmed_of(self, cell, warmed, peak_rss_mb)

    def visit(self, cell: Cell, count: int, offset: int, cap_s: float) -> tuple[int, ...] | None:
        """Return the nanoseconds of so many calls in a row, without a lead-in."""
        shape, timeout_s = shape_of(cell), self.settings.answer_timeout_s + 2 * cap_s
        timed = self.ask(
            cell,
            lambda worker: worker.slice(shape, cell.case.scope, 0, count, offset, cap_s, timeout_s=timeout_s),
        )
        return tuple(timed.ns) if timed else None

    def slice(self, asked: Ask) -> Slice | None:
        """Time one slice of a round."""
        cell = asked.cell
        if (key := key_of(cell)) not in self.seated:
            return None
        worker, shape, case = self.seated[key][1], shape_of(cell), cell.case
        pause_s = self.plan.pace_s if asked.pace_s is None else asked.pace_s
        timeout_s = self.settings.answer_timeout_s + 2 * asked.cap_s
        # The same texts for every engine of a round, others in each: no position has texts of its own.
        offset = random.Random(f"{self.plan.seed} {asked.round}").randrange(inputs.COUNT)
        at_s, switched = time.monotonic() - self.began, self.last_worker != key
        with suppress(OSError, psutil.Error):  # it is gone; asking tells why
            self.watch.start(worker.process.pid)
        began, own = time.monotonic(), time.process_time()
        timed = self.ask(
            cell,
            lambda worker: worker.slice(
                shape, case.scope, asked.lead_in, asked.calls, offset, asked.cap_s, pause_s, timeout_s
            ),
        )
        self.own_cpu_s += time.process_time() - own
        self.slices_s += time.monotonic() - began
        if timed is None:
            return None
        seen = self.watch.stop(worker.process.pid, timed.use)
        allowed = evidence.threads_allowed(worker.facts, case.threads)
        return slice_of(asked, at_s, timed, seen, allowed, switched)


def warmed_of(session: Session, cell: Cell, warmed: WarmedUp, peak_rss_mb: float | None) -> Warmed:
    """Return the event of a cell that was warmed up."""
    return Warmed(
        *cell,
        first_call_ms=session.first_call_ms.get(cell._replace(group=0)),
        calls=len(warmed.ns),
        steady=warmed.steady,
        calls_ns=sum(warmed.ns),
        call_ns=median(warmed.ns[-session.settings.warm_up_window :]),
        peak_rss_mb=peak_rss_mb,
        answers=agreement(session, cell, session.reference.get(shape_in_texts(cell))),
        anchor_answers=agreement(session, cell, anchor_logits(session, cell)),
    )


def agreement(session: Session, cell: Cell, reference: list[list[float]] | None) -> dict[str, float] | None:
    """Return how a cell's answers agree with a reference's; None without those."""
    logits = session.logits.get((key_of(cell), *shape_in_texts(cell)))
    return compare(logits, reference) if logits and reference else None


def anchor_logits(session: Session, cell: Cell) -> list[list[float]] | None:
    """Return what the anchor of a cell's row answered; None where the plan has none of that row."""
    anchor = session.plan.anchor_of(engine_id(cell.engine))
    if not anchor:
        return None
    return session.logits.get((key_of(cell._replace(engine=anchor)), *shape_in_texts(cell)))


def shape_in_texts(cell: Cell) -> tuple[int, int]:
    """Return a cell's texts a call, and their tokens."""
    return cell.case.batch_size, cell.case.sequence_length


def slice_of(asked: Ask, at_s: float, timed: Timed, seen: Evidence, allowed: int, switched: bool) -> Slice:
    """Return the event of one slice: when it began, what the worker and the watch told, how many threads may
    have run, and, where another worker ran before, its first call.
    """
    cell = asked.cell
    first_ns = timed.lead_ns[0] if switched and timed.lead_ns else None
    return Slice(
        cell.group,
        asked.round,
        asked.attempt,
        cell.engine,
        cell.case,
        at_s,
        timed.ns,
        sum(timed.lead_ns),
        seen,
        evidence.disturbances(seen, cell.case.threads, allowed),
        len(timed.lead_ns),
        first_ns,
        asked.pace_s,
    )


def shape_of(cell: Cell) -> str:
    """Return the name under which workers know a cell's inputs."""
    return shape_name(cell.case.batch_size, cell.case.sequence_length)
