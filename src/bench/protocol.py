"""The measuring protocol: carries out a plan, round by round, and hands each event to a sink.

The order: host lock, artifacts, workers, answers, warm-up, rounds. Groups of engines follow one another
where not all fit in memory together.
"""

import logging
import math
import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from itertools import count

import psutil

from src.bench import (
    confirming,
    evidence,
    fingerprint,
    giving_way,
    host,
    inputs,
    lead_ins,
    paced,
    plan,
    ramp,
    slicing,
)
from src.bench.agreement import compare, shape_name
from src.bench.asking import Failure
from src.bench.budget import WARM_UP_CAP_S, Budget, OutOfBudget
from src.bench.building import CHECKPOINT, build_artifacts
from src.bench.events import (
    SCHEMA_VERSION,
    TWIN,
    Begun,
    Ended,
    Event,
    Failed,
    Sink,
    Slice,
    Warmed,
    engine_id,
)
from src.bench.evidence import Watch
from src.bench.lock import HostLock, host_lock
from src.bench.patience import Patience
from src.bench.plan import Case, Plan
from src.bench.pool import NoRoom, Pool, Worker, WorkerFailed
from src.bench.progress import Progress, telling_who_waits
from src.bench.record import Cell, Record, round_medians
from src.bench.seat import Seat, loaded
from src.bench.stats import PERCENTILE_DEFINITION, looks, median, paired_ratio
from src.bench.wire import Message
from src.engines import registry
from src.engines.spec import EngineSpec
from src.engines.text import load_tokenizer
from src.facts import Facts
from src.home import utc_now
from src.limits import hosted, public
from src.model import cache, source

WARM_UP_WINDOW = 10  # calls; steady is when the medians of two windows in a row agree within 5 %
CUT_FACTOR, CUT_LEAST_S = 4.0, 1.0  # a slice that takes so many times what it should is cut short
ATTEMPTS = 3  # of a slice in a round: disturbed ones are repeated once the host is quiet
ANSWER_TIMEOUT_S = 120.0

log = logging.getLogger(__name__)


def settings() -> Facts:
    """Return the protocol's thresholds, which go with every run."""
    return {
        "warm_up": {"window_calls": WARM_UP_WINDOW, "tolerance": 0.05, "cap_s": WARM_UP_CAP_S},
        "slice": slicing.settings(),
        "lead_in": {
            "tolerance": ramp.TOLERANCE,
            "visits": ramp.VISITS,
            "visit_s": ramp.VISIT_S,
            "cap_calls": ramp.CAP_CALLS,
            "cap_s": ramp.CAP_S,
        },
        "estimator": "median of the round medians, with their order-statistic interval",
        "looks_at_rounds": [20, 30, 45, 60, 90, 120, "…"],
        "disturbed_above_cores": {
            "waited": evidence.WAITED_LIMIT_CORES,
            "others": evidence.OTHERS_LIMIT_CORES,
            "steal": evidence.STEAL_LIMIT_CORES,
        },
        "disturbed_above_reference": {"apart": evidence.APART_LIMIT, "slowed": evidence.LOOP_LIMIT},
        "attempts": ATTEMPTS,
        "percentiles": PERCENTILE_DEFINITION,
        "garbage_collector": "collected before a slice, off inside",
        "loop": "closed: the next call begins when the last has ended, after the pause of `pace_s`",
    }


def run(
    pool: Pool,
    asked: Plan,
    model: source.ModelSource,
    sink: Sink = lambda _: None,
    progress: Callable[[Progress], None] = lambda _: None,
    between_rounds: Callable[[Record], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    command: str = "",
) -> Record:
    """Carry out a plan; return its record, each event of which has gone to `sink` first.

    `stop` is asked between two slices. Takes the host's lock. Raises BadPlan, UnknownEngine, ModelError,
    HomeError, LockError; a failed engine is an event.
    """
    accepted, missing = plan.accept(asked)

    def pause(seconds: float) -> None:
        if stop():
            raise KeyboardInterrupt
        pool.pause(seconds)

    with host_lock("a benchmark", telling_who_waits(progress), pause) as lock:
        benchmark = Benchmark(pool, accepted, model, sink, progress, between_rounds, stop, lock)
        try:
            benchmark.run(missing, command)
        finally:
            benchmark.leave()
            benchmark.watch.close()
    return benchmark.record


class Benchmark:
    """One run while it happens."""

    def __init__(
        self,
        pool: Pool,
        accepted: Plan,
        model: source.ModelSource,
        sink: Sink,
        progress: Callable[[Progress], None],
        between_rounds: Callable[[Record], None],
        stop: Callable[[], bool],
        lock: HostLock,
    ) -> None:
        self.pool = pool
        self.plan = accepted
        self.model = model
        self.sink = sink
        self.progress = progress
        self.between_rounds = between_rounds
        self.stop = stop
        self.record = Record()
        self.give_way = giving_way.GivingWay(lock, accepted.budget_s)
        self.started = time.monotonic()
        self.budget = Budget(accepted, self.started)
        self.order = random.Random(accepted.seed)
        self.watch = Watch(host.allowed_cpus()[: max(accepted.threads)])
        self.patience = Patience(self.watch, self.record, accepted.budget_s, progress, stop)
        self.last_worker = ""  # the one that was timed last
        self.texts: dict[int, tuple[str, ...]] = {}
        self.ids: dict[int, list[list[int]]] = {}
        # Logits by batch and length: the accuracy baseline's, and with the worker's key each engine's.
        self.reference: dict[tuple[int, int], list[list[float]]] = {}
        self.seated: dict[str, tuple[Seat, Worker]] = {}
        self.first_call_ms: dict[Cell, float] = {}
        self.logits: dict[tuple[str, int, int], list[list[float]]] = {}
        self.measuring_s = self.calls_s = self.slices_s = self.own_cpu_s = 0.0

    # --- the whole

    def run(self, missing: list[tuple[str, str]], command: str) -> None:
        broken = self.build(plan.specs(self.plan))
        missing = missing + [(failure.engine, failure.reason) for failure in broken]
        checkpoint = cache.required(CHECKPOINT, self.model)
        self.tokenizer = checkpoint.folder / "tokenizer.json"
        self.weights = fingerprint.of_model(self.model, checkpoint)
        self.compose()
        self.happened(self.head(command, checkpoint.manifest["facts"]))
        for engine, reason in missing:
            self.happened(Failed(engine, reason))
        failed = {engine for engine, _ in missing}
        pending = [seat for seat in self.seats() if seat.spec.id not in failed]
        stops = []
        for group in count():
            pending = self.load(group, pending)
            if self.seated:
                stops.append(self.measure(group, left_after=len(pending)))
            if not pending or self.stop():
                break
            self.leave(all_but_baseline=True)
        self.leave()
        worst = next((one for one in ("budget", "precision") if one in stops), "failed")
        self.happened(
            Ended(
                "interrupted" if self.stop() else worst,
                time.monotonic() - self.started,
                self.measuring_s,
                self.calls_s,
                self.slices_s,
                self.own_cpu_s,
                self.patience.waited_s,
                self.yielded_s,
                tuple(self.budget.left_out),
            )
        )

    def happened(self, event: Event) -> None:
        self.sink(event)
        self.record.add(event)

    def head(self, command: str, facts: Facts) -> Begun:
        return Begun(
            schema_version=SCHEMA_VERSION,
            id=time.strftime("%Y%m%d-%H%M%S-", time.gmtime()) + uuid.uuid4().hex[:4],
            started_at=utc_now(),
            command=command,
            host=host.evidence(),
            model={"name": self.model.name, "fingerprint": self.weights, **facts},
            plan=asdict(self.plan),
            protocol={**settings(), "gives_way_for_s": self.give_way.most_s},
            inputs={str(length): inputs.digest(texts) for length, texts in self.texts.items()},
        )

    def compose(self) -> None:
        """Compose the inputs of every length, the same for every engine."""
        tokenizer = load_tokenizer(str(self.tokenizer))

        def tokens(text: str) -> int:
            return len(tokenizer.encode(text, add_special_tokens=False).ids)

        for length in self.plan.sequence_lengths:
            try:
                self.texts[length] = inputs.compose(length, tokens, self.plan.seed)
            except ValueError as error:
                raise plan.BadPlan(f"{error} Ask for other sequence lengths.") from error

    def seats(self) -> list[Seat]:
        """Return the workers of the plan: the baseline and its twin first, then what answers are compared
        with.
        """
        engines = list(self.plan.engines)
        if self.plan.baseline in engines:
            engines.remove(self.plan.baseline)
            engines = [self.plan.baseline, self.plan.baseline + TWIN, *engines]
        engines.sort(key=lambda name: engine_id(name) not in (self.plan.baseline, registry.ACCURACY_BASELINE))
        return [Seat(engine, threads) for threads in self.plan.threads for engine in engines]

    def fail(self, engine: str, reason: str) -> None:
        log.warning("%s failed: %s", engine, reason)
        self.happened(Failed(engine, public(reason)))
        for key, (seat, _) in list(self.seated.items()):
            if seat.engine == engine:
                del self.seated[key]
                self.pool.drop(key)

    def leave(self, all_but_baseline: bool = False) -> None:
        """End the workers of a group."""
        for key, (seat, _) in list(self.seated.items()):
            if not (all_but_baseline and engine_id(seat.engine) == self.plan.baseline):
                del self.seated[key]
                self.pool.drop(key)

    # --- loading

    def build(self, specs: list[EngineSpec]) -> list[Failure]:
        """Build what these engines load; return what failed. Sentences go first between two of them.

        On first use a preset's own budget begins after it; another one bounds this, too.
        """
        waits = plan.has_presets_budget(self.plan) and not hosted()
        began, before_s = time.monotonic(), self.yielded_s

        def between() -> str:
            self.let_sentences_go_first()
            if self.stop():
                raise KeyboardInterrupt
            return "" if waits or not self.budget.over() else f"Not built. {self.budget.remedy()}"

        failed = build_artifacts(specs, self.model, self.progress, self.pool.wait, between)
        self.budget.extend(waits * (time.monotonic() - began - (self.yielded_s - before_s)))
        return failed

    def load(self, group: int, pending: list[Seat]) -> list[Seat]:
        """Load as many engines as fit in memory together; return the others."""
        later: list[Seat] = []
        postponed: set[int] = set()  # thread counts whose baseline did not fit, so nothing can be compared
        if not self.reference:
            self.answer_for_comparison(pending)
        for number, seat in enumerate(pending, 1):
            self.let_sentences_go_first()
            if self.stop():
                return []
            if seat.engine in self.record.failed:
                continue
            if seat.threads in postponed:
                later.append(seat)
                continue
            self.progress(Progress("load", f"Loading {seat.spec.title}", number, len(pending)))
            folder = cache.place(seat.spec.recipe, self.model) if seat.spec.recipe else None
            others = {
                one.engine for one, _ in self.seated.values() if engine_id(one.engine) != self.plan.baseline
            }
            try:
                self.budget.check_load((key, one.threads) for key, (one, _) in self.seated.items())
                began = time.monotonic()
                worker = self.pool.get(
                    seat.spec, folder, self.tokenizer, seat.threads, set(self.seated), seat.key
                )
                self.budget.longest_load_s = max(self.budget.longest_load_s, time.monotonic() - began)
                self.seated[seat.key] = seat, worker
                confirming.identify(self.pool, worker, folder, self.weights, shape_name(*self.shapes()[0]))
                self.ask_for_answers(seat, worker, len(pending) - number + 1)
                worker.facts = self.pool.ask(worker, {"do": "facts"})["facts"]  # some are known only now
                self.happened(loaded(group, seat, worker, folder))
                worker.pss_mb = host.pss_mb(worker.process.pid)  # with the largest shape's memory
                self.pool.make_room(worker, set(self.seated))
            except NoRoom as failure:
                self.seated.pop(seat.key, None)
                if others:
                    later.append(seat)
                    if engine_id(seat.engine) == self.plan.baseline:
                        postponed.add(seat.threads)
                else:
                    self.fail(seat.engine, str(failure))
            except (WorkerFailed, OutOfBudget) as failure:
                self.fail(seat.engine, str(failure))
        if group:
            for seat, worker in self.seated.values():
                if engine_id(seat.engine) == self.plan.baseline:
                    folder = cache.place(seat.spec.recipe, self.model) if seat.spec.recipe else None
                    self.happened(loaded(group, seat, worker, folder))
        return later

    def shapes(self) -> list[tuple[int, int]]:
        return [(batch, length) for batch in self.plan.batch_sizes for length in self.plan.sequence_lengths]

    def answer_for_comparison(self, pending: list[Seat]) -> None:
        """Have the accuracy baseline answer every text, where it is not measured itself."""
        spec = registry.get(registry.ACCURACY_BASELINE)
        if any(seat.spec == spec for seat in pending) or registry.availability(spec):
            return
        self.build([spec])
        self.progress(Progress("load", f"Asking {spec.title} for answers to compare with"))
        folder = cache.place(spec.recipe, self.model) if spec.recipe else None
        seat = Seat(spec.id, self.plan.threads[0])
        try:
            worker = self.pool.get(spec, folder, self.tokenizer, seat.threads, set(), "answers")
            self.ask_for_answers(seat, worker, len(pending) + 1)
        except (WorkerFailed, OutOfBudget) as failure:
            log.warning("no answers to compare with: %s", failure)
        self.pool.drop("answers")

    def ask_for_answers(self, seat: Seat, worker: Worker, engines_left: int) -> None:
        """Give a worker its inputs, check that it sees the same tokens as all, and keep its answers of
        as many shapes as the budget affords. Raises WorkerFailed, OutOfBudget.
        """
        began = time.monotonic()
        for number, (batch, length) in enumerate(self.shapes()):
            self.let_sentences_go_first()
            name = shape_name(batch, length)
            texts = self.texts[length]
            message = {"do": "prepare", "case": name, "texts": texts, "batch": batch}
            tokens = self.pool.ask(worker, message)["ids"]
            if any(len(row) != length for row in tokens):
                raise WorkerFailed(f"It tokenised texts of {length} tokens to another length.")
            if self.ids.setdefault(length, tokens) != tokens:
                raise WorkerFailed("It tokenised the texts differently from the other engines.")
            question = {"do": "infer", "case": name, "step": batch}
            one = {**question, "step": len(texts)}
            first, call = (self.pool.ask(worker, one, ANSWER_TIMEOUT_S)["ns"][0] for _ in range(2))
            cell = Cell(0, seat.engine, Case(batch, length, seat.threads, "model"))
            # The kept baseline of a later group has had its first call long ago.
            self.first_call_ms.setdefault(cell, first / 1e6)
            if number and not self.budget.affords_more(seat.key, began, batch, call / 1e9, engines_left):
                break  # its cells of this shape and of the others are left out
            self.budget.note_call(seat.key, batch, length, call / 1e9)
            self.budget.check_answers(batch, length, call / 1e9)
            answered = self.pool.ask(worker, question, ANSWER_TIMEOUT_S)
            if seat.spec.id == registry.ACCURACY_BASELINE:
                self.reference.setdefault((batch, length), answered["logits"])
            if seat.spec.answers:
                self.logits[seat.key, batch, length] = answered["logits"]

    # --- measuring

    def cells(self, group: int) -> list[tuple[Cell, Worker]]:
        """Return the group's living cells in the order of the plan."""
        return [
            (Cell(group, seat.engine, case), worker)
            for seat, worker in self.seated.values()
            for case in self.plan.cases
            if case.threads == seat.threads
        ]

    def measure(self, group: int, left_after: int) -> str:
        """Warm up and measure one group until its end; return why it ended."""
        began = time.monotonic()
        groups_left = 1 + math.ceil(left_after / max(1, len(self.seated) - 2))
        paced_s = 0.0 if group else paced.reserved_s(self.plan)
        self.budget.until = began + (self.budget.deadline - began) / groups_left - paced_s
        try:
            self.warm_up(group)
            lead_ins.measure(self, group)
            stopped = self.rounds(group)
            if paced_s and stopped != "interrupted":
                self.budget.until += paced_s
                paced.measure(self, group)
            return stopped
        finally:
            self.measuring_s += time.monotonic() - began

    def warm_up(self, group: int) -> None:
        """Warm up every cell by the same rule; what the budget cannot pay for is left out."""
        ordered = self.round_order(group)
        ordered.sort(key=self.budget.urgency([cell.case for cell, _ in ordered]))
        begun_s = 0.0
        for number, (cell, worker) in enumerate(ordered, 1):
            self.let_sentences_go_first()
            if self.stop():
                return
            cell_s = self.budget.cell_s(worker.key, cell.case)
            if self.budget.leaves_out(cell.engine, worker.key, cell.case, begun_s):
                continue
            self.progress(Progress("warm-up", "Warming up", number, len(ordered)))
            began = time.monotonic()
            self.warm_up_cell(cell, worker)
            begun_s += max(0.0, cell_s - (time.monotonic() - began))

    def warm_up_cell(self, cell: Cell, worker: Worker) -> None:
        case, pid = cell.case, worker.process.pid
        anew = host.forget_peak(pid)
        warmed = self.ask(
            cell,
            worker,
            {"do": "warm_up", "scope": case.scope, "window": WARM_UP_WINDOW, "cap_s": WARM_UP_CAP_S},
            WARM_UP_CAP_S,
        )
        if warmed is None:
            return
        self.calls_s += sum(warmed["ns"]) / 1e9
        logits = self.logits.get((worker.key, case.batch_size, case.sequence_length))
        reference = self.reference.get((case.batch_size, case.sequence_length))
        self.happened(
            Warmed(
                *cell,
                first_call_ms=self.first_call_ms.get(cell._replace(group=0)),
                calls=len(warmed["ns"]),
                steady=warmed["steady"],
                calls_ns=sum(warmed["ns"]),
                call_ns=median(warmed["ns"][-WARM_UP_WINDOW:]),
                peak_rss_mb=host.status_mb(pid, "VmHWM") if anew else None,
                answers=compare(logits, reference) if logits and reference else None,
            )
        )

    def rounds(self, group: int) -> str:
        """Measure round after round; return why that ended."""
        next_looks = looks()
        look = next(next_looks)
        began = time.monotonic()
        for number in count(1):
            for cell, worker in self.round_order(group):
                self.let_sentences_go_first()
                if self.stop():
                    return "interrupted"
                if time.monotonic() + self.expected_s(cell) > self.budget.until:
                    return "budget"
                self.slice(number, cell, worker)
            if not self.cells(group):
                return "failed"
            self.between_rounds(self.record)
            if number in lead_ins.CHECKS or number == look:
                lead_ins.lengthen(self, group, number, (time.monotonic() - began) / number)
            if number == look:
                if self.precise(group):
                    return "precision"
                look = next(next_looks)
        raise AssertionError("rounds have no end of their own")

    def round_order(self, group: int) -> list[tuple[Cell, Worker]]:
        """Return the cells in random order: cases shuffled, and within each case its engines, so that what is
        compared is close in time.
        """
        cells = self.cells(group)
        cases = sorted({cell.case for cell, _ in cells})
        self.order.shuffle(cases)
        ordered = []
        for case in cases:
            part = [(cell, worker) for cell, worker in cells if cell.case == case]
            self.order.shuffle(part)
            ordered += part
        return ordered

    def calls(self, cell: Cell) -> int:
        """Return how many timed calls a slice of this cell has."""
        return slicing.slice_calls(self.plan, self.record.warmed[cell].call_ns / 1e9, self.lead_in(cell))

    def lead_in(self, cell: Cell) -> int:
        """Return how many untimed calls a slice of this cell begins with."""
        known = self.record.lead_ins.get(cell)
        return known[-1].calls if known else ramp.LEAST_LEAD_IN

    def cut_s(self, expected_s: float) -> float:
        """Return after how many seconds a slice that should take `expected_s` is cut short."""
        return max(CUT_LEAST_S, CUT_FACTOR * expected_s)

    def expected_s(self, cell: Cell) -> float:
        """Return about how long a slice of this cell takes."""
        if cell not in self.record.warmed:
            return 0.0
        call_s = self.record.warmed[cell].call_ns / 1e9
        return self.calls(cell) * (call_s + self.plan.pace_s) + self.lead_in(cell) * call_s

    def slice(self, number: int, cell: Cell, worker: Worker) -> None:
        """Measure one slice; again where the host was disturbed, once it is quiet."""
        if cell not in self.record.warmed:
            return
        calls = self.calls(cell)
        for attempt in range(1, ATTEMPTS + 1):
            measured = self.attempt(number, attempt, cell, worker, calls)
            kinds = self.record.disturbed(measured) if measured else ()
            if not kinds or time.monotonic() + self.expected_s(cell) > self.budget.until:
                return
            if not self.patience.quiet(kinds, self.budget.until):
                return

    def attempt(
        self, number: int, attempt: int, cell: Cell, worker: Worker, calls: int, pace_s: float | None = None
    ) -> Slice | None:
        """Measure one slice of so many timed calls; `pace_s` for a paced cell. None once the engine has
        failed.
        """
        if worker.key not in self.seated:
            return None
        pause_s = self.plan.pace_s if pace_s is None else pace_s
        lead_in = self.lead_in(cell)
        call_s = self.record.warmed[cell].call_ns / 1e9
        cap_s = self.cut_s(lead_in * call_s + calls * (call_s + pause_s))
        message = {
            "do": "slice",
            "scope": cell.case.scope,
            "lead_in": lead_in,
            "count": calls,
            # The same texts for every engine of a round, others in each: no position has texts of its own.
            "offset": random.Random(f"{self.plan.seed} {number}").randrange(inputs.COUNT),
            "cap_s": cap_s,
            "pace_s": pause_s,
        }
        self.patience.settle()
        at_s = time.monotonic() - self.started
        pid = worker.process.pid
        switched = self.last_worker != worker.key
        with suppress(OSError, psutil.Error):  # it is gone; asking tells why
            self.watch.start(pid)
        began, own = time.monotonic(), time.process_time()
        measured = self.ask(cell, worker, message, 2 * cap_s)
        self.own_cpu_s += time.process_time() - own
        self.slices_s += time.monotonic() - began
        if measured is None:
            return None
        seen = self.watch.stop(pid, measured["use"])
        self.calls_s += (sum(measured["ns"]) + sum(measured["lead_ns"])) / 1e9
        timed = Slice(
            cell.group,
            number,
            attempt,
            cell.engine,
            cell.case,
            at_s,
            measured["ns"],
            sum(measured["lead_ns"]),
            seen,
            evidence.disturbances(
                seen, cell.case.threads, evidence.threads_allowed(worker.facts, cell.case.threads)
            ),
            len(measured["lead_ns"]),
            measured["lead_ns"][0] if switched and measured["lead_ns"] else None,
            pace_s,
        )
        self.happened(timed)
        return timed

    def ask(self, cell: Cell, worker: Worker, message: Message, more_s: float) -> Message | None:
        """Ask a worker about its cell; None once the engine has failed."""
        if worker.key not in self.seated:
            return None
        name = shape_name(cell.case.batch_size, cell.case.sequence_length)
        self.last_worker = worker.key
        try:
            return self.pool.ask(worker, {"case": name, **message}, ANSWER_TIMEOUT_S + more_s)
        except WorkerFailed as failure:
            self.fail(cell.engine, f"At {cell.case}: {failure}")
            return None

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

    def precise(self, group: int) -> bool:
        """Tell whether every ratio of the group is as precise as asked and every cell has its samples."""
        alive = {cell for cell, _ in self.cells(group)}
        for cell in alive:
            slices = self.record.undisturbed(cell)
            if sum(len(one.ns) for one in slices) < self.plan.samples:
                return False
            began_anew = any(lead_in.from_round > 1 for lead_in in self.record.lead_ins.get(cell, []))
            if began_anew and len(slices) < next(looks()):
                return False
            baseline = cell._replace(engine=self.plan.baseline)
            if cell == baseline or not registry.get(engine_id(cell.engine)).answers:
                continue
            if baseline not in alive:
                continue
            ratio = paired_ratio(round_medians(slices), round_medians(self.record.undisturbed(baseline)))
            if ratio is None or ratio.half_width > self.plan.precision:
                return False
        return True
