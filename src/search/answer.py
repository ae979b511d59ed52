"""What a search says: by objective who cannot be told from the fastest, and the simplest of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from src.bench import field, race, windows
from src.bench.field import Objective
from src.bench.plan import Plan
from src.bench.race import ByRound, Finalist
from src.bench.record import Cell, Record
from src.engines import options, registry
from src.environments import MAIN
from src.figures.processes import certified_together
from src.stats import FEWEST_ROUNDS, LEAST_SURE, MEDIAN, geometric_mean


@dataclass(frozen=True)
class Proposal:
    """The answer for one objective: its finalists, fastest first, and of those that tie the simplest (who may
    still be far slower, as little is known of it, is not proposed). Figures
    are in milliseconds, of new processes that no race has seen: the geometric mean where there are several
    lengths. They are of this `percentile`: the median of rounds, or of windows' 99th percentiles.
    """

    lengths: Objective
    finalists: tuple[Finalist, ...]
    simplest: str
    percentile: int = MEDIAN

    @property
    def ties(self) -> tuple[Finalist, ...]:
        return tuple(finalist for finalist in self.finalists if finalist.tied)

    @property
    def proposed(self) -> Finalist:
        return next(finalist for finalist in self.finalists if finalist.name == self.simplest)


ROUNDS_OF_GROUP = 100_000  # so far apart are the rounds of two memory groups numbered here


def blocks_of(
    record: Record, plan: Plan, lengths: Objective, percentile: int = MEDIAN
) -> dict[str, list[ByRound]]:
    """Return the figures in milliseconds of a confirmation's engines by block of rounds, without those that
    failed. A block counts once every engine is in new processes: of a run that was killed meanwhile the last
    may be begun by some only.
    """
    cases = field.cases_of(plan, lengths)
    groups = {cell.engine: cell.group for cell in record.slices if cell.engine not in record.failed}
    starts = {
        engine: [1, *record.block_starts(Cell(group, engine, cases[0]))] for engine, group in groups.items()
    }
    count = min(map(len, starts.values()), default=0)
    blocks: dict[str, list[ByRound]] = {}
    for engine, group in groups.items():
        # Engines that were not in memory together have no rounds in common.
        apart = group * ROUNDS_OF_GROUP
        by = field.figures if percentile == MEDIAN else field.tails
        figures = by(record, plan, group, engine, lengths)
        ends = [*starts[engine][1:], max(figures, default=0) + 1]
        blocks[engine] = [
            {apart + number: value / 1e6 for number, value in figures.items() if first <= number < end}
            for first, end in list(zip(starts[engine], ends, strict=True))[:count]
        ]
    return blocks


def whole_blocks(record: Record, plan: Plan) -> int:
    """Return in how many blocks of a confirmation somebody has a figure's rounds."""
    blocks = blocks_of(record, plan, plan.sequence_lengths)
    numbers = [
        number
        for some in blocks.values()
        for number, block in enumerate(some, 1)
        if len(block) >= FEWEST_ROUNDS
    ]
    return max(numbers, default=0)


def complexity(engine: str) -> tuple[bool, int, int, int]:
    """Return what makes one configuration simpler than another, least first: whether it needs an environment
    of its own, how many packages it needs, how many options are set, how many threads it may use.
    """
    spec = registry.get(engine)
    alone = dict(spec.options).get(options.THREADS.name) == "1"
    return spec.environment != MAIN, len(spec.packages), len(spec.options), 1 if alone else 2


def at_most_ms(
    confirmations: Sequence[tuple[Record, Plan]], engines: Sequence[str], lengths: Objective
) -> dict[str, float | None]:
    """Return what each engine's 99th percentile is at most, with 99 % confidence for all of them and all
    lengths together (Bonferroni), as who is proposed was lucky, too: the geometric mean over some lengths, by
    the calls of all confirmations; None where calls or processes are too few.
    """
    plan = confirmations[0][1]
    chance = LEAST_SURE / (len(engines) * len(plan.cases))
    cases = field.cases_of(plan, lengths)
    wanted = [(engine, case) for engine in engines for case in cases]
    bounds = certified_together([record for record, _ in confirmations], wanted, windows.RANK, chance)
    at_most: dict[str, float | None] = {}
    for engine in engines:
        known = [bound for case in cases if (bound := bounds.get((engine, case)))]
        at_most[engine] = geometric_mean(known) if len(known) == len(cases) else None
    return at_most


def propose(
    confirmations: Sequence[tuple[Record, Plan]],
    engines: Sequence[str],
    lengths: Objective,
    percentile: int = MEDIAN,
) -> Proposal | None:
    """Return the answer for one objective by the confirmations that all of these engines are in; None where
    their rounds do not suffice.
    """
    parts = [blocks_of(record, plan, lengths, percentile) for record, plan in confirmations]
    # Of an engine that failed in a run nothing is said.
    whole = {
        engine: [block for part in parts for block in part[engine]]
        for engine in engines
        if all(engine in part for part in parts)
    }
    try:
        finalists = race.confirmed(whole)
    except ValueError:
        return None
    near = [one.name for one in finalists if one.tied and not one.open]  # the fastest is one of them
    simplest = min(near, key=complexity)  # of equals the fastest
    if percentile != MEDIAN:
        bounds = at_most_ms(confirmations, [one.name for one in finalists], lengths)
        finalists = tuple(replace(one, at_most=bounds[one.name]) for one in finalists)
    return Proposal(lengths, finalists, simplest, percentile)
