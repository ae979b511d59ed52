"""What a cell's figures are worth: valid, noisy or invalid, and why."""

from collections import Counter
from collections.abc import Iterable

from src.bench.events import Slice
from src.bench.record import Cell, Record
from src.figures.run import INVALID, NOISY, VALID, Result
from src.host import evidence
from src.stats import FEWEST_ROUNDS, Ratio, median
from src.workers import ramp

# A cell is noisy when more than this share of its rounds stayed disturbed, repeats and all; a run when more
# of its slices were, or when it spent more than WAITED_SHARE of its time waiting for a quiet host.
NOISY_SHARE, WAITED_SHARE = 1 / 3, 0.1
NOT_STEADY = "It was not steady"


def judge(record: Record, cell: Cell) -> tuple[str, list[str]]:
    """Return the verdict of a cell, valid, noisy or invalid, and its reasons, each with what to do. What was
    timed before its engine failed stays.
    """
    verdict, reasons = judge_calls(record, cell)
    later = [one.reason for one in record.failures if one.engine == cell.engine]
    return verdict, reasons + [f"The engine failed later. {reason}" for reason in later]


def judge_calls(record: Record, cell: Cell) -> tuple[str, list[str]]:
    slices, kept = record.counted(cell), record.undisturbed(cell)
    reasons = noise_reasons(record, slices)
    ran = middle(slice.evidence.threads_ran for slice in kept)
    facts = record.loaded[cell.group, cell.engine, cell.case.threads].facts
    if ran is not None and ran > evidence.threads_allowed(facts, cell.case.threads):
        return INVALID, [
            f"{ran:.0f} of its threads ran, and {cell.case.threads} were asked for: it does not obey the "
            "number of threads. Do not compare it with the others."
        ]
    if len(kept) < FEWEST_ROUNDS:
        return INVALID, [too_few(len(kept)), *reasons]
    if noisy(slices, kept):
        return NOISY, reasons
    rest = ramp.rest([slice.ns for slice in kept])
    if ramp.unsteady(rest):
        assert rest
        return NOISY, [unsteady(rest)]
    return VALID, []


def too_few(rounds: int) -> str:
    return f"{rounds} undisturbed rounds; an interval needs {FEWEST_ROUNDS}. Give a larger budget."


def noisy(slices: list[Slice], kept: list[Slice]) -> bool:
    """Tell whether too many rounds have no undisturbed slice."""
    rounds = len({slice.round for slice in slices})
    return rounds - len({slice.round for slice in kept}) > NOISY_SHARE * rounds


def unsteady(rest: Ratio) -> str:
    """Return what it means that the calls of a slice were not steady."""
    change = 100 * abs(rest.ratio - 1)
    how = "faster" if rest.ratio > 1 else "slower"
    return (
        f"{NOT_STEADY}: within a slice its calls got {change:.1f} % {how}, so this is no latency of an "
        "engine that runs alone. Give a larger budget, or measure fewer engines together."
    )


def unsteady_reasons(results: Iterable[Result]) -> list[str]:
    """Return which results of a run were not steady, as one sentence; nothing where all were."""
    names = dict.fromkeys(
        f"{result.engine} at {result.sequence_length} tokens"
        for result in results
        if result.verdict == NOISY and unsteady_by(result.reasons)
    )
    return [f"Not steady within their slices: {', '.join(names)}."] if names else []


def unsteady_by(reasons: Iterable[str]) -> bool:
    """Tell whether a result's reasons say that it was not steady."""
    return any(reason.startswith(NOT_STEADY) for reason in reasons)


def waited(record: Record) -> float:
    """Return the share of the time after loading that a run waited for a quiet host."""
    ended = record.ended
    return ended.waited_s / ended.measuring_s if ended and ended.measuring_s else 0.0


def noise_reasons(record: Record, slices: list[Slice]) -> list[str]:
    """Return what disturbed these slices, most frequent first, as sentences."""
    disturbed = [(record.disturbed(slice), slice.evidence) for slice in slices]
    counts = Counter(kind for kinds, _ in disturbed for kind in kinds)
    texts = [
        evidence.explain(
            kind, [seen for kinds, seen in disturbed if kind in kinds], count, len(slices), record.reference
        )
        for kind, count in counts.most_common()
    ]
    return list(dict.fromkeys(texts))


def middle(values: Iterable[float | None]) -> float | None:
    """Return the median of what is known of these values; None where nothing is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
