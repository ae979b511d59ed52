"""What a cell's figures are worth: valid, noisy or invalid, and why."""

from collections import Counter
from collections.abc import Iterable

from src.bench.events import Slice
from src.bench.record import Cell, Record, round_medians
from src.figures.run import INVALID, NOISY, VALID, Result
from src.host import evidence
from src.stats import FEWEST_ROUNDS, Ratio, median
from src.workers import ramp

# A cell is noisy when more than this share of its rounds stayed disturbed, repeats and all; a run when more
# of its slices were, or when it spent more than WAITED_SHARE of its time waiting for a quiet host.
NOISY_SHARE, WAITED_SHARE = 1 / 3, 0.1
NOT_STEADY = "It was not steady"
NOT_WARM = "Its warm-up ended before it was steady."
WARM_UP_TOLERANCE = 0.05  # between its windows, see worker.warm_up
MORE_CPU = 0.1  # CPUs that an engine may use above its threads: its caller and the kernel work, too


def judge(record: Record, cell: Cell) -> tuple[str, list[str]]:
    """Return the verdict of a cell, valid, noisy or invalid, and its reasons, each with what to do. What was
    timed before its engine failed stays.
    """
    verdict, reasons = judge_calls(record, cell)
    later = [failure.reason for failure in record.failures if failure.engine == cell.engine]
    return verdict, reasons + [f"The engine failed later. {reason}" for reason in later]


def judge_calls(record: Record, cell: Cell) -> tuple[str, list[str]]:
    slices, kept = record.counted(cell), record.undisturbed(cell)
    reasons = noise_reasons(record, slices)
    disobeyed = too_many_threads(record, cell, kept)
    if disobeyed:
        return INVALID, [disobeyed]
    if len(kept) < FEWEST_ROUNDS:
        return INVALID, [too_few(len(kept)), *reasons]
    if noisy(slices, kept):
        return NOISY, reasons
    rest = ramp.rest([slice.ns for slice in kept])
    if ramp.unsteady(rest):
        assert rest
        return NOISY, [unsteady(rest)]
    return (VALID, []) if record.warmed[cell].steady else judge_not_warm(kept)


def judge_not_warm(kept: list[Slice]) -> tuple[str, list[str]]:
    """Return the verdict of a cell whose warm-up ended at its cap: what it had not done by then, as compiling
    anew, may be in its first rounds. The first third of them is held against the last, as far apart as two
    windows of a warm-up may be.
    """
    trend = ramp.rest([list(round_medians(kept).values())])
    assert trend
    change = trend.ratio - 1
    if abs(change) <= WARM_UP_TOLERANCE:
        return VALID, [f"{NOT_WARM} Its rounds show no trend since."]
    how = "longer" if change > 0 else "shorter"
    return NOISY, [f"{NOT_WARM} Its first rounds took {100 * abs(change):.0f} % {how} than its last."]


def too_many_threads(record: Record, cell: Cell, kept: list[Slice]) -> str:
    """Return in which way an engine took more threads than it was given; nothing where it did not.

    Where the kernel tells nothing of threads, and in runs of versions that did not count those that are gone,
    CPU time above that of the threads tells.
    """
    threads = cell.case.threads
    facts = record.loaded[cell.group, cell.engine, threads].facts
    ran = middle(slice.evidence.threads_ran for slice in kept)
    used = middle(slice.evidence.effective_threads for slice in kept)
    if ran is not None and ran > evidence.threads_allowed(facts, threads):
        what = f"{ran:.0f} of its threads ran"
    elif used is not None and used > threads + MORE_CPU:
        what = f"It used the CPU time of {used:.1f} threads"
    else:
        return ""
    return (
        f"{what}, and {threads} were asked for: it does not obey the number of threads. Do not compare it "
        "with the others."
    )


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
    """Return what disturbed these slices, all paced or none, most frequent first, as sentences."""
    reference = record.reference_of(slices[0]) if slices else None
    disturbed = [(record.disturbed(slice), slice.evidence) for slice in slices]
    counts = Counter(kind for kinds, _ in disturbed for kind in kinds)
    texts = [
        evidence.explain(
            kind, [seen for kinds, seen in disturbed if kind in kinds], count, len(slices), reference
        )
        for kind, count in counts.most_common()
    ]
    return list(dict.fromkeys(texts))


def middle(values: Iterable[float | None]) -> float | None:
    """Return the median of what is known of these values; None where nothing is."""
    known = [value for value in values if value is not None]
    return median(known) if known else None
