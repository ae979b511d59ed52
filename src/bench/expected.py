"""What a slice is expected to be: its lead-in, its timed calls, and how long they take."""

from collections.abc import Iterable

from src.bench import slicing
from src.bench.plan import Plan
from src.bench.record import Cell, Record, round_medians
from src.bench.settings import Settings
from src.stats import median
from src.workers import ramp


class Expected:
    """The expectations of one run, by its record so far. `call_ns` is what the rounds have taught."""

    def __init__(self, plan: Plan, settings: Settings, record: Record) -> None:
        self.plan = plan
        self.settings = settings
        self.record = record
        self.call_ns: dict[Cell, float] = {}

    def lead_in(self, cell: Cell) -> int:
        """Return how many untimed calls a slice of this cell begins with."""
        known = self.record.lead_ins.get(cell)
        return known[-1].calls if known else ramp.least_lead_in(self.call_s(cell))

    def calls(self, cell: Cell) -> int:
        """Return how many timed calls a slice of this cell has."""
        return slicing.slice_calls(self.plan, self.call_s(cell), self.lead_in(cell), self.settings.slice_s)

    def call_s(self, cell: Cell) -> float:
        """Return about how long a call takes: by the rounds so far, else by the warm-up."""
        return self.call_ns.get(cell, self.record.warmed[cell].call_ns) / 1e9

    def learn(self, cells: Iterable[Cell]) -> None:
        """Take from the rounds how long calls take: a cell may have been warmed up in a bad moment, and its
        slices would be too short for the whole run.
        """
        for cell in cells:
            if medians := list(round_medians(self.record.undisturbed(cell)).values()):
                self.call_ns[cell] = median(medians)

    def slice_s(self, cell: Cell, calls: int | None = None, pace_s: float | None = None) -> float:
        """Return about how long a slice of this cell takes; of so many calls with such a pause, if given."""
        if cell not in self.record.warmed:
            return 0.0
        call_s = self.call_s(cell)
        pause_s = self.plan.pace_s if pace_s is None else pace_s
        return (calls or self.calls(cell)) * (call_s + pause_s) + self.lead_in(cell) * call_s
