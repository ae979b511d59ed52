"""About how long a plan takes, before it is measured."""

from collections.abc import Mapping
from dataclasses import astuple

from src.bench import budget, paced
from src.bench.plan import BadPlan, Case, Plan
from src.bench.settings import BENCHMARK
from src.bench.slicing import first_look, slice_calls
from src.engines import registry
from src.stats import FEWEST_ROUNDS
from src.workers import ramp

LOAD_S = 1.2  # an engine's process: start, load, first answers
WARM_UP_CALLS = 3 * BENCHMARK.warm_up_window
BETWEEN_SLICES_S = 0.012  # probes, evidence, the store; seen here
LEAD_IN_S = 0.12  # before the timed calls of a slice, but at most as many calls as a ramp with its tail
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
    """Return about how many seconds an accepted plan takes until it may stop, at most its budget."""
    return min(full_s(plan, typical), plan.budget_s)


def full_s(plan: Plan, typical: Typical) -> float:
    """Return about how many seconds an accepted plan takes until it may stop, whatever its budget.

    `typical` has medians in ms by (engine, batch size, sequence length, threads, scope), as
    store.runs.typical_ms.
    """
    engines = [*plan.engines, plan.baseline]  # the baseline has a twin
    calls = {(engine, case): call_s(engine, case, typical) for engine in engines for case in plan.cases}
    rounds = first_look(plan, calls.values())
    total = LOAD_S * len(engines) * len(plan.threads) * plan.blocks
    for engine in engines:
        for case in plan.cases:
            latency_s = calls[engine, case]
            lead_in = min(ramp.MOST_WITH_TAIL, max(ramp.LEAST_LEAD_IN, round(LEAD_IN_S / latency_s)))
            slice_s = slice_calls(plan, latency_s, lead_in) * (latency_s + plan.pace_s) + lead_in * latency_s
            total += plan.blocks * WARM_UP_CALLS * latency_s + rounds * REPEATED * (
                slice_s + BETWEEN_SLICES_S
            )
            total += ramp.VISITS * ramp.visit_calls(latency_s) * latency_s
    return total + paced.reserved_s(plan)


def least_s(plan: Plan, typical: Typical, loads_s: Mapping[str, float]) -> float:
    """Return how many seconds a plan takes at least until each cell has a figure, by what was measured
    before: an engine or a cell that was not costs nothing. `loads_s` has seconds by engine.
    """
    total = 0.0
    for engine in (*plan.engines, plan.baseline):  # the baseline has a twin
        total += loads_s.get(engine, 0.0) * len(plan.threads)
        answered = set()
        for case in plan.cases:
            known_ms = typical.get((engine, *astuple(case)))
            if known_ms is None:
                continue
            total += budget.measuring_s(plan, known_ms / 1000)
            if (case.batch_size, case.sequence_length, case.threads) not in answered:
                answered.add((case.batch_size, case.sequence_length, case.threads))
                total += budget.answering_s(known_ms / 1000, case.batch_size)
    return total


def check(plan: Plan, typical: Typical, loads_s: Mapping[str, float]) -> None:
    """Raise BadPlan for an accepted plan whose budget cannot pay for its figures."""
    needed_s = least_s(plan, typical, loads_s)
    if needed_s > plan.budget_s:
        would_do_s = budget.proposed_s(max(needed_s, full_s(plan, typical)))
        raise BadPlan(
            f"A budget of {plan.budget_s:.0f} s cannot pay for this plan: loading its engines and measuring "
            f"{FEWEST_ROUNDS} rounds of each cell take at least {needed_s:.0f} s, by earlier runs on this "
            f"host. {would_do_s:.0f} s would do; else ask for fewer engines or cases."
        )
