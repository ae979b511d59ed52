"""The search: screen, race, and confirm; of rows first, then of their options, then of options together.

Every step is kept when it is done, and a race with its run as it goes: a search that was killed goes on with
what it had. A run's own record tells who was dropped.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from src.bench.plan import BLOCKS, Plan
from src.bench.race import FINALISTS, MOST_BLOCKS
from src.bench.record import Record
from src.engines import registry
from src.engines.options import row_of
from src.errors import Explained
from src.home import utc_now
from src.progress import Progress
from src.search import heats, space, state
from src.search.answer import Proposal
from src.search.screen import Screened, screen
from src.search.state import CONFIRMATION, ROWS, SINGLES, TOGETHER, Heat, Search
from src.store.database import Store
from src.workers.pool import Pool

RACE, CONFIRM = "race", "confirm"  # presets of a search's runs
# Of the time that is left a race takes at most so much; what it does not need is left to the next.
SHARES = (0.25, 0.45, 0.35)
NEAR = 1.5  # rows so many times slower than the fastest have their options searched, slower ones not
LEAST_RUN_S = 20.0
RACING, CONFIRMING = 9, 12  # rounds that should count, in a race and in each block of a confirmation

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
        self.race(ROWS, self.search.passing([spec.id for spec in rows]))
        near = self.near()
        singles = [id for row in near for id in space.singles(registry.get(row), asked.threads)]
        self.screen(singles)
        passing = self.search.passing(singles)
        self.race(SINGLES, [*near, *passing] if passing else [])
        combined = self.combine(near, passing)
        self.screen(combined)
        if faster := self.search.passing(combined):
            self.race(TOGETHER, [*heats.survivors(self.store, self.search, SINGLES), *faster])
        proposals = self.confirm()
        self.search = replace(self.search, ended_at=self.search.ended_at or utc_now())
        self.note()
        return proposals

    def note(self, began: float | None = None) -> None:
        """Keep the search, and what was spent since `began`."""
        if began is not None:
            spent_s = self.search.spent_s + time.monotonic() - began
            self.search = replace(self.search, spent_s=spent_s)
        state.keep(self.search)

    # --- the steps

    def screen(self, ids: Sequence[str]) -> None:
        """Screen what has not been screened yet."""
        done = {one.engine for one in self.search.screened}
        left = [id for id in ids if id not in done]
        if not left:
            return
        last = time.monotonic()

        def keep(one: Screened) -> None:
            nonlocal last
            self.search = self.search.with_screened(one)
            self.note(last)
            last = time.monotonic()

        pool = Pool()
        try:
            with self.showing() as progress:
                screen(pool, self.search.asked, left, progress, keep)
        except KeyboardInterrupt as stop:
            raise self.stopped() from stop
        finally:
            pool.close()
        states = Counter(one.state for one in self.search.screened if one.engine in left)
        self.tell("Screened: " + ", ".join(f"{count} {name}" for name, count in states.items()))

    def race(self, generation: int, entering: Sequence[str]) -> None:
        """Race a generation, unless that was done; of a race that was killed those go on who were alive."""
        before = self.search.of(generation)
        if not entering or (before and before[-1].ended):
            return
        if before:
            entering = heats.alive(self.store, before[-1]) or before[-1].field
        needed_s = self.needed_s(len(entering), RACING)
        if needed_s + self.confirming_s(len(entering)) > self.search.left_s and generation != ROWS:
            self.tell(f"No time was left to race {len(entering)} configurations. Give more: --budget")
            return
        budget_s = max(LEAST_RUN_S, needed_s, SHARES[generation] * self.search.left_s)
        heat = Heat(generation, tuple(entering))
        record = self.measure(self.plan(heat, budget_s, RACE), heat)
        alive = heats.alive(self.store, self.search.heats[-1])
        self.tell(
            f"After {record.rounds} rounds {len(alive)} of {len(entering)} are in the race: "
            f"{', '.join(alive)}"
        )

    def needed_s(self, engines: int, rounds: int, blocks: int = 1) -> float:
        """Return how long so many engines take at least; 0 before any have run."""
        cost = heats.cost(self.store, self.search)
        return cost.run_s(engines, rounds, blocks) if cost else 0.0

    def confirming_s(self, engines: int) -> float:
        return self.needed_s(min(engines, FINALISTS), CONFIRMING, BLOCKS)

    def confirm(self) -> list[Proposal]:
        """Confirm the finalists in new processes, in more of them while somebody ties only because little is
        known; return the answer.
        """
        finalists = self.finalists()
        if not finalists:
            raise NothingLeft(
                "No configuration that keeps the accuracy could be raced. Why each was left out: "
                f"python -m src find --show {self.search.id}"
            )
        ran = False
        while True:
            proposals = heats.proposals(self.store, self.search)
            blocks = heats.missing_blocks(self.store, self.search)
            if not blocks:
                if (proposals and not self.affords_more(proposals)) or (ran and not proposals):
                    return proposals
                blocks = BLOCKS
            begun = self.search.confirmations
            ties = sorted({one.name for some in proposals for one in some.ties})
            entering = begun[-1].field if begun and not begun[-1].ended else tuple(ties or finalists)
            budget_s = max(LEAST_RUN_S, self.confirming_s(len(entering)), self.search.left_s)
            heat = Heat(CONFIRMATION, entering)
            self.measure(self.plan(heat, budget_s, CONFIRM, blocks), heat)
            ran = True

    def affords_more(self, proposals: Sequence[Proposal]) -> bool:
        """Tell whether another confirmation would tell more, and may be had."""
        begun = self.search.confirmations
        if not any(one.open for some in proposals for one in some.finalists):
            return False
        last_s = heats.run_s(self.store, begun[-1])
        return BLOCKS * (len(begun) + 1) <= MOST_BLOCKS and last_s <= self.search.left_s

    def measure(self, plan: Plan, heat: Heat) -> Record:
        """Carry out a run of the search, and keep that it began, and that it ended. Raises Stopped."""
        began = time.monotonic()
        before = self.search.heats

        def begun(id: str) -> None:
            self.search = replace(self.search, heats=(*before, replace(heat, run=id)))
            self.note()

        record = self.carry_out(plan, begun)
        assert record.begun
        ended = heats.came_to_its_end(record)
        done = replace(heat, run=record.begun.id, ended=ended, counted=True)
        self.search = replace(self.search, heats=(*before, done))
        self.note(began)
        if not ended:
            raise self.stopped()
        return record

    def stopped(self) -> Stopped:
        return Stopped(f"Stopped. It goes on where it was: python -m src find --resume {self.search.id}")

    def plan(self, heat: Heat, budget_s: float, preset: str, blocks: int = 1) -> Plan:
        """Return the plan of a run of the search. Each has orders and texts of its own."""
        asked = self.search.asked
        return Plan(
            engines=heat.field,
            sequence_lengths=asked.lengths,
            batch_sizes=(1,),
            threads=(asked.threads,),
            scopes=(asked.scope,),
            budget_s=budget_s,
            percentile=50,
            seed=asked.seed + len(self.search.heats),
            preset=preset,
            blocks=blocks,
            racing=heat.field if preset == RACE else (),
        )

    # --- what races have told

    def near(self) -> list[str]:
        """Return the rows whose options are searched: those not far behind in some objective, or of which too
        few rounds count to tell.
        """
        stood = [one for heat in self.search.of(ROWS) for one in heats.standings(self.store, heat)]
        near = (one.engine for one in stood if one.nearest <= NEAR or (one.alive and one.nearest == math.inf))
        return list(dict.fromkeys(near))

    def combine(self, rows: Sequence[str], singles: Sequence[str]) -> list[str]:
        """Return configurations of several options that each helped, of rows that still have somebody in the
        race.
        """
        alive = {row_of(id) for id in heats.survivors(self.store, self.search, SINGLES)}
        raced = self.search.of(SINGLES)
        found: list[str] = []
        for row in rows:
            own = [id for id in singles if row_of(id) == row]
            if row in alive and raced:
                ratios: dict[str, float] = {}
                for heat in raced:
                    ratios |= heats.ratios(heats.record_of(self.store, heat), own, row)
                helpful = space.helpful(ratios)
                found += space.together(registry.get(row), helpful, self.search.asked.threads)
        return found

    def finalists(self) -> list[str]:
        """Return who is confirmed: of the last race that told anything the nearest to the leader of each
        objective, by turns; with each its row, where that is left, too: it is simpler.
        """
        for last in reversed(self.search.races):
            if alive := heats.alive(self.store, last):
                break
        else:
            return []
        standings = [one for one in heats.standings(self.store, last) if one.engine in alive]
        orders = [
            sorted(standings, key=lambda one: (one.ratios.get(lengths) or math.inf, one.engine))
            for lengths in self.search.asked.objectives
        ]
        turns = [one.engine for turn in zip(*orders, strict=True) for one in turn]
        with_rows = [id for engine in turns for id in (engine, row_of(engine)) if id in alive]
        return list(dict.fromkeys(with_rows))[:FINALISTS]
