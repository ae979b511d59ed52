"""What an event from somebody's file must be, beyond its types."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from src.bench import plan
from src.bench.events import Failed, LeadIn, Loaded, Slice, Warmed
from src.bench.plan import Case
from src.bench.record import Record

LARGEST_NUMBER = 1_000_000  # of what is counted: rounds, threads, tokens, texts
LONGEST_NS = 3600 * 10**9
CLOCKS_DIFFER = timedelta(hours=1)  # from host to host, at most


def longest_text(event: Loaded | Warmed | LeadIn | Slice | Failed) -> int:
    """Return the number of characters of an event's longest text."""
    values = [getattr(event, field.name) for field in fields(event)]
    return max(len(value) for value in values if isinstance(value, str))


def identifying(event: Loaded | Warmed | LeadIn | Slice | Failed) -> tuple[Any, ...]:
    """Return what an event is of; a run has one event of each."""
    match event:
        case Slice():
            return "slice", event.group, event.engine, event.case, event.round, event.attempt, event.pace_s
        case LeadIn():
            return "lead-in", event.group, event.engine, event.case, event.from_round
        case Warmed():
            return "warmed", event.group, event.engine, event.case
        case Loaded():
            return "loaded", event.group, event.engine, event.threads, event.from_round
    return "failed", event.engine, event.reason


def check_time(started_at: str, refuse: Any) -> None:
    try:
        started = datetime.strptime(started_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise refuse(f"“{started_at[:40]}” is no time.") from error
    if started > datetime.now(UTC) + CLOCKS_DIFFER:
        raise refuse(f"it was measured in the future, {started_at}, by this host's clock.")


def check_case(case: Case, refuse: Any) -> None:
    numbers = (case.batch_size, case.sequence_length, case.threads)
    if min(numbers) < 1 or max(numbers) > LARGEST_NUMBER or case.scope not in plan.SCOPES:
        raise refuse(f"{str(case)[:100]} is no case.")


def check_lead_in(lead_in: LeadIn, before: Record, refuse: Any) -> None:
    cell = lead_in.group, lead_in.engine, lead_in.case
    if cell not in before.warmed:
        raise refuse(f"{lead_in.engine} has a lead-in before it was warmed up.")
    first = cell not in before.lead_ins
    calls = [ns for visit in lead_in.visits for ns in visit]
    if (calls and not first) or not all(lead_in.visits) or any(not 1 <= ns <= LONGEST_NS for ns in calls):
        raise refuse("a lead-in has no calls it was measured from, or some that cannot be.")
    if not (0 <= lead_in.from_round <= LARGEST_NUMBER and 0 <= lead_in.calls <= LARGEST_NUMBER):
        raise refuse("a lead-in has a round or a number of calls that cannot be.")


def check_slice(slice: Slice, before: Record, refuse: Any) -> None:
    if (slice.group, slice.engine, slice.case) not in before.warmed:
        raise refuse(f"{slice.engine} was timed before it was warmed up.")
    if not slice.ns or min(slice.ns) < 1 or max(slice.ns) > LONGEST_NS:
        raise refuse("a slice has no calls, or one that took no time or more than an hour.")
    if not (
        1 <= slice.round <= LARGEST_NUMBER
        and 1 <= slice.attempt <= LARGEST_NUMBER
        and 0 <= slice.lead_in_ns <= LONGEST_NS
        and 0 <= (slice.lead_in or 0) <= LARGEST_NUMBER
        and 1 <= (slice.first_ns or 1) <= LONGEST_NS
        and 0 <= (slice.pace_s or 0) <= 60
    ):
        raise refuse("a slice has a round, an attempt or a lead-in that cannot be.")
    seen = slice.evidence
    if any(value is not None and value <= 0 for value in (seen.apart_ns, seen.loop_us)):
        raise refuse("a probe took no time.")
