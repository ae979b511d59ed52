"""What is compared when, and what that says of the worker's timing: pure functions."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from statistics import fmean

from src.facts import Facts
from src.stats import median

LEFT = "It was not measured: not all engines of the plan fit in memory together."
APART = "None of its hot loops ran beside a round that counts."
LEAST, MOST = 0.98, 1.02  # of a faithful figure: the worker's ÷ the hot loop's

Key = tuple[str, int, str]  # engine, token count, scope


def plan_count(engines: int, size: int) -> int:
    """Return into how many plans so many engines are split for their size to be as near to `size` as can be,
    but none of a single engine where that can be helped.
    """
    fewest = min(2, size, engines)
    counts = [count for count in range(1, engines + 1) if engines // count >= fewest]
    return min(counts, key=lambda count: abs(engines / count - size), default=1)


def partition(engines: tuple[str, ...], size: int, seed: int) -> list[tuple[str, ...]]:
    """Return the engines in random order, split evenly into `plan_count` plans."""
    order = list(engines)
    random.Random(f"{seed} {size}").shuffle(order)
    count = plan_count(len(order), size)
    ends = [number * len(order) // count for number in range(count + 1)]
    return [tuple(order[start:end]) for start, end in pairwise(ends)]


def schedule(cells: Sequence[Key], rounds: int, visits: int, seed: int) -> dict[int, list[Key]]:
    """Return the hot loops to run after each of so many rounds but the last: `visits` of each cell, equally
    many each time, in random order, all cells once before any is run again.
    """
    order = random.Random(seed)
    loops = [cell for _ in range(visits) for cell in order.sample(cells, len(cells))]
    gaps: dict[int, list[Key]] = {number: [] for number in range(1, rounds)}
    for number, cell in enumerate(loops):
        gaps[1 + int((number + 0.5) * len(gaps) / len(loops))].append(cell)
    return gaps


def loops_first(pair: int) -> bool:
    """Tell whether hot loops are loaded before the workers: in every other pair."""
    return pair % 2 == 1


@dataclass(frozen=True)
class Figure:
    """The worker's figures of a cell in ms, by round and in all; that is None, with the reason, where it is
    not valid.
    """

    rounds_ms: dict[int, float] = field(default_factory=dict)
    median_ms: float | None = None
    reason: str = LEFT


@dataclass(frozen=True)
class Turn:
    """Two figures in ms that are seconds apart: a hot loop's and the worker's of just before and just after
    it; or the worker's and that of hot loops around it.
    """

    worker_ms: float
    hot_ms: float

    @property
    def ratio(self) -> float:
        return self.worker_ms / self.hot_ms


@dataclass(frozen=True)
class Observation:
    """What one pair told of an engine, at one sequence length (tokens), scope and size of the plan: the
    figure that its worker's rounds gave (ms), its turns, and worker ÷ hot loop, which is found from these.
    None, with the reason, where there is no valid figure or no undisturbed hot loop.
    """

    pair: int
    plan_size: int
    engine: str
    sequence_length: int
    scope: str
    worker_ms: float | None
    ratio: float | None
    turns: tuple[Turn, ...] = ()
    reason: str = ""

    @property
    def hot_ms(self) -> float | None:
        """Return the median of the hot loops' figures; None without any."""
        return median([turn.hot_ms for turn in self.turns]) if self.turns else None


@dataclass(frozen=True)
class Spread:
    """The median of a ratio over pairs, its lowest and highest value, and how many pairs had one; `left_out`
    had none.
    """

    ratio: float
    lowest: float
    highest: float
    pairs: int
    left_out: int


@dataclass(frozen=True)
class Fidelity:
    """How an engine's figures compare: worker ÷ hot loop (None without a quiet pair), and the median figures
    of these pairs in ms. `reasons` are why pairs were left out.
    """

    engine: str
    sequence_length: int
    scope: str
    plan_size: int
    spread: Spread | None
    worker_ms: float | None
    hot_ms: float | None
    reasons: tuple[str, ...]

    @property
    def outside(self) -> bool:
        """Tell whether the ratio is known and outside LEAST to MOST."""
        return self.spread is not None and not LEAST <= self.spread.ratio <= MOST


@dataclass(frozen=True)
class Crowd:
    """What a larger plan does to an engine's figure: that in the larger plan ÷ that in the smaller one, each
    divided by its hot loops before, so that the host's drift from plan to plan is out of it.
    """

    engine: str
    sequence_length: int
    scope: str
    larger: int
    smaller: int
    spread: Spread


def turns_between(rounds_ms: Mapping[int, float], loops_ms: Iterable[tuple[int, float]]) -> tuple[Turn, ...]:
    """Return a turn for each hot loop, (number of the round that had just ended, ms), beside the mean of the
    worker's figures of that round and the next; of one of the two, where the other does not count.
    """
    turns = []
    for number, hot_ms in loops_ms:
        around = [rounds_ms[near] for near in (number, number + 1) if near in rounds_ms]
        if around:
            turns.append(Turn(fmean(around), hot_ms))
    return tuple(turns)


def turns_around(workers_ms: Sequence[float | None], loops_ms: Sequence[float | None]) -> tuple[Turn, ...]:
    """Return a turn for each of the worker's figures, beside the mean of the hot loop's before and after it;
    there is one more of those. None is what does not count.
    """
    turns = []
    for worker_ms, *around in zip(workers_ms, loops_ms[:-1], loops_ms[1:], strict=True):
        known = [hot_ms for hot_ms in around if hot_ms is not None]
        if worker_ms is not None and known:
            turns.append(Turn(worker_ms, fmean(known)))
    return tuple(turns)


def observe(
    pair: int,
    size: int,
    cell: Key,
    worker_ms: float | None,
    ratio: float | None,
    turns: tuple[Turn, ...],
    reason: str,
    reasons: dict[Key, str],
) -> Observation:
    """Return an observation, which without a ratio has the reasons: the worker's and the hot loop's."""
    why = " ".join(text for text in (reason, reasons.get(cell, "")) if text) or APART
    return Observation(pair, size, *cell, worker_ms, ratio, turns, "" if ratio else why)


def spread(ratios: Sequence[float | None]) -> Spread | None:
    """Return how the ratios of pairs spread; None where there is none."""
    known = [ratio for ratio in ratios if ratio is not None]
    if not known:
        return None
    return Spread(median(known), min(known), max(known), len(known), len(ratios) - len(known))


def fidelities(observations: Iterable[Observation]) -> list[Fidelity]:
    """Return one row for each engine, length, scope and plan size, in the order of these."""
    cells: dict[tuple[str, int, str, int], list[Observation]] = {}
    for pair in observations:
        key = (pair.engine, pair.sequence_length, pair.scope, pair.plan_size)
        cells.setdefault(key, []).append(pair)
    rows = []
    for key, pairs in sorted(cells.items()):
        workers_ms = [pair.worker_ms for pair in pairs if pair.ratio and pair.worker_ms]
        hot_ms = [pair.hot_ms for pair in pairs if pair.ratio and pair.hot_ms]
        rows.append(
            Fidelity(
                *key,
                spread([pair.ratio for pair in pairs]),
                median(workers_ms) if workers_ms else None,
                median(hot_ms) if hot_ms else None,
                tuple(dict.fromkeys(pair.reason for pair in pairs if pair.reason)),
            )
        )
    return rows


def crowds(observations: Iterable[Observation]) -> list[Crowd]:
    """Return the crowd effect of the largest plans against the smallest, pair by pair, for each engine,
    length and scope; empty where there is one size only.
    """
    known = list(observations)
    sizes = sorted({row.plan_size for row in known})
    if len(sizes) < 2:
        return []
    smaller, larger = sizes[0], sizes[-1]
    figures = {
        (row.engine, row.sequence_length, row.scope, row.plan_size, row.pair): row.ratio for row in known
    }
    pairs = sorted({row.pair for row in known})
    rows = []
    for cell in sorted({(row.engine, row.sequence_length, row.scope) for row in known}):
        ratios: list[float | None] = []
        for pair in pairs:
            crowded, alone = figures.get((*cell, larger, pair)), figures.get((*cell, smaller, pair))
            ratios.append(crowded / alone if crowded and alone else None)
        effect = spread(ratios)
        if effect:
            rows.append(Crowd(*cell, larger, smaller, effect))
    return rows


def to_json(observations: Sequence[Observation]) -> Facts:
    """Return the rows, the crowd effects, and the observations they come from."""
    return {
        "faithful": [LEAST, MOST],
        "rows": [{**asdict(row), "outside": row.outside} for row in fidelities(observations)],
        "crowd": [asdict(row) for row in crowds(observations)],
        "observations": [{**asdict(pair), "hot_ms": pair.hot_ms} for pair in observations],
    }


def table(observations: Sequence[Observation]) -> list[str]:
    """Return the rows and the crowd effects as lines of text; a row outside LEAST to MOST ends in “<”."""
    head = "  worker ÷ hot loop (lowest to highest)  pairs  left out  hot loop"
    lines = [f"{'engine':24} {'tokens':>6} {'scope':8} {'plan':>4}{head}"]
    for row in fidelities(observations):
        name = f"{row.engine:24} {row.sequence_length:6} {row.scope:8} {row.plan_size:4}"
        if row.spread is None or row.hot_ms is None:
            lines.append(f"{name}  no quiet pair: {' '.join(row.reasons)}")
            continue
        ratios = row.spread
        lines.append(
            f"{name}  {ratios.ratio:17.3f} ({ratios.lowest:.3f} to {ratios.highest:.3f})     "
            f"{ratios.pairs:5}  {ratios.left_out:8}  {row.hot_ms:.3f} ms{'  <' if row.outside else ''}"
        )
    for number, crowd in enumerate(crowds(observations)):
        if not number:
            lines += ["", f"Crowd effect: the ratio in a plan of {crowd.larger} ÷ in one of {crowd.smaller}"]
        ratios = crowd.spread
        lines.append(
            f"{crowd.engine:24} {crowd.sequence_length:6} {crowd.scope:8}       {ratios.ratio:17.3f} "
            f"({ratios.lowest:.3f} to {ratios.highest:.3f})     {ratios.pairs:5}"
        )
    return lines
