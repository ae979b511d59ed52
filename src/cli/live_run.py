"""A plan carried out by a command: its table while it is measured, Ctrl-C, and the store that keeps it."""

import shlex
import sys
from collections.abc import Callable

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from src.bench import protocol
from src.bench.events import Begun, Event
from src.bench.observer import NOBODY, Observer
from src.bench.plan import Plan
from src.bench.record import Record
from src.bench.settings import Settings
from src.bench.stopping import Stop
from src.cli.console import err
from src.model.source import ModelSource
from src.progress import Progress
from src.store import writing
from src.store.database import Store
from src.workers.pool import Pool

Tables = Callable[[Record, int], list[Table]]  # of a run so far, for a terminal of so many columns


def nothing(record: Record, width: int) -> list[Table]:
    return []


class Screen:
    """The live table on standard error. It is drawn between rounds only, and where that is a terminal."""

    def __init__(self, live: Live, tables: Tables) -> None:
        self.live = live
        self.tables = tables
        self.step = ""
        self.body: list[Table] = []

    def tell(self, step: Progress) -> None:
        done = f" {step.done} of {step.total}" if step.total else ""
        self.step = f"{step.text}{done}"
        self.draw()

    def between_rounds(self, record: Record) -> None:
        if self.live.console.is_terminal:
            self.step = f"Round {record.rounds} is done"
            self.body = self.tables(record, self.live.console.width)
            self.draw()

    def draw(self) -> None:
        if self.live.console.is_terminal:
            text = Text(self.step)
            self.live.update(Group(*self.body, text), refresh=True)


def carry_out(
    store: Store,
    plan: Plan,
    model: ModelSource,
    settings: Settings,
    tables: Tables = nothing,
    begun: Callable[[str], None] = lambda _: None,
    also: Observer = NOBODY,
) -> Record:
    """Carry out a plan and keep its run; Ctrl-C ends it after a slice, with what was measured until then.
    `begun` is told the run's id as soon as the store has it, `also` of each step and round.

    Raises what protocol.run raises.
    """
    stop = Stop(
        lambda: err.print(
            "Stopping after this slice; what is measured is kept. Press Ctrl-C again to stop at once."
        )
    )
    pool = Pool()
    sink = writing.StoreSink(store)

    def take(event: Event) -> None:
        sink(event)
        if isinstance(event, Begun):
            begun(event.id)

    with stop.listening():
        try:
            with Live(console=err, auto_refresh=False, transient=True) as live:
                screen = Screen(live, tables)

                def tell(step: Progress) -> None:
                    screen.tell(step)
                    also.progress(step)

                def between_rounds(record: Record) -> None:
                    screen.between_rounds(record)
                    also.between_rounds(record)

                return protocol.run(
                    pool,
                    plan,
                    model,
                    Observer(take, tell, between_rounds, stop),
                    shlex.join(["python", "-m", "src", *sys.argv[1:]]),
                    settings,
                )
        finally:
            pool.close()
            if sink.run_id:
                writing.settle(store, sink.run_id)
