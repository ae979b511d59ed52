"""A session that does nothing and a clock that it moves: what proves the conductor's order without time."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace

from src.bench.blocks import Blocks
from src.bench.budget import Budget
from src.bench.events import TWIN, Begun, Event, Failed, Loaded, Slice, Warmed
from src.bench.observer import Observer
from src.bench.plan import Plan
from src.bench.record import Cell, Record
from src.bench.rounds import Rounds
from src.bench.seat import Ask, key_of
from src.bench.settings import BENCHMARK
from src.stats import looks
from tests.unit.test_results import BASELINE, QUIET

ENGINES = (BASELINE, BASELINE + TWIN, "onnxruntime-int8", "pytorch-fp32")
CALL_NS = {BASELINE: 2_000_000, BASELINE + TWIN: 2_000_000, "onnxruntime-int8": 1_000_000}
RAMP_CALLS = (4, 17)  # of the others, of the baseline: until steady after a switch
DISTURBED = replace(QUIET, others_cores=0.9)
FIRST_LOOKS = list(itertools.islice(looks(), 12))


@dataclass
class FakeSession:
    """Notes what it is asked for, and moves its clock by what that would take. `calls` are a slice's
    nanoseconds by engine and lead-in, `disturbs` tells whether an attempt is disturbed, `fails` after how
    many slices an engine fails.
    """

    plan: Plan
    record: Record
    now: float = 100.0
    yielded_s: float = 0.0
    asked: list[tuple] = field(default_factory=list)
    dead: set[str] = field(default_factory=set)
    fails: dict[str, int] = field(default_factory=dict)
    disturbs: Callable[[int, int, Cell], bool] = lambda *_: False
    calls: Callable[[Cell, int, int], Iterable[int]] | None = None
    precise: bool = True
    renewal_s: float = 1.0
    warms_up_slower: Callable[[Cell], int] = lambda _: 1

    def call_ns(self, cell: Cell) -> int:
        return CALL_NS.get(cell.engine, 5_000_000)

    def happened(self, event: Event) -> None:
        self.asked.append((type(event).__name__, event))
        self.record.add(event)

    def cells(self, group: int) -> list[Cell]:
        alive = [engine for engine in ENGINES if engine not in self.dead]
        return [Cell(group, engine, case) for engine in alive for case in self.plan.cases]

    def drop(self, engine: str) -> None:
        self.asked.append(("drops", engine))
        self.dead.add(engine)

    def let_sentences_go_first(self) -> None:
        self.asked.append(("gives way",))

    def renew(self, group: int, from_round: int) -> None:
        self.asked.append(("renews", from_round))
        self.now += self.renewal_s
        for key, loaded in list(self.record.loaded.items()):
            if key[0] == group and loaded.engine not in self.dead:
                self.happened(replace(loaded, from_round=from_round))

    def warm_up(self, cell: Cell) -> Warmed:
        self.asked.append(("warms up", cell))
        self.now += 0.1
        call_ns = self.call_ns(cell) * self.warms_up_slower(cell)
        return Warmed(*cell, 9.0, 20, True, 20 * call_ns, call_ns, 100.0, None)

    def visit(self, cell: Cell, count: int, offset: int, cap_s: float) -> tuple[int, ...]:
        self.asked.append(("visits", cell, count))
        self.now += count * self.call_ns(cell) / 1e9
        slow = RAMP_CALLS[cell.engine.startswith(BASELINE)]
        return tuple(int(self.call_ns(cell) * (1.5 if number < slow else 1)) for number in range(count))

    def slice(self, asked: Ask) -> Slice | None:
        number, attempt, cell, lead_in, calls, _, pace_s = asked
        began = self.now
        self.asked.append(("slices", number, attempt, cell, lead_in, calls, pace_s))
        if cell.engine in self.dead:
            return None
        if cell.engine in self.fails and number > self.fails[cell.engine]:
            self.dead.add(cell.engine)
            self.happened(Failed(cell.engine, "It crashed."))
            return None
        wobble = 1.0 if self.precise else 1 + 0.2 * (number * (1 + ENGINES.index(cell.engine)) % 5)
        ns = (
            list(self.calls(cell, lead_in, calls))
            if self.calls
            else [int(self.call_ns(cell) * wobble)] * calls
        )
        pause_s = self.plan.pace_s if pace_s is None else pace_s
        self.now += (sum(ns) + lead_in * self.call_ns(cell)) / 1e9 + pause_s * calls
        kinds = ("others",) if self.disturbs(number, attempt, cell) else ()
        evidence = DISTURBED if kinds else QUIET
        return Slice(
            *cell[:1], number, attempt, *cell[1:], began, ns, 10, evidence, kinds, lead_in, None, pace_s
        )


@dataclass
class FakePatience:
    """Is quiet at once, or never."""

    quietens: bool = True
    asked: int = 0

    def settle(self) -> None:
        pass

    def quiet(self, kinds: tuple[str, ...], deadline: float) -> bool:
        self.asked += 1
        return self.quietens


@dataclass
class Conducted:
    """A run by the conductor, and what came of it."""

    session: FakeSession
    patience: FakePatience
    rounds: Rounds
    stopped: str = ""

    def slices(self, paced_ones: bool = False) -> list[tuple]:
        return [
            one[1:]
            for one in self.session.asked
            if one[0] == "slices" and (one[-1] is not None) == paced_ones
        ]


def conduct(
    quietens: bool = True,
    stopped: Callable[[FakeSession], bool] = lambda _: False,
    between_rounds: Callable[[Record], None] = lambda _: None,
    session: dict | None = None,
    **plan: object,
) -> Conducted:
    values = {"engines": ENGINES[:1] + ENGINES[2:], "sequence_lengths": (16, 128), "batch_sizes": (1,)}
    values |= {"threads": (2,), "scopes": ("model",), "budget_s": 60.0, "percentile": 50, "precision": 0.02}
    asked = Plan(**{**values, "baseline": BASELINE, **plan})  # type: ignore[arg-type]
    record = Record()
    record.add(Begun(2, "r", "2026-11-26T00:00:00Z", "", {}, {}, asdict(asked), {}, {}))
    fake = FakeSession(asked, record, **(session or {}))
    for engine in ENGINES:
        record.add(Loaded(0, engine, 2, engine, "fp32", "cpu", "main", 1.0, 1.0, 1.0, 1.0, "a", {}))
    budget = Budget(asked, fake.now, clock=lambda: fake.now)
    for cell in fake.cells(0):
        budget.note_call(key_of(cell), 1, cell.case.sequence_length, fake.call_ns(cell) / 1e9)
    budget.note_load(fake.renewal_s)
    patience = FakePatience(quietens)
    observer = Observer(stopped=lambda: stopped(fake), between_rounds=between_rounds)
    rounds = Rounds(asked, BENCHMARK, fake, patience, observer, record, budget, clock=lambda: fake.now)
    return Conducted(fake, patience, rounds, Blocks(rounds, fake.renew).measure(0, 1))
