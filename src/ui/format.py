"""How numbers and foreign text are written on a page."""

import html
import math
import re

MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$:&])")
# What Streamlit changes even in escaped text: two hyphens to a dash, addresses to links. A word joiner in
# between stops it.
JOINED = re.compile(r"-(?=-)|:(?=//)|www(?=\.)|(?<=\w)(?=@\w)")
WORD_JOINER = "\u2060"


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


def plain(text: str) -> str:
    """Return text that Markdown shows as it is: nothing in it becomes markup, a link, an image or a dash."""
    joined = JOINED.sub(lambda match: match[0] + WORD_JOINER, " ".join(text.split()))
    return MARKDOWN.sub(r"\\\1", joined)


def unmarked(text: str) -> str:
    """Return text that plotly shows as it is: it takes tags, links among them, for its own markup."""
    return html.escape(text, quote=False)


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
