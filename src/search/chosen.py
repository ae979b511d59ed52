"""What races have told: whose options are searched, which changes go together, and who is confirmed."""

import math
from collections.abc import Mapping

from src.bench.race import FINALISTS
from src.engines.options import registry_row, row_of
from src.search import heats, space
from src.search.state import ROWS, SINGLES, Search
from src.store.database import Store

NEAR = 1.5  # rows so many times slower than the fastest have their options searched, slower ones not


def near(store: Store, search: Search) -> list[str]:
    """Return the rows whose options are searched: those not far behind in some objective, or of which too
    few rounds count to tell.
    """
    stood = [one for heat in search.of(ROWS) for one in heats.standings(store, heat)]
    rows = (one.engine for one in stood if one.nearest <= NEAR or (one.alive and one.nearest == math.inf))
    return list(dict.fromkeys(rows))


def combined(store: Store, search: Search, singles: Mapping[str, list[str]]) -> list[str]:
    """Return configurations of several changes that each helped, of rows that still have somebody in the
    race. `singles` are those of one change, by row.
    """
    alive = set(heats.survivors(store, search, SINGLES))
    together: list[str] = []
    for row, ids in singles.items():
        if alive.intersection([row, *ids]):
            ratios: dict[str, float] = {}
            for heat in search.of(SINGLES):
                ratios |= heats.ratios(heats.record_of(store, heat), search.passing(ids), row)
            together += space.changes_together(row, ratios, search.asked.threads)
    return together


def finalists(store: Store, search: Search) -> list[str]:
    """Return who is confirmed: of the last race that told anything the nearest to the leader of each
    objective, by turns; with each its row, where that is left, too: it is simpler.
    """
    for last in reversed(search.races):
        if alive := heats.alive(store, last):
            break
    else:
        return []
    standings = [one for one in heats.standings(store, last) if one.engine in alive]
    orders = [
        sorted(standings, key=lambda one: (one.ratios.get(lengths) or math.inf, one.engine))
        for lengths in search.asked.objectives
    ]
    turns = [one.engine for turn in zip(*orders, strict=True) for one in turn]
    with_rows = [
        id for engine in turns for id in (engine, row_of(engine), registry_row(engine)) if id in alive
    ]
    return list(dict.fromkeys(with_rows))[:FINALISTS]
