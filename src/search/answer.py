"""What a search says: by objective who cannot be told from the fastest, and the simplest of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from src.bench import field, race
from src.bench.field import Objective
from src.bench.race import ByRound, Finalist
from src.bench.record import Cell, Record
from src.engines import options, registry


@dataclass(frozen=True)
class Proposal:
    """The answer for one objective: its finalists, fastest first, and of those that tie the simplest (who may
    still be far slower, as little is known of it, is not proposed). Figures
    are in milliseconds, of new processes that no race has seen: the geometric mean where there are several
    lengths.
    """

    lengths: Objective
    finalists: tuple[Finalist, ...]
    simplest: str

    @property
    def ties(self) -> tuple[Finalist, ...]:
        return tuple(finalist for finalist in self.finalists if finalist.tied)

    @property
    def proposed(self) -> Finalist:
        return next(finalist for finalist in self.finalists if finalist.name == self.simplest)


def blocks_of(record: Record, engine: str, lengths: Objective) -> list[ByRound]:
    """Return an engine's figures in milliseconds by block of rounds; none for one without results."""
    assert record.begun
    cells = {
        cell.case: cell
        for cell in record.slices
        if cell.engine == engine and cell.case.sequence_length in lengths and engine not in record.failed
    }
    if {case.sequence_length for case in cells} != set(lengths):
        return []
    cell: Cell = next(iter(cells.values()))
    figures = field.figures(record, cell.group, engine, list(cells))
    starts = [1, *record.block_starts(cell)]
    ends = [*starts[1:], max(figures, default=0) + 1]
    return [
        {number: value / 1e6 for number, value in figures.items() if first <= number < end}
        for first, end in zip(starts, ends, strict=True)
    ]


def complexity(engine: str) -> tuple[int, int, int]:
    """Return what makes one configuration simpler than another, least first: how many packages it needs, how
    many options are set, how many threads it may use.
    """
    spec = registry.get(engine)
    alone = dict(spec.options).get(options.THREADS.name) == "1"
    return len(spec.packages), len(spec.options), 1 if alone else 2


def propose(records: Sequence[Record], engines: Sequence[str], lengths: Objective) -> Proposal | None:
    """Return the answer for one objective by the confirmations that all of these engines are in; None where
    their rounds do not suffice.
    """
    figures = {
        engine: [block for record in records for block in blocks_of(record, engine, lengths)]
        for engine in engines
    }
    most = max(map(len, figures.values()), default=0)
    # Of an engine that failed in one run, and was renewed in fewer blocks, nothing is said.
    whole = {engine: blocks for engine, blocks in figures.items() if len(blocks) == most and any(blocks)}
    try:
        finalists = race.confirmed(whole)
    except ValueError:
        return None
    near = [one.name for one in finalists if one.tied and not one.open]
    simplest = min(near or [finalists[0].name], key=complexity)  # of equals the fastest
    return Proposal(lengths, finalists, simplest)
