"""The blocks of a run: rounds by one process of each engine, then by new ones, while there is time."""

from statistics import mean
from typing import Protocol

from src.bench import lead_ins, paced
from src.bench.rounds import Rounds
from src.stats import FEWEST_ROUNDS

# Of the time for the fewest rounds of a block: slices are repeated, and evidence is taken between.
MARGIN = 1.5
LEAST_COUNTING = 0.2  # of rounds: where fewer count, more time does not help either


class Renewal(Protocol):
    """What gives a group's engines new processes (see loading.Loading.renew), before a round."""

    def __call__(self, group: int, from_round: int) -> None: ...


class Blocks:
    """Conducts the groups of a run. `measuring_s` is the time of all of it, `setting_up_s` what new processes
    take until their rounds begin, `loaded_s` how long the loads of earlier groups took.
    """

    def __init__(self, rounds: Rounds, renew: Renewal) -> None:
        self.rounds = rounds
        self.renew = renew
        self.plan = rounds.plan
        self.session = rounds.session
        self.budget = rounds.budget
        self.clock = rounds.clock
        self.measuring_s = self.setting_up_s = self.loaded_s = 0.0

    def measure(self, group: int, groups_left: int) -> str:
        """Warm up and measure one group until its end, block after block; return why it ended."""
        began = self.clock()
        paced_s = 0.0 if group else paced.reserved_s(self.plan)
        kept_s = (self.budget.deadline - began) * (1 - 1 / groups_left) + paced_s
        stops: list[str] = []
        self.rounds.round, self.rounds.blocks, self.rounds.round_s = 0, 0, 0.0
        try:
            self.budget.until = self.budget.deadline - kept_s
            self.rounds.warm_up(group)
            self.setting_up_s = self.clock() - began + self.budget.loads_s - self.loaded_s
            lead_ins.measure(self.rounds, group)
            blocks_left = self.plan.blocks
            while blocks_left and not {"interrupted", "failed"} & set(stops):
                blocks_left = self.share_time(group, blocks_left, kept_s, first=not stops)
                if blocks_left:
                    stops.append(self.block(group, again=bool(stops)))
                    blocks_left -= 1
                else:
                    self.budget.until = self.budget.deadline - kept_s
                    self.rounds.granted = self.rounds.blocks
                    stops[-1] = self.rounds.measure(group)
            self.note_blocks(stops)
            stopped = next(
                (stop for stop in ("interrupted", "budget", "precision") if stop in stops), "failed"
            )
            if paced_s and stopped != "interrupted":
                self.budget.until = self.budget.deadline - kept_s + paced_s
                paced.measure(self.rounds, group)
            return stopped
        finally:
            self.measuring_s += self.clock() - began
            self.loaded_s = self.budget.loads_s

    def share_time(self, group: int, blocks_left: int, kept_s: float, first: bool) -> int:
        """Set the end of the next block, and return how many are left with it: as many as have time for
        new processes and the rounds that a figure needs, on a noisy host more of them: what is left goes to
        the block that is there. The first is measured in any case.
        """
        left_s = self.budget.deadline - kept_s - self.clock()
        expected_s = sum(self.rounds.expected.slice_s(cell) for cell in self.session.cells(group))
        least_s = MARGIN * FEWEST_ROUNDS * max(expected_s, self.rounds.round_s) / self.counting(group)
        next_s = 0.0 if first else self.setting_up_s
        for blocks in range(blocks_left, 0, -1):
            rounds_s = (left_s - next_s - (blocks - 1) * self.setting_up_s) / blocks
            if rounds_s >= least_s or (first and blocks == 1):
                self.budget.until = self.clock() + next_s + rounds_s
                self.rounds.granted = self.rounds.blocks + blocks
                return blocks
        return 0

    def counting(self, group: int) -> float:
        """Return which share of the rounds so far counts, as the mean of the cells; 1 before the first."""
        if not self.rounds.round:
            return 1.0
        record, rounds = self.rounds.record, self.rounds.round
        shares = [len(record.undisturbed(cell)) / rounds for cell in self.session.cells(group)]
        return max(LEAST_COUNTING, mean(shares)) if shares else 1.0

    def note_blocks(self, stops: list[str]) -> None:
        """Note where there was no time for as many blocks as the plan has."""
        if len(stops) < self.plan.blocks and not {"interrupted", "failed"} & set(stops):
            self.budget.left_out.append(
                f"Engines ran in {len(stops)} of {self.plan.blocks} processes: no time was left for more."
            )

    def block(self, group: int, again: bool) -> str:
        """Measure one block of rounds, after the first in new processes; return why it ended."""
        self.rounds.blocks += 1
        self.rounds.block_since = self.rounds.round + 1
        if again:
            began = self.clock()
            self.renew(group, self.rounds.round + 1)
            self.rounds.warm_up(group, again=True)
            self.setting_up_s = self.clock() - began
        return self.rounds.measure(group)
