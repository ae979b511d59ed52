"""May a measurement be divided by a published number, and what must be said beside the ratio?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from src.references.reference import SCOPE_TITLES, Reference

# In a steady run median and mean agree within a few per cent, and a figure stated in prose is a typical value
# too. Every other statistic is a family of its own: a p95 stands beside a p95 only.
TYPICAL = ("median", "mean", "stated")


@dataclass(frozen=True)
class Measurement:
    """What a reference is held against: one cell's figure and how it came about.

    `architecture` is spelled as in the references (`MiniLM-L6-H384`); `device` is `cpu` or `cuda`; `model` is
    the checkpoint's name; `pace_s` is the pause before each call, 0.0 = back to back; `thread_placement` says
    in words where the threads ran, such as "one per physical core". "" and None mean not known.
    """

    scope: str
    architecture: str
    sequence_length: int
    batch_size: int
    device: str
    statistic: str = "median"
    model: str = ""
    hardware: str = ""
    threads: int | None = None
    year: int | None = None
    pace_s: float = 0.0
    thread_placement: str = ""


@dataclass(frozen=True)
class Comparison:
    """Sentences: why the two must not be divided (`blocking`), and what to say where they are (`caveats`)."""

    blocking: tuple[str, ...]
    caveats: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """True where nothing blocks. A blocked reference is drawn, never divided by."""
        return not self.blocking


def judge(reference: Reference, measurement: Measurement) -> Comparison:
    """Return what blocks dividing the measurement by the reference, and the caveats of doing it.

    What the reference does not say blocks as a difference does (docs/methodology.md, “comparable”).
    """
    blocking = (
        _scope(reference.scope, measurement.scope),
        _same("architecture", reference.architecture, measurement.architecture),
        _same("sequence length", _tokens(reference.sequence_length), _tokens(measurement.sequence_length)),
        _same("batch size", _text(reference.batch_size), _text(measurement.batch_size)),
        _same("device", reference.device, measurement.device),
        _statistic(reference.statistic, measurement.statistic),
    )
    caveats = (
        _hardware(reference, measurement),
        _weights(reference, measurement),
        _pacing(reference, measurement),
        _threads(reference, measurement),
        _year(reference, measurement),
    )
    return Comparison(tuple(filter(None, blocking)), tuple(filter(None, caveats)))


def ratio(reference: Reference, measurement_ms: float, comparison: Comparison) -> float | None:
    """Return measured / published latency (below 1 = the measurement is faster), None where something blocks.

    `comparison` is what `judge` said of the two. Raises ValueError for a latency not finite and above 0.
    """
    if not (math.isfinite(measurement_ms) and measurement_ms > 0):
        raise ValueError(f"A latency of {measurement_ms} ms; expected a finite number above 0.")
    if not comparison.comparable or reference.unit != "ms":
        return None
    return measurement_ms / reference.value


def rounding(reference: Reference) -> float:
    """Return half a unit of a published number's last digit, as a share of it: 2.6 may be 2.55 to 2.65."""
    number = Decimal(str(reference.value))
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int), "references are finite"
    return float(Decimal(5).scaleb(exponent - 1) / number)


def _same(what: str, theirs: str, ours: str) -> str:
    """Return the sentence for two texts that must be equal and known, "" where they are."""
    if theirs and ours:
        return (
            "" if theirs == ours else f"Another {what}: the reference has {theirs}, the measurement {ours}."
        )
    if ours:
        return f"The {what} of the reference is not known; the measurement has {ours}."
    if theirs:
        return f"The {what} of the measurement is not known; the reference has {theirs}."
    return f"The {what} is not known, neither of the reference nor of the measurement."


def _scope(theirs: str, ours: str) -> str:
    def named(scope: str) -> str:
        return SCOPE_TITLES.get(scope, scope) if scope else ""

    return _same("scope", named(theirs), named(ours))


def _statistic(theirs: str, ours: str) -> str:
    if theirs in TYPICAL and ours in TYPICAL:
        return ""
    return _same("statistic", theirs, ours)


def _hardware(reference: Reference, measurement: Measurement) -> str:
    if reference.hardware and reference.hardware == measurement.hardware:
        return ""
    return (
        f"Hardware: the reference ran on {reference.hardware or 'a machine it does not name'}, "
        f"the measurement on {measurement.hardware or 'a machine not named'}."
    )


def _weights(reference: Reference, measurement: Measurement) -> str:
    if reference.model and reference.model == measurement.model:
        return ""
    return (
        f"Weights: the reference ran {reference.model or 'a checkpoint it does not name'}, "
        f"the measurement {measurement.model or 'a checkpoint not named'}."
    )


def _pacing(reference: Reference, measurement: Measurement) -> str:
    """A source that mentions no pause is taken to have called back to back, as benchmark loops do."""
    if (reference.pace_s or 0.0) == measurement.pace_s:
        return ""
    return (
        f"Pacing: the reference {_pace(reference.pace_s)}, the measurement {_pace(measurement.pace_s)}. "
        "An idle core is usually slower to answer."
    )


def _pace(pause_s: float | None) -> str:
    if pause_s is None:
        return "mentions no pause between calls"
    return f"left {pause_s:g} s between calls" if pause_s else "called back to back"


def _threads(reference: Reference, measurement: Measurement) -> str:
    """Equal counts still leave where the threads ran, which no published number says in full."""
    placed = f" ({measurement.thread_placement})" if measurement.thread_placement else ""
    if reference.threads is not None and reference.threads == measurement.threads:
        return (
            f"Thread placement: {reference.threads} threads on both sides; where the reference's ran is not "
            f"fully known, where the measurement's ran: {measurement.thread_placement or 'not recorded'}."
        )
    return (
        f"Threads: the reference used {reference.threads or 'a number it does not state'}, "
        f"the measurement {measurement.threads or 'a number not recorded'}{placed}."
    )


def _year(reference: Reference, measurement: Measurement) -> str:
    published = reference.published.year if reference.published else None
    if published is not None and published == measurement.year:
        return ""
    return (
        f"Year: the reference was published in {published or 'a year it does not state'}, "
        f"the measurement made in {measurement.year or 'a year not recorded'}."
    )


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _tokens(number: int | None) -> str:
    return "" if number is None else f"{number} tokens"
