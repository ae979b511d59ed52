"""How numbers, times and counts are said, on pages, in terminals and in files."""

import math


def significant(value: float, digits: int = 3) -> str:
    """Return a number with three significant digits and no exponent: 0.0123, 1.70, 24.1, 1,240."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{round(value, decimals):,.{decimals}f}"


def ms(value: float) -> str:
    """Return a latency in ms with its unit."""
    return f"{significant(value)} ms"


def interval(low: float, high: float) -> str:
    """Return an interval as `1.53–1.97`."""
    return f"{significant(low)}–{significant(high)}"


def times(ratio: float | None) -> str:
    """Return a ratio as `×0.65`, or a dash where there is none."""
    return "–" if ratio is None else f"×{ratio:.2f}"


def duration(seconds: float) -> str:
    """Return a duration in words: 8 s, 50 s, 3 min, 2 h 10 min."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(iso: str) -> str:
    """Return a time of the store, which is in UTC, as `2026-11-24 05:28`."""
    return iso.replace("T", " ")[:16]


def many(count: int, what: str) -> str:
    """Return a count with its noun: 1 run, 2 runs."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
