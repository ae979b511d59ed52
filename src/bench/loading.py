"""Before a run's first call is timed: its files are built, its texts composed, its engines loaded and asked
for answers, of which the same tokens are demanded.
"""

import logging
import random
import time
from pathlib import Path

from src.accuracy import confirming
from src.bench import inputs, plan
from src.bench.answering import Answering
from src.bench.budget import OutOfBudget
from src.bench.events import TWIN, engine_id
from src.bench.seat import Seat, loaded
from src.bench.session import Session
from src.engines import registry
from src.engines.spec import EngineSpec
from src.engines.text import load_tokenizer
from src.host import machine
from src.limits import hosted
from src.model import cache, source
from src.progress import Progress
from src.workers.agreement import shape_name
from src.workers.asking import Failure
from src.workers.building import build_artifacts
from src.workers.handle import Handle, NoRoom, WorkerFailed

log = logging.getLogger(__name__)


def composed(asked: plan.Plan, tokenizer: Path) -> dict[int, tuple[str, ...]]:
    """Return the inputs of every length, the same for every engine. Raises BadPlan."""
    tokens = inputs.counter(load_tokenizer(str(tokenizer)))
    try:
        return {length: inputs.compose(length, tokens, asked.seed) for length in asked.sequence_lengths}
    except ValueError as error:
        raise plan.BadPlan(f"{error} Ask for other sequence lengths.") from error


def seats(asked: plan.Plan) -> list[Seat]:
    """Return the workers of a plan: the baseline and its twin first, with what answers are compared with;
    then the anchors.
    """
    engines = list(asked.engines)
    if asked.baseline in engines:
        engines.remove(asked.baseline)
        engines = [asked.baseline, asked.baseline + TWIN, *engines]
    first = (asked.baseline, registry.ACCURACY_BASELINE)
    engines.sort(key=lambda name: (engine_id(name) not in first, name not in asked.anchors))
    return [Seat(engine, threads) for threads in asked.threads for engine in engines]


class Loading:
    """Fills a session, group after group. `tokenizer` and `weights` (their fingerprint) are the model's."""

    def __init__(self, session: Session, model: source.ModelSource) -> None:
        self.session = session
        self.plan = session.plan
        self.budget = session.budget
        self.model = model
        self.tokenizer = Path()
        self.weights = ""
        self.answering = Answering(session)
        self.order = random.Random(session.plan.seed)
        # What is done once on a host is no part of a preset's own budget.
        self.waits_for_first_use = plan.has_presets_budget(self.plan) and not hosted()

    def build(self, specs: list[EngineSpec]) -> list[Failure]:
        """Build what these engines load; return what failed. Sentences go first between two of them.

        On first use a preset's own budget begins after it; another one bounds this, too.
        """
        session, waits = self.session, self.waits_for_first_use
        began, before_s = time.monotonic(), session.yielded_s

        def between() -> str:
            session.let_sentences_go_first()
            if session.observer.stopped():
                raise KeyboardInterrupt
            return "" if waits or not self.budget.over() else f"Not built. {self.budget.remedy()}"

        progress, wait = session.observer.progress, session.pool.wait
        failed = build_artifacts(specs, self.model, progress, wait, between)
        self.budget.extend(waits * (time.monotonic() - began - (session.yielded_s - before_s)))
        return failed

    def load(self, group: int, pending: list[Seat]) -> list[Seat]:
        """Load as many engines as fit in memory together; return the others."""
        session = self.session
        later: list[Seat] = []
        postponed: set[int] = set()  # thread counts whose baseline did not fit, so nothing can be compared
        if not session.reference:
            self.answer_for_comparison(pending)
        for number, seat in enumerate(pending, 1):
            session.let_sentences_go_first()
            if session.observer.stopped():
                return []
            if seat.engine in session.record.failed:
                continue
            if seat.threads in postponed:
                later.append(seat)
                continue
            step = Progress("load", f"Loading {seat.spec.title}", number, len(pending))
            session.observer.progress(step)
            others = any(not session.stays(other) for other, _ in session.seated.values())
            try:
                self.admit(group, seat, engines_left=len(pending) - number + 1)
            except NoRoom as failure:
                session.seated.pop(seat.key, None)
                if not others:
                    session.fail(seat.engine, str(failure))
                    continue
                later.append(seat)
                if engine_id(seat.engine) == self.plan.baseline:
                    postponed.add(seat.threads)
            except (WorkerFailed, OutOfBudget) as failure:
                session.fail(seat.engine, str(failure))
        if group:
            for seat, worker in session.seated.values():
                if session.stays(seat):
                    session.happened(loaded(group, seat, worker, self.folder(seat.spec)))
        return later

    def folder(self, spec: EngineSpec) -> Path | None:
        """Return the folder of what an engine loads; None for one that loads nothing."""
        return cache.place(spec.recipe, self.model) if spec.recipe else None

    def admit(self, group: int, seat: Seat, engines_left: int) -> None:
        """Load one engine beside those that are, and have it answer. Raises NoRoom, WorkerFailed,
        OutOfBudget.
        """
        session = self.session
        self.budget.check_load((key, other.threads) for key, (other, _) in session.seated.items())
        worker = self.seat(seat)
        began = time.monotonic()
        self.answering.ask(seat, worker, engines_left)
        self.budget.loads_s += time.monotonic() - began
        self.settle(group, seat, worker)

    def seat(self, seat: Seat) -> Handle:
        """Load one engine, and look at what it is. Raises NoRoom, WorkerFailed."""
        session, folder = self.session, self.folder(seat.spec)
        began = time.monotonic()
        keep = set(session.seated)
        worker = session.pool.get(seat.spec, folder, self.tokenizer, seat.threads, keep, seat.key)
        self.budget.note_load(time.monotonic() - began)
        session.seated[seat.key] = seat, worker
        began = time.monotonic()
        confirming.identify(worker, folder, self.weights, shape_name(*self.answering.shapes[0]))
        self.budget.extend(self.waits_for_first_use * (time.monotonic() - began))
        return worker

    def settle(self, group: int, seat: Seat, worker: Handle, from_round: int = 1) -> None:
        """Tell of an engine that has answered, and make room for its memory. Raises NoRoom, WorkerFailed."""
        session = self.session
        worker.facts = worker.tell_facts()  # some are known only now
        session.happened(loaded(group, seat, worker, self.folder(seat.spec), from_round))
        worker.pss_mb = machine.pss_mb(worker.process.pid)  # with the largest shape's memory
        session.pool.make_room(worker, set(session.seated))

    def renew(self, group: int, from_round: int) -> None:
        """Give every engine that is here a new process, which has its rounds from this one on; in an order by
        chance, as who takes the memory that others have just left was slower by 1 to 2 %, run after run.
        """
        session = self.session
        seats = [seat for seat, _ in session.seated.values()]
        self.order.shuffle(seats)
        session.leave()
        for number, seat in enumerate(seats, 1):
            session.let_sentences_go_first()
            if session.observer.stopped():
                return
            if seat.engine in session.record.failed:
                continue
            step = Progress("load", f"Loading {seat.spec.title} in a new process", number, len(seats))
            session.observer.progress(step)
            try:
                worker = self.seat(seat)
                self.answering.ask_again(seat, worker)
                self.settle(group, seat, worker, from_round)
            except WorkerFailed as failure:
                session.fail(seat.engine, str(failure))

    def answer_for_comparison(self, pending: list[Seat]) -> None:
        """Have the accuracy baseline answer every text, where it is not measured itself."""
        spec = registry.get(registry.ACCURACY_BASELINE)
        if any(seat.spec == spec for seat in pending) or registry.availability(spec):
            return
        self.build([spec])
        step = Progress("load", f"Asking {spec.title} for answers to compare with")
        self.session.observer.progress(step)
        seat, pool = Seat(spec.id, self.plan.threads[0]), self.session.pool
        try:
            worker = pool.get(spec, self.folder(spec), self.tokenizer, seat.threads, set(), "answers")
            self.answering.ask(seat, worker, len(pending) + 1)
        except (WorkerFailed, OutOfBudget) as failure:
            log.warning("no answers to compare with: %s", failure)
        pool.drop("answers")
