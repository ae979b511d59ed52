"""What a search's time pays for, by what its runs and screens have cost so far."""

import math
from collections.abc import Sequence
from statistics import mean

from src.bench.plan import BLOCKS
from src.bench.race import FINALISTS, MOST_BLOCKS, Finalist
from src.search import heats
from src.search.answer import Proposal
from src.search.heats import Cost
from src.search.state import Search
from src.stats import MEDIAN
from src.store.database import Store

BUDGET = "20m"  # of a search, unless another is asked for
RACING, CONFIRMING = 9, 12  # rounds that should count, in a race and in each block of a confirmation
TAILS = 60  # rounds of a race, which take as long as windows enough in a block


def racing_s(cost: Cost | None, engines: int) -> float:
    """Return how long a race of so many engines takes at least; 0 before any have run."""
    return cost.run_s(engines, RACING) if cost else 0.0


def confirming_s(cost: Cost | None, engines: int, search: Search) -> float:
    """Return how long it takes to confirm so many, or as many of them as are confirmed."""
    rounds = CONFIRMING if search.asked.percentile == MEDIAN else TAILS
    return cost.run_s(min(engines, FINALISTS), rounds, BLOCKS) if cost else 0.0


def needed_s(cost: Cost | None, engines: int, search: Search) -> float:
    """Return how long it takes at least to race so many and to confirm what is left of them."""
    return racing_s(cost, engines) + confirming_s(cost, engines, search)


def in_minutes(seconds: float) -> str:
    """Return the budget to ask for, in whole minutes."""
    return f"{max(1, math.ceil(seconds / 60))}m"


def budget_to_go_on(store: Store, search: Search) -> str:
    """Return the budget that a search needs to confirm somebody, who is raced before where nobody is left;
    that of a first search where nothing has run that would tell.
    """
    cost = heats.cost(store, search)
    if not cost:
        return BUDGET
    last = search.races[-1]
    alive = heats.alive(store, last)
    if alive:
        return in_minutes(confirming_s(cost, len(alive), search))
    return in_minutes(needed_s(cost, len(last.field), search))


def affordable(search: Search, cost: Cost | None, known: int, ids: Sequence[str]) -> list[str]:
    """Return as many of some configurations, in their order, as the time pays for: to be screened, raced
    beside `known` others, and for the confirmation after it.
    """
    race_s, screened = racing_s(cost, 1), {one.engine for one in search.screened}
    loads_s = [one.load_s for one in search.screened if one.load_s]
    # Answering what is shipped with the model takes about as long again as loading does.
    screen_s = 2 * mean(loads_s) if loads_s else 0.0
    left_s = search.left_s - known * race_s
    paid: list[str] = []
    for id in ids:
        left_s -= race_s + (0.0 if id in screened else screen_s)
        if left_s < confirming_s(cost, known + len(paid) + 1, search):
            break
        paid.append(id)
    return paid


def says_more(proposal: Proposal, finalist: Finalist) -> bool:
    """Tell whether more blocks would say something of a finalist, or what its high percentile is at most."""
    without_bound = proposal.percentile != MEDIAN and finalist.tied and finalist.at_most is None
    return finalist.open or without_bound


def affords_more(store: Store, search: Search, proposals: Sequence[Proposal]) -> bool:
    """Tell whether another confirmation would tell more, and may be had."""
    begun = search.confirmations
    if not any(says_more(some, one) for some in proposals for one in some.finalists):
        return False
    last_s = heats.run_s(store, begun[-1])
    return BLOCKS * (len(begun) + 1) <= MOST_BLOCKS and last_s <= search.left_s
