"""The timing of one sentence: each engine is visited in turn, both scopes after one lead-in."""

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from src.bench.plan import SCOPES
from src.bench.sentence_result import Latency
from src.bench.settings import SENTENCE, SentenceSettings
from src.bench.sitting import CASE, Sitting
from src.progress import Progress
from src.stats import median, median_interval
from src.workers import ramp
from src.workers.handle import Handle, WorkerFailed
from src.workers.ramp import Ramp
from src.workers.verbs import Visited, WarmedUp

T = TypeVar("T")


class Visits:
    """The visits of one sentence of `length` tokens. `first_call_ms` is by engine, `lead_ins` counts the
    untimed calls that an engine's visit begins with, `working_ns` is the time inside calls.
    """

    def __init__(
        self,
        sitting: Sitting,
        length: int,
        first_call_ms: dict[str, float],
        settings: SentenceSettings = SENTENCE,
    ) -> None:
        self.sitting = sitting
        self.length = length
        self.first_call_ms = first_call_ms
        self.settings = settings
        self.lead_ins: dict[str, int] = {}
        self.told = time.monotonic()
        self.working_ns = 0

    def ask(self, id: str, question: Callable[[Handle], T]) -> T | None:
        """Ask one engine's worker; None once that engine has failed."""
        if id not in self.sitting.workers:
            return None
        try:
            return question(self.sitting.workers[id])
        except WorkerFailed as failure:
            self.sitting.fail(id, str(failure))
            return None

    def warm_up(self, ids: list[str]) -> None:
        """Warm up each engine in both scopes by the same rule, where it is new or has not met this length."""
        length = self.length
        cells = [
            (id, scope) for id in ids if length not in self.sitting.workers[id].ramps for scope in SCOPES
        ]
        for number, (id, scope) in enumerate(cells, 1):
            self.tell_often(Progress("warm-up", "Warming up", number, len(cells)))
            if warmed := self.ask(id, partial(self.warm_up_scope, scope=scope)):
                self.working_ns += sum(warmed.ns)

    def warm_up_scope(self, worker: Handle, scope: str) -> WarmedUp:
        return worker.warm_up(CASE, scope, self.settings.warm_up_window, self.settings.warm_up_cap_s)

    def measure_ramps(self, ids: list[str]) -> dict[str, Ramp]:
        """Return how long each engine takes to be steady after others ran: as known of this length, else by
        a visit.
        """
        length = self.length
        ids = [id for id in ids if id in self.sitting.workers]  # those that the warm-up left
        ramps = {
            id: self.sitting.workers[id].ramps[length]
            for id in ids
            if length in self.sitting.workers[id].ramps
        }
        new = [id for id in ids if id not in ramps]
        for number, id in enumerate(random.sample(new, len(new)), 1):
            self.tell_often(Progress("warm-up", "Measuring how fast caches refill", number, len(new)))
            call_s = self.first_call_ms[id] / 1000
            count = 0
            # The first answer may have taken long: then the visit is made again with as many calls as fit.
            while count < (wanted := self.settings.visit_calls(call_s)) // 2:
                count = wanted
                if not (visit := self.visit(id, count, [])):
                    break
                ramps[id] = self.sitting.workers[id].ramps[length] = ramp.measure_ramp([visit.lead_ns])
                call_s = ramps[id].call_s
        return ramps

    def rounds(self, ids: list[str], ramps: dict[str, Ramp]) -> dict[str, list[Visited]]:
        """Visit each engine once a round, in random order, the scopes in turn first; return what its worker
        told of each visit (see worker.visit).
        """
        visits: dict[str, list[Visited]] = {id: [] for id in ids}
        order = random.Random()
        rounds = self.settings.rounds
        self.lead_ins = {id: self.settings.lead_in(ramps[id]) for id in ids if id in ramps}
        for number in range(rounds):
            self.tell_often(Progress("measure", "Measuring", number, rounds))
            for id in order.sample(ids, len(ids)):
                if id not in ramps:
                    continue
                count = self.settings.calls(ramps[id])
                counts = [(scope, count) for scope in SCOPES[:: 1 if number % 2 else -1]]
                if visit := self.visit(id, self.lead_ins[id], counts, number == rounds - 1):
                    visits[id].append(visit)
        return visits

    def reached(self, id: str) -> bool:
        """Tell whether an engine's ramp showed a plateau, and its lead-in was as long as that ramp."""
        known = self.sitting.workers[id].ramps[self.length]
        return known.steady and self.lead_ins[id] >= known.calls

    def visit(
        self, id: str, lead_in: int, counts: Sequence[tuple[str, int]], last: bool = False
    ) -> Visited | None:
        """Visit one engine; None once it has failed."""
        visit = self.ask(id, lambda worker: worker.visit(CASE, lead_in, counts, last))
        if visit:
            self.working_ns += sum(map(sum, visit.ns.values())) + sum(visit.lead_ns)
        return visit

    def tell_often(self, progress: Progress) -> None:
        """Tell progress at most once a second: whoever draws it takes CPU from what is measured."""
        now = time.monotonic()
        if now - self.told >= 1.0:
            self.told = now
            self.sitting.progress(progress)


def latency(
    scope: str, visits: list[Visited], lead_in: int, reached: bool, settings: SentenceSettings = SENTENCE
) -> Latency:
    """Return the statistics of one scope from what a worker told of its visits. `reached`: see Visits."""
    rounds = [visit.ns[scope] for visit in visits]
    medians = [median(calls) / 1e6 for calls in rounds]
    interval = median_interval(medians)
    assert interval, "a sentence has at least six rounds"
    switch_ms = median([visit.lead_ns[0] for visit in visits]) / 1e6 if scope == "pipeline" else None
    steady = not ramp.unsteady(ramp.rest(rounds), settings.unsteady)
    if not reached:  # by one visit: that it was more than a bad moment, all the others must show
        last = [median(visit.lead_ns[len(visit.lead_ns) // 2 :]) for visit in visits]
        timed = [median(visit.ns["pipeline"]) for visit in visits]
        falls = min(lead / calls for lead, calls in zip(last, timed, strict=True)) - 1
        steady &= falls <= settings.still_falling
    return Latency(median(medians), interval, sum(map(len, rounds)), len(rounds), steady, lead_in, switch_ms)
