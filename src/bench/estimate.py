"""About how long a plan takes, before it is measured."""

from collections.abc import Mapping

from src.bench import paced, protocol, ramp
from src.bench.plan import Case, Plan
from src.engines import registry

LOAD_S = 1.2  # an engine's process: start, load, first answers
WARM_UP_CALLS = 3 * protocol.WARM_UP_WINDOW
BETWEEN_SLICES_S = 0.012  # probes, evidence, the store; seen here
LEAD_IN_S, LONGEST_LEAD_IN = 0.04, 16  # before the timed calls of a slice: seconds, but at most so many calls
REPEATED = 1.15  # slices that were disturbed and are repeated
# Where nothing like it was measured yet: milliseconds of a call, by tokens and texts, of a slow engine.
CALL_MS, TOKEN_MS = 2.0, 0.12

Typical = Mapping[tuple[str, int, int, int, str], float]


def call_s(engine: str, case: Case, typical: Typical) -> float:
    """Return about how long one call takes in seconds: as last measured, else a guess by its size."""
    known = typical.get((engine, case.batch_size, case.sequence_length, case.threads, case.scope))
    if known is not None:
        return known / 1000
    if not registry.get(engine).answers:
        return 1e-6
    return (CALL_MS + TOKEN_MS * case.sequence_length * case.batch_size) / 1000


def seconds(plan: Plan, typical: Typical) -> float:
    """Return about how many seconds an accepted plan takes until it may stop, at most its budget.

    `typical` has medians in ms by (engine, batch size, sequence length, threads, scope), as
    store.runs.typical_ms.
    """
    engines = [*plan.engines, plan.baseline]  # the baseline has a twin
    calls = {(engine, case): call_s(engine, case, typical) for engine in engines for case in plan.cases}
    rounds = protocol.first_look(plan, calls.values())
    total = LOAD_S * len(engines) * len(plan.threads)
    for engine in engines:
        for case in plan.cases:
            one = calls[engine, case]
            lead_in = min(LONGEST_LEAD_IN, max(ramp.LEAST_LEAD_IN, round(LEAD_IN_S / one)))
            slice_s = protocol.slice_calls(plan, one, lead_in) * (one + plan.pace_s) + lead_in * one
            total += WARM_UP_CALLS * one + rounds * REPEATED * (slice_s + BETWEEN_SLICES_S)
            total += ramp.VISITS * ramp.visit_calls(one) * one
    total += paced.reserved_s(plan)
    return min(total, plan.budget_s)
