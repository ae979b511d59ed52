"""A job's process: a measurer that carries out one plan and keeps the store informed.

    python -m src.jobs.measure JOB_ID CLAIMED_BY

It needs nobody: it goes on when the app ends, and writes its own end.
"""

import logging
import os
import sys
import time
from dataclasses import asdict

from src.bench import protocol, slicing
from src.bench.events import Begun, Ended, Event, Failed, Loaded, Slice
from src.bench.observer import Observer
from src.bench.record import Record
from src.bench.settings import BENCHMARK, Settings
from src.bench.stopping import Stop
from src.errors import Explained
from src.figures import results
from src.figures.run import Result
from src.home import HomeError
from src.jobs import queue
from src.jobs.job import Job
from src.jobs.live import Live, LiveCell, Step
from src.limits import public
from src.model import source
from src.progress import Progress
from src.store import writing
from src.store.database import Store, StoreError, open_store
from src.workers.pool import Pool

TELL_S = 1.0  # how often progress is written, and a cancel looked for
LIVE_S = 8.0  # how often the results so far are computed for the page, at most
LIVE_SHARE = 0.03  # of the job's time that may go into that

log = logging.getLogger(__name__)


class Measuring:
    """One job while it is measured: a sink, a progress, and an answer to “stop?”."""

    def __init__(self, store: Store, job: Job, stop: Stop) -> None:
        self.store = store
        self.job = job
        self.stop = stop
        self.sink = writing.StoreSink(store)
        self.record = Record()  # the protocol's own
        self.began = time.monotonic()
        self.rounds_began: float | None = None
        self.told = self.looked = self.drawn = 0.0
        self.draw_every_s = LIVE_S
        self.cancelled = False

    # --- what the protocol calls

    def take(self, event: Event) -> None:
        """The sink: the event is kept before this returns, and the page hears of it once a second."""
        self.sink(event)
        match event:
            case Begun():
                self.began = time.monotonic()  # as the budget does, once the host's lock is held
                queue.tell(self.store, self.job.id, run_id=event.id)
            case Loaded() if event.from_round > 1:
                pass  # known already; a draw takes time that the next block needs
            case Failed() | Loaded():
                self.draw()
            case Slice():
                self.rounds_began = self.rounds_began or time.monotonic()
                if self.due():
                    self.tell(Progress("measure", "Measuring", event.round))

    def progress(self, step: Progress) -> None:
        if step.stage in ("wait", "noise") or self.due():
            self.tell(step)

    def between_rounds(self, _: Record) -> None:
        if time.monotonic() - self.drawn >= self.draw_every_s:
            self.draw()

    def stopped(self) -> bool:
        """Tell whether to stop: after a signal, or a note in the store, looked for once a second."""
        now = time.monotonic()
        if not (self.stop() or self.cancelled) and now - self.looked >= TELL_S:
            self.looked = now
            self.cancelled = queue.cancel_asked(self.store, self.job.id)
        return self.stop() or self.cancelled

    # --- what it writes

    def due(self) -> bool:
        return time.monotonic() - self.told >= TELL_S

    def tell(self, step: Progress) -> None:
        self.told = time.monotonic()
        elapsed_s = self.told - self.began if self.record.begun else 0.0
        rounds = (self.record.rounds, self.next_look()) if self.rounds_began is not None else ()
        so_far = Step(step.stage, step.text, step.done, step.total, elapsed_s, self.left_s(), *rounds)
        queue.tell(self.store, self.job.id, progress=asdict(so_far))

    def next_look(self) -> int:
        """Return the round after which the run may stop next."""
        calls_s = [warmed.call_ns / 1e9 for warmed in self.record.warmed.values()]
        return slicing.first_look(self.job.plan, calls_s, self.record.rounds)

    def left_s(self) -> float:
        """Return about how long it will still take: until the next look by the rounds so far, but not longer
        than the budget.
        """
        if not self.record.begun:
            return self.job.estimate_s
        elapsed = time.monotonic() - self.began
        if self.rounds_began is None or self.record.rounds < 2:
            return max(0.0, self.job.estimate_s - elapsed)
        each = (time.monotonic() - self.rounds_began) / self.record.rounds
        rounds_s = each * (self.next_look() - self.record.rounds)
        budget_s = self.job.plan.budget_s - elapsed  # used up earlier where sentences went first
        return min(budget_s, rounds_s) if budget_s > 0 else rounds_s

    def draw(self) -> None:
        """Write what the page shows while the run goes on: a row per cell, and how each engine does."""
        began = time.monotonic()
        record = self.record
        cells = results.summarise(record).results if record.begun else ()
        shown = tuple(map(cell_of, cells))
        live = Live(record.rounds, shown, loaded(record), tuple(record.failures))
        queue.tell(self.store, self.job.id, live=asdict(live))
        self.drawn = time.monotonic()
        self.draw_every_s = max(LIVE_S, (self.drawn - began) / LIVE_SHARE)


def cell_of(result: Result) -> LiveCell:
    """Return what the page shows of a result while its run goes on."""
    return LiveCell(
        **asdict(result.case),
        engine=result.engine,
        title=result.title,
        rounds=result.facts["rounds"],
        median_ms=result.median_ms,
        median_ci95_ms=result.median_ci95_ms,
        ratios=result.ratios,
    )


def loaded(record: Record) -> tuple[str, ...]:
    """Return the engines that are loaded so far, twins among them."""
    return tuple(sorted({engine for _, engine, _ in record.loaded}))


def carry_out(store: Store, job: Job, settings: Settings) -> tuple[str, str]:
    """Measure a job's plan; return the state it ends in, and the reason. Raises StoreError."""
    stop = Stop()
    measuring = Measuring(store, job, stop)
    pool = Pool()
    try:
        with stop.listening():
            record = protocol.run(
                pool,
                job.plan,
                source.parse(job.model),
                Observer(measuring.take, measuring.progress, measuring.between_rounds, measuring.stopped),
                f"asked for on the page, job {job.id}",
                settings,
                measuring.record,
            )
    except StoreError:
        raise
    except Explained as error:
        return "failed", str(error)
    except KeyboardInterrupt:
        return "interrupted", "It was asked to stop at once."
    finally:
        pool.close()
        if measuring.sink.run_id:
            writing.settle(store, measuring.sink.run_id)
    return how_it_ended(record)


def how_it_ended(record: Record) -> tuple[str, str]:
    ended = record.ended
    assert isinstance(ended, Ended), "the protocol ends each run"
    if ended.stopped == "interrupted":
        return "interrupted", "It was asked to stop. What was measured until then is kept."
    if ended.stopped == "failed":
        return "failed", " ".join(f"{failure.engine}: {failure.reason}" for failure in record.failures)
    return "succeeded", ""


def main(settings: Settings = BENCHMARK) -> int:
    """Carry out the job that the command line names; return the exit code."""
    logging.basicConfig(level=os.environ.get("AWIY_LOG", "WARNING").upper(), stream=sys.stderr)
    id, claimed_by = sys.argv[1:]
    try:
        store = open_store()
        job = queue.begin(store, id, claimed_by)
        if not job:
            return 0
        try:
            state, reason = carry_out(store, job, settings)
        except StoreError:
            raise
        except Exception as error:
            log.exception("the job failed")
            state, reason = "failed", f"The measurement failed ({type(error).__name__}: {error})."
        if state == "failed":
            print(reason, flush=True)
        queue.end(store, id, state, public(reason))
    except (StoreError, HomeError) as error:
        print(error, flush=True)  # the supervisor reads it, once the store can be written again
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
