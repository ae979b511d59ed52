"""Is what a worker times what the engine takes? Its figures beside hot loops that share no code with it.

For each pair the engines are split into plans, each of which is measured as any benchmark is. Between its
rounds, while all its workers are stopped, hot loops run: a host drifts, so that only what is seconds apart
can be compared. Plans of different sizes tell what a crowd of loaded engines costs each of them. Every engine
of a plan is in memory twice; which is loaded first alternates, as that one was found some 3 % slower.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from src.bench import inputs, protocol
from src.bench.observer import Observer
from src.bench.plan import BadPlan, Plan
from src.bench.record import Record
from src.doctor.continuous import own_loops
from src.doctor.fidelity_ratios import (
    Figure,
    Key,
    Observation,
    loops_first,
    observe,
    partition,
    plan_count,
    schedule,
    turns_between,
)
from src.doctor.hot_loops import SETTLE_S, HotLoops, Tell, build, covered, lock
from src.engines import registry
from src.figures import results
from src.figures.judging import judge
from src.figures.processes import round_medians_ms
from src.host import machine
from src.model import source
from src.stats import geometric_mean, median
from src.workers.pool import Pool

ALL = 0  # as a plan's size: every engine in one plan
ROUNDS = 12  # of a plan
UNREACHED_PRECISION = 0.001  # so that the rounds alone end a plan
# For the estimate, in seconds: a process until it has answered; a cell's warm-up, as a worker's and as a hot
# loop's; a cell's round; what comes with each visit of a hot loop.
LOAD_S, WARM_UP_S, HOT_WARM_UP_S, ROUND_S, AROUND_S = 3.5, 0.7, 1.0, 0.09, 0.1
BUDGET_FACTOR, LEAST_BUDGET_S = 4, 120.0  # of a plan, should the host be disturbed


@dataclass(frozen=True)
class Settings:
    """What is compared: engines at sequence lengths (tokens) and scopes, in plans of about `sizes` engines
    (ALL: in one), `pairs` times. In each, a cell's hot loop is timed `visits` times for `seconds`: the more
    visits, the less the moment counts in which a slice was timed.
    """

    engines: tuple[str, ...]
    lengths: tuple[int, ...] = (16, 128)
    sizes: tuple[int, ...] = (2, 12)
    pairs: int = 6  # an even number, as every other pair loads hot loops first
    scopes: tuple[str, ...] = ("model",)
    visits: int = 4
    seconds: float = 1.0
    within: bool = False  # the workers' own continuous calls instead of hot loops
    fill: bool = False  # larger plans are filled up with other engines, timed and not compared

    @property
    def cells(self) -> int:
        """Return how many cells an engine has."""
        return len(self.lengths) * len(self.scopes)

    @property
    def plan_sizes(self) -> tuple[int, ...]:
        """Return the sizes that differ with so many engines, smallest first: of those that split them into
        equally many plans the largest.
        """
        most = len(self.engines) + len(self.others)
        sizes = sorted({min(size or most, most) for size in self.sizes})
        if self.fill:
            return tuple(sizes)
        return tuple({plan_count(most, size): size for size in sizes}.values())

    @property
    def others(self) -> tuple[str, ...]:
        """Return the engines that fill up plans: all others that can run here, if any may."""
        everyone = registry.available() if self.fill else []
        return tuple(spec.id for spec in everyone if spec.id not in (registry.NULL, *self.engines))

    def crowd(self, part: tuple[str, ...], size: int, pair: int) -> tuple[str, ...]:
        """Return the engines of the plan that compares `part`: these, and others by chance up to `size`."""
        order = random.Random(f"{pair} {size} {part}")
        return part + tuple(order.sample(self.others, min(len(self.others), max(0, size - len(part)))))


def default_engines(within: bool = False) -> tuple[str, ...]:
    """Return every engine that can run here and has a hot loop; `within` needs none."""
    return tuple(spec.id for spec in registry.available() if within or covered(spec))


def accept(settings: Settings) -> None:
    """Raise BadPlan or UnknownEngine for settings that cannot be carried out here."""
    asked_for = (settings.engines, settings.sizes, settings.cells, settings.pairs > 0, settings.visits > 0)
    if not all(asked_for):
        raise BadPlan("Nothing was asked for. Name at least one engine, length, scope, size, pair and visit.")
    if min(settings.sizes) < 0:
        raise BadPlan(f"A plan of {min(settings.sizes)} engines was asked for. Ask for at least one.")
    for id in settings.engines:
        missing = registry.availability(registry.get(id))
        if missing:
            raise BadPlan(f"{id} cannot run here: {missing.reason} {missing.remedy}")
        if not settings.within and not covered(registry.get(id)):
            raise BadPlan(
                f"There is no hot loop for {id}: src/doctor/hot_loop.py has those there are. With --within "
                "it is compared with its worker's own continuous calls."
            )


def estimate_s(settings: Settings) -> float:
    """Return about how many seconds the plans and their hot loops take on a quiet host."""
    plans = [
        (len(settings.crowd(part, size, 0)), len(part))
        for size in settings.plan_sizes
        for part in partition(settings.engines, size, 0)
    ]
    loading_s = 0.0 if settings.within else LOAD_S + settings.cells * HOT_WARM_UP_S
    return settings.pairs * sum(
        compared * loading_s + plan_s(engines, compared, settings) for engines, compared in plans
    )


def plan_s(engines: int, compared: int, settings: Settings) -> float:
    """Return about how many seconds a plan of so many engines takes: with the baseline's twin, with what
    answers are compared with, and with the hot loops between its rounds of those that are compared.
    """
    cells = settings.cells
    loops_s = compared * cells * settings.visits * visit_s(settings)
    return (engines + 2) * LOAD_S + (engines + 1) * cells * (WARM_UP_S + ROUNDS * ROUND_S) + loops_s


def visit_s(settings: Settings) -> float:
    return SETTLE_S + settings.seconds + AROUND_S


def plans(settings: Settings, model: source.ModelSource, tell: Tell) -> Iterator[Observation]:
    """Compare plans with hot loops; yield an observation for each pair, plan size, engine, length and scope.

    Takes the host's lock, for loading hot loops and for each plan. Raises BadPlan, UnknownEngine, ModelError,
    HomeError, LockError.
    """
    accept(settings)
    build(settings.engines, model, tell)
    with closing(HotLoops(model, machine.default_threads(), settings.seconds)) as loops:
        for pair in range(1, settings.pairs + 1):
            texts = {length: inputs.compose(length, loops.count_tokens, pair) for length in settings.lengths}
            for size in settings.plan_sizes[:: 1 if pair // 2 % 2 else -1]:
                for part in partition(settings.engines, size, pair):
                    crowd = settings.crowd(part, size, pair)
                    tell(f"Pair {pair} of {settings.pairs}, plan of {size}: {', '.join(crowd)}")
                    load = partial(loops.load, part, texts, settings.scopes)
                    first = loops_first(pair) and not settings.within
                    if first:
                        with lock(tell):
                            load()
                    order = schedule(keys(settings, part), ROUNDS, settings.visits, pair)
                    gaps = Gaps(loops, keys(settings, part), order, None if first else load)
                    measure_plan(settings, part, crowd, pair, model, gaps)
                    loops.unload()
                    yield from gaps.observations(pair, size)


def keys(settings: Settings, part: tuple[str, ...]) -> list[Key]:
    return [(id, length, scope) for id in part for length in settings.lengths for scope in settings.scopes]


class Gaps:
    """What happens between the rounds of one plan: hot loops, which `load` loads in the first gap."""

    def __init__(
        self,
        loops: HotLoops,
        cells: Sequence[Key],
        order: dict[int, list[Key]],
        load: Callable[[], None] | None = None,
    ) -> None:
        self.loops = loops
        self.load = load
        self.cells = cells
        self.schedule = order
        self.rounds = 0
        self.figures: dict[Key, Figure] = {}
        self.loops_ms: dict[Key, list[tuple[int, float]]] = {cell: [] for cell in cells}
        self.reasons: dict[Key, str] = {}

    def between_rounds(self, record: Record) -> None:
        """A round has ended, and all workers are stopped."""
        if any(group for group, *_ in record.loaded):  # one that did not fit begins with round 1 again
            self.rounds = ROUNDS
            return
        if self.load:
            self.load()
            self.load = None
        self.rounds += 1
        for cell in self.schedule.get(self.rounds, []):
            hot_ms = self.loops.visit_ms(cell, self.reasons)
            if hot_ms is not None:
                self.loops_ms[cell].append((self.rounds, hot_ms))
        if self.ended():
            self.take(record)  # now: what follows is ready to begin the rounds of a cell anew

    def ended(self) -> bool:
        return self.rounds >= ROUNDS

    def take(self, record: Record) -> None:
        """Take the worker's figures, unless that has been done."""
        if self.figures:
            return
        for failure in record.failures:
            gone = [cell for cell in self.cells if cell[0] == failure.engine]
            self.figures |= {cell: Figure(reason=failure.reason) for cell in gone}
        for cell in results.cells(record):
            if cell.group:
                continue
            rounds_ms = round_medians_ms(record, cell)
            verdict, reasons = judge(record, cell)
            figure = Figure(rounds_ms, None, f"The worker's figure is {verdict}: {' '.join(reasons)}")
            if verdict == "valid":
                figure = Figure(rounds_ms, median(list(rounds_ms.values())), "")
            self.figures[cell.engine, cell.case.sequence_length, cell.case.scope] = figure

    def observations(self, pair: int, size: int) -> Iterator[Observation]:
        """Yield what the plan told of each cell."""
        for cell in self.cells:
            figure = self.figures.get(cell, Figure())
            turns = turns_between(figure.rounds_ms, self.loops_ms[cell])
            ratio = None
            if figure.median_ms is not None and turns:
                ratio = geometric_mean([turn.ratio for turn in turns])
            yield observe(pair, size, cell, figure.median_ms, ratio, turns, figure.reason, self.reasons)


def measure_plan(
    settings: Settings,
    part: tuple[str, ...],
    crowd: tuple[str, ...],
    seed: int,
    model: source.ModelSource,
    gaps: Gaps,
) -> None:
    """Measure one plan of `crowd` for ROUNDS rounds, by workers of its own; between them hot loops, or
    continuous calls, of the engines of `part`.
    """
    plan = Plan(
        engines=crowd,
        sequence_lengths=settings.lengths,
        batch_sizes=(1,),
        threads=(machine.default_threads(),),
        scopes=settings.scopes,
        budget_s=max(LEAST_BUDGET_S, BUDGET_FACTOR * plan_s(len(crowd), len(part), settings)),
        percentile=50,
        precision=UNREACHED_PRECISION,
        baseline=part[0],
        seed=seed,
    )
    with closing(Pool()) as pool:
        if settings.within:
            gaps.load = lambda: gaps.loops.take(own_loops(pool, part))
        observer = Observer(between_rounds=gaps.between_rounds, stopped=gaps.ended)
        record = protocol.run(pool, plan, model, observer)
    gaps.take(record)
