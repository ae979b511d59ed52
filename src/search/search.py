"""The search: screen, race, and confirm; of rows first, then of one change to them, then of changes together.

Every step is kept when it is done, and a race with its run as it goes: a search that was killed goes on with
what it had. A run's own record tells who was dropped.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from src.bench.plan import BLOCKS, Plan
from src.bench.record import Record
from src.errors import Explained
from src.home import utc_now
from src.progress import Progress
from src.search import chosen, heats, space, state, time_left
from src.search.answer import Proposal
from src.search.clock import Clock
from src.search.screen import Screened, screen
from src.search.state import CONFIRMATION, ROWS, SINGLES, TOGETHER, Heat, Search
from src.stats import MEDIAN
from src.store.database import Store
from src.words import many
from src.workers.pool import Pool

RACE, CONFIRM = "race", "confirm"  # presets of a search's runs
# Of the time that is left a race takes at most so much; what it does not need is left to the next.
SHARES = (0.25, 0.45, 0.35)
LEAST_RUN_S = 20.0

CarryOut = Callable[[Plan, Callable[[str], None]], Record]  # a plan, and who is told its run's id at once
Showing = Callable[[], AbstractContextManager[Callable[[Progress], None]]]


class Stopped(Explained):
    """Somebody stopped the search. The message says how to go on."""


class NothingLeft(Explained):
    """No configuration is left to race or to confirm. The message says why."""


class Conductor:
    """Conducts one search. `carry_out` measures a plan and keeps its run; `showing` shows how far a screen
    is, and `tell` a line for each step that is done.
    """

    def __init__(
        self,
        store: Store,
        search: Search,
        carry_out: CarryOut,
        showing: Showing,
        tell: Callable[[str], None],
    ) -> None:
        self.store = store
        self.search = search
        self.carry_out = carry_out
        self.showing = showing
        self.tell = tell

    def run(self) -> list[Proposal]:
        """Conduct what is left of the search; return its answer by objective. Raises Stopped, NothingLeft,
        and what its runs raise.
        """
        self.search = heats.counted(self.store, self.search)
        asked = self.search.asked
        rows = space.rows(asked.engines, asked.packages)
        self.screen([spec.id for spec in rows])
        self.race_rows(self.search.passing([spec.id for spec in rows]))
        near = chosen.near(self.store, self.search)
        bounds = space.Bounds(asked.threads, asked.scope, asked.packages)
        singles = space.one_change(near, bounds, asked.releases)
        self.race_more(SINGLES, near, [id for ids in singles.values() for id in ids])
        combined = chosen.combined(self.store, self.search, singles)
        self.race_more(TOGETHER, heats.survivors(self.store, self.search, SINGLES), combined)
        proposals = self.confirm()
        self.search = replace(self.search, ended_at=self.search.ended_at or utc_now())
        self.note()
        return proposals

    def note(self, spent_s: float = 0.0) -> None:
        """Keep the search, and what it spent beside what was known."""
        self.search = replace(self.search, spent_s=self.search.spent_s + spent_s)
        state.keep(self.search)

    # --- the steps

    def screen(self, ids: Sequence[str]) -> None:
        """Screen what has not been screened yet."""
        done = {one.engine for one in self.search.screened}
        left = [id for id in ids if id not in done]
        if not left:
            return
        clock = Clock()

        def keep(one: Screened) -> None:
            self.search = self.search.with_screened(one)
            self.note(clock.lap_s())

        pool = Pool()
        try:
            with self.showing() as progress:
                screen(pool, self.search.asked, left, clock.beside(progress), keep)
        except KeyboardInterrupt as stop:
            raise stopped(self.search) from stop
        finally:
            pool.close()
        self.tell(states(self.search, left))

    def race_rows(self, ids: Sequence[str]) -> None:
        """Race the rows until they were compared. What that costs is known after a first race only: where it
        had too little time for that, another has as much as it needs.
        """
        self.went_on(ROWS)
        for _ in range(2):
            if heats.survivors(self.store, self.search, ROWS) or not self.race(ROWS, ids):
                return

    def race_more(self, generation: int, known: Sequence[str], ids: list[str]) -> None:
        """Screen and race what was not raced yet beside who is known: of `ids`, in their order, as many as
        there is time for.
        """
        over = self.went_on(generation) or self.search.ended_at
        if over or not (left := self.search.unraced(ids)):
            return
        cost = heats.cost(self.store, self.search)
        self.screen(time_left.affordable(self.search, cost, len(known), left))
        entering = time_left.affordable(self.search, cost, len(known), self.search.passing(left))
        if entering:
            self.race(generation, [*known, *entering])
        if missed := self.search.unraced(left):
            self.tell(no_time(f"{len(missed)} of {many(len(left), 'configuration')}"))

    def went_on(self, generation: int) -> bool:
        """Go on with a generation's race that was killed, with those who were alive; tell whether one was."""
        before = self.search.of(generation)
        if not before or before[-1].ended:
            return False
        self.race(generation, heats.alive(self.store, before[-1]) or before[-1].field)
        return True

    def race(self, generation: int, entering: Sequence[str]) -> bool:
        """Race configurations, if there are any, and if there is time; tell whether they raced."""
        if not entering:
            return False
        cost = heats.cost(self.store, self.search)
        if cost and time_left.needed_s(cost, len(entering), self.search) > self.search.left_s:
            self.tell(no_time(many(len(entering), "configuration")))
            return False
        share_s = SHARES[generation] * self.search.left_s
        budget_s = max(LEAST_RUN_S, time_left.racing_s(cost, len(entering)), share_s)
        heat = Heat(generation, tuple(entering))
        record = self.measure(plan_of(self.search, heat, budget_s, RACE), heat)
        alive = heats.alive(self.store, self.search.heats[-1])
        left = f"{len(alive)} of {len(entering)} are in the race: {', '.join(alive)}"
        self.tell(f"After {record.rounds} rounds {left}")
        return True

    def confirm(self) -> list[Proposal]:
        """Confirm the finalists in new processes, in more of them while somebody ties only because little is
        known; return the answer.
        """
        if not (finalists := chosen.finalists(self.store, self.search)):
            raise nothing_left(self.store, self.search)
        proposals, ran = heats.proposals(self.store, self.search), False
        while blocks := blocks_due(self.store, self.search, proposals, ran):
            entering = to_confirm(self.search, proposals) or tuple(finalists)
            needed_s = time_left.confirming_s(heats.cost(self.store, self.search), len(entering), self.search)
            budget_s = max(LEAST_RUN_S, needed_s, self.search.left_s)
            heat = Heat(CONFIRMATION, entering)
            self.measure(plan_of(self.search, heat, budget_s, CONFIRM, blocks), heat)
            proposals, ran = heats.proposals(self.store, self.search), True
        return proposals

    def measure(self, plan: Plan, heat: Heat) -> Record:
        """Carry out a run of the search, and keep that it began, and that it ended. Raises Stopped."""
        before = self.search.heats

        def begun(id: str) -> None:
            self.search = replace(self.search, heats=(*before, replace(heat, run=id)))
            self.note()

        record = self.carry_out(plan, begun)
        assert record.begun
        ended = heats.came_to_its_end(record)
        done = replace(heat, run=record.begun.id, ended=ended, counted=True)
        self.search = replace(self.search, heats=(*before, done))
        self.note(heats.seconds(record))
        if not ended:
            raise stopped(self.search)
        return record


def states(search: Search, ids: Sequence[str]) -> str:
    """Return how many of some configurations came to which end when they were screened."""
    counts = Counter(one.state for one in search.screened if one.engine in ids)
    return "Screened: " + ", ".join(f"{count} {name}" for name, count in counts.items())


def no_time(count: str) -> str:
    return f"No time was left to race {count}. Give more: --budget"


def blocks_due(store: Store, search: Search, proposals: Sequence[Proposal], ran: bool) -> int:
    """Return of how many blocks the next confirmation is: what one that was killed lacks, more where they
    would tell more and there is time; 0 where not. Without an answer there is one, unless one `ran`.
    """
    if missing := heats.missing_blocks(store, search):
        return missing
    more = time_left.affords_more(store, search, proposals) if proposals else not ran
    return BLOCKS if more else 0


def to_confirm(search: Search, proposals: Sequence[Proposal]) -> tuple[str, ...]:
    """Return who the next confirmation is of: of one that was killed its field, else who ties so far."""
    begun = search.confirmations
    if begun and not begun[-1].ended:
        return begun[-1].field
    return tuple(sorted({one.name for some in proposals for one in some.ties}))


def stopped(search: Search) -> Stopped:
    return Stopped(f"Stopped. It goes on where it was: python -m src find --resume {search.id}")


def plan_of(search: Search, heat: Heat, budget_s: float, preset: str, blocks: int = 1) -> Plan:
    """Return the plan of a run of the search. Each has orders and texts of its own."""
    asked = search.asked
    return Plan(
        engines=heat.field,
        sequence_lengths=asked.lengths,
        batch_sizes=(1,),
        threads=(asked.threads,),
        scopes=(asked.scope,),
        budget_s=budget_s,
        percentile=asked.percentile,
        seed=asked.seed + len(search.heats),
        preset=preset,
        blocks=blocks,
        racing=heat.field if preset == RACE else (),
        shares=asked.shares,
        tails=asked.percentile != MEDIAN,
    )


def nothing_left(store: Store, search: Search) -> NothingLeft:
    if not heats.cost(store, search):
        return NothingLeft(
            "No configuration that keeps the accuracy could be raced. Why each was left out: "
            f"python -m src find --show {search.id}"
        )
    engines, budget = len(search.races[-1].field), time_left.budget_to_go_on(store, search)
    return NothingLeft(
        f"Too few rounds counted to compare {many(engines, 'configuration')} in the time that was left. "
        f"Go on: python -m src find --resume {search.id} --budget {budget}"
    )
