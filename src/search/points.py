"""Every configuration of a search beside its accuracy: how fast it was, and what is known of it."""

from dataclasses import dataclass

from src.accuracy.known_accuracy import Known
from src.bench import field
from src.bench.field import Objective
from src.bench.plan import Plan
from src.bench.record import Record
from src.search import heats
from src.search.answer import Proposal
from src.search.state import Heat, Search
from src.stats import FEWEST_ROUNDS, MEDIAN, Ratio, median, paired_ratio
from src.store.database import Store


@dataclass(frozen=True)
class Point:
    """A configuration for one objective. `ms` is the confirmation's figure where it was `confirmed`, else
    by the last run it was in, with `rounds` that count; of a search for a high percentile it is the median
    of that, and no point ties. `accuracy` and `memory_mb` are the screen's.
    """

    engine: str
    ms: float
    rounds: int
    confirmed: bool
    tied: bool
    accuracy: Known | None
    memory_mb: float | None


def points(store: Store, search: Search, lengths: Objective, proposal: Proposal | None) -> list[Point]:
    """Return the points of one objective, lowest median first."""
    figures = raced(store, search, lengths)
    of_medians = search.asked.percentile == MEDIAN
    finalists = {one.name: one for one in proposal.finalists} if proposal else {}
    known = {one.engine: one for one in search.screened}
    shown = []
    for engine, (ms, rounds) in figures.items():
        finalist, screened = finalists.get(engine), known.get(engine)
        shown.append(
            Point(
                engine,
                finalist.figure if finalist and of_medians else ms,
                rounds,
                finalist is not None,
                finalist is not None and finalist.tied and of_medians,
                screened.accuracy if screened else None,
                screened.memory_mb if screened else None,
            )
        )
    return sorted(shown, key=lambda point: (point.ms, point.engine))


def raced(store: Store, search: Search, lengths: Objective) -> dict[str, tuple[float, int]]:
    """Return by configuration its figure in milliseconds by the last race that it was in, and its rounds that
    count; without those that have too few.

    A host drifts from race to race: what a race tells is a ratio to the baseline, which is in all of them. It
    is given as that times the baseline's figure in the last run.
    """
    told: list[tuple[Heat, dict[str, Ratio], float]] = []
    for heat in search.heats:
        if heat.run:
            record = heats.record_of(store, heat)
            told.append((heat, *to_baseline(record, heats.plan_of(record), lengths)))
    baseline_ms = next((ms for _, _, ms in reversed(told) if ms), 0.0)
    return {
        engine: (pair.ratio * baseline_ms, pair.rounds)
        for heat, pairs, _ in told
        for engine, pair in pairs.items()
        if engine in heat.field and pair.rounds >= FEWEST_ROUNDS
    }


def to_baseline(record: Record, plan: Plan, lengths: Objective) -> tuple[dict[str, Ratio], float]:
    """Return the ratios of a run's engines to its baseline, each in its memory group, and the baseline's
    median figure in milliseconds; 0 where it has none.
    """
    pairs: dict[str, Ratio] = {}
    values: list[float] = []
    for engine, group in {cell.engine: cell.group for cell in record.slices}.items():
        theirs = field.figures(record, plan, group, plan.baseline, lengths)
        pair = paired_ratio(field.figures(record, plan, group, engine, lengths), theirs)
        if pair:
            pairs[engine] = pair
            values = list(theirs.values())
    return pairs, median(values) / 1e6 if values else 0.0
