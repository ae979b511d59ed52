"""Every configuration of a search beside its accuracy: how fast it was, and what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from src.accuracy.known_accuracy import Known
from src.bench import field
from src.bench.field import Objective
from src.bench.race import ByRound
from src.bench.record import Record
from src.search import heats
from src.search.answer import Proposal
from src.search.state import Search
from src.stats import FEWEST_ROUNDS, median, paired_ratio
from src.store.database import Store


@dataclass(frozen=True)
class Point:
    """A configuration for one objective. `ms` is the confirmation's figure where it was `confirmed`, else
    by the last run it was in, with `rounds` that count. `accuracy` and `memory_mb` are the screen's.
    """

    engine: str
    ms: float
    rounds: int
    confirmed: bool
    tied: bool
    accuracy: Known | None
    memory_mb: float | None


def points(store: Store, search: Search, lengths: Objective, proposal: Proposal | None) -> list[Point]:
    """Return the points of one objective, fastest first."""
    figures = raced(store, search, lengths)
    finalists = {one.name: one for one in proposal.finalists} if proposal else {}
    known = {one.engine: one for one in search.screened}
    shown = []
    for engine, (ms, rounds) in figures.items():
        finalist, screened = finalists.get(engine), known.get(engine)
        shown.append(
            Point(
                engine,
                finalist.figure if finalist else ms,
                rounds,
                finalist is not None,
                finalist is not None and finalist.tied,
                screened.accuracy if screened else None,
                screened.memory_mb if screened else None,
            )
        )
    return sorted(shown, key=lambda point: (point.ms, point.engine))


def raced(store: Store, search: Search, lengths: Sequence[int]) -> dict[str, tuple[float, int]]:
    """Return by configuration its figure in milliseconds by the last race that it was in, and its rounds that
    count; without those that have too few.

    A host drifts from race to race: what a race tells is a ratio to the baseline, which is in all of them. It
    is given as that times the baseline's figure in the last run.
    """
    figures: dict[str, tuple[float, int]] = {}
    begun = [heat for heat in search.heats if heat.run]
    if not begun:
        return figures
    of_last = by_round(record := heats.record_of(store, begun[-1]), lengths)
    baseline_ms = median(list(of_last.get(heats.plan_of(record).baseline, {}).values()) or [0.0]) / 1e6
    for heat in begun:
        record = heats.record_of(store, heat)
        found = by_round(record, lengths)
        theirs = found.get(heats.plan_of(record).baseline, {})
        for engine in heat.field:
            pair = paired_ratio(found.get(engine, {}), theirs)
            if pair and pair.rounds >= FEWEST_ROUNDS and baseline_ms:
                figures[engine] = pair.ratio * baseline_ms, pair.rounds
    return figures


def by_round(record: Record, lengths: Sequence[int]) -> dict[str, ByRound]:
    """Return the figures of a run's engines by round, in nanoseconds."""
    cases = [case for case in heats.plan_of(record).cases if case.sequence_length in lengths]
    groups = {cell.engine: cell.group for cell in record.slices}
    return {engine: field.figures(record, group, engine, cases) for engine, group in groups.items()}
