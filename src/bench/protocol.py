"""The measuring protocol: carries out a plan, round by round, and hands each event to an observer.

The order: host lock, artifacts, workers, answers, warm-up, rounds. Groups of engines follow one another
where not all fit in memory together.
"""

import math
import time
import uuid
from dataclasses import asdict
from itertools import count

from src.bench import inputs, plan
from src.bench.blocks import Blocks
from src.bench.budget import Budget
from src.bench.events import SCHEMA_VERSION, Begun, Ended, Failed
from src.bench.loading import Loading, composed, seats
from src.bench.observer import NOBODY, Observer
from src.bench.patience import Patience
from src.bench.plan import Plan
from src.bench.record import Record
from src.bench.rounds import Rounds
from src.bench.session import Session
from src.bench.settings import BENCHMARK, Settings
from src.facts import Facts
from src.home import utc_now
from src.host import giving_way, machine
from src.host.lock import HostLock, host_lock
from src.model import cache, fingerprint, source
from src.progress import telling_who_waits
from src.workers.building import CHECKPOINT
from src.workers.pool import Pool


def run(
    pool: Pool,
    asked: Plan,
    model: source.ModelSource,
    observer: Observer = NOBODY,
    command: str = "",
    settings: Settings = BENCHMARK,
    record: Record | None = None,
) -> Record:
    """Carry out a plan; return its record, each event of which the observer has kept before the next. An
    empty `record` may be given by who wants to look at it meanwhile.

    Takes the host's lock. Raises BadPlan, UnknownEngine, ModelError, HomeError, LockError; a failed engine is
    an event.
    """
    accepted, missing = plan.accept(asked)

    def pause(seconds: float) -> None:
        if observer.stopped():
            raise KeyboardInterrupt
        pool.pause(seconds)

    with host_lock("a benchmark", telling_who_waits(observer.progress), pause) as lock:
        benchmark = Benchmark(pool, accepted, model, observer, settings, lock, record or Record())
        try:
            benchmark.run(missing, command)
        finally:
            benchmark.session.close()
    return benchmark.record


class Benchmark:
    """One run: its parts, and in what order they follow one another."""

    def __init__(
        self,
        pool: Pool,
        accepted: Plan,
        model: source.ModelSource,
        observer: Observer,
        settings: Settings,
        lock: HostLock,
        record: Record,
    ) -> None:
        self.plan = accepted
        self.model = model
        self.observer = observer
        self.settings = settings
        self.record = record
        self.began = time.monotonic()
        self.budget = Budget(accepted, self.began, settings.slice_s)
        give_way = giving_way.GivingWay(lock, accepted.budget_s)
        self.session = Session(pool, accepted, settings, observer, self.record, self.budget, give_way)
        self.loading = Loading(self.session, model)
        most_s = settings.patience_share * accepted.budget_s
        self.patience = Patience(self.session.watch, self.record, most_s, observer)
        self.rounds = Rounds(
            accepted,
            settings,
            self.session,
            self.patience,
            observer,
            self.record,
            self.budget,
        )
        self.blocks = Blocks(self.rounds, self.loading.renew)

    def run(self, missing: list[tuple[str, str]], command: str) -> None:
        """Set up, measure group after group, and tell the end."""
        session, loading = self.session, self.loading
        broken = loading.build(plan.specs(self.plan))
        missing = missing + [(failure.engine, failure.reason) for failure in broken]
        checkpoint = cache.required(CHECKPOINT, self.model)
        loading.tokenizer = checkpoint.folder / "tokenizer.json"
        loading.weights = fingerprint.of_model(self.model, checkpoint)
        loading.answering.texts = composed(self.plan, loading.tokenizer)
        session.happened(self.head(command, checkpoint.manifest["facts"]))
        for engine, reason in missing:
            session.happened(Failed(engine, reason))
        failed = {engine for engine, _ in missing}
        pending = [seat for seat in seats(self.plan) if seat.spec.id not in failed]
        stops = []
        for group in count():
            pending = loading.load(group, pending)
            if session.seated:
                came = sum(not session.stays(seat) for seat, _ in session.seated.values())
                groups_left = 1 + math.ceil(len(pending) / max(1, came))
                engines = ", ".join(sorted(seat.engine for seat, _ in session.seated.values()))
                stops.append(self.blocks.measure(group, groups_left))
                if stops[-1] == "failed" and (group or pending):  # else the run itself has failed
                    self.budget.left_out.append(f"{engines}: they were measured together, and none is left.")
            if not pending or self.observer.stopped():
                break
            session.leave(all_but_staying=True)
        session.leave()
        worst = next((stop for stop in ("budget", "precision") if stop in stops), "failed")
        session.happened(self.end("interrupted" if self.observer.stopped() else worst))

    def head(self, command: str, facts: Facts) -> Begun:
        return Begun(
            schema_version=SCHEMA_VERSION,
            id=time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + uuid.uuid4().hex[:4],
            started_at=utc_now(),
            command=command,
            host=machine.evidence(),
            model={"name": self.model.name, "fingerprint": self.loading.weights, **facts},
            plan=asdict(self.plan),
            protocol={**self.settings.to_json(), "gives_way_for_s": self.session.give_way.most_s},
            inputs={
                str(length): inputs.digest(texts) for length, texts in self.loading.answering.texts.items()
            },
        )

    def end(self, stopped: str) -> Ended:
        return Ended(
            stopped,
            time.monotonic() - self.began,
            self.blocks.measuring_s,
            self.rounds.calls_s,
            self.session.slices_s,
            self.session.own_cpu_s,
            self.patience.waited_s,
            self.session.yielded_s,
            tuple(self.budget.left_out),
        )
