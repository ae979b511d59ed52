"""The chart of a time line: releases from left to right, a line a file or engine, its steps named."""

from collections.abc import Collection, Mapping, Sequence

import plotly.graph_objects as go

from src import releases
from src.figures.steps import Step, changed_at
from src.figures.timeline import Line
from src.references.reference import Reference
from src.ui import style
from src.ui.charts import LEGEND_ABOVE, whiskers
from src.ui.format import unmarked
from src.words import interval, ms

RATIO, LATENCY = "Ratio to the newest", "Latency"
TICKS = (0.25, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4)
HEIGHT_PX = 500
MOST_TICKS = 16  # that can be read beside each other on a phone
RING_PX = 3  # around a release whose answers changed
STEPS_PX = 60  # above the lines, for what is written of steps


def chart(
    lines: Sequence[Line],
    found: Sequence[Step],
    versions: Sequence[str],
    days: Mapping[str, str],
    view: str = RATIO,
    stored: Sequence[Reference] = (),
) -> go.Figure:
    """Return lines of one case through `versions`, oldest first: their ratio to the newest release, or their
    latency in ms. `days` tell when releases came out, where that is known; `stored` may stand beside latency.
    """
    figure = go.Figure()
    for number, line in enumerate(lines):
        draw_line(figure, number, line, days, view)
    name_steps(figure, lines, found, versions)
    for reference in stored if view == LATENCY else ():
        figure.add_hline(
            y=reference.value,
            line={"color": style.stored(reference.sequence_length), "width": 2.5, "dash": "dash"},
            annotation_text=f"{unmarked(reference.title)}: {ms(reference.value)} (stored, 2021)",
        )
    shown = named(versions)
    figure.update_layout(
        height=HEIGHT_PX,
        margin={"l": 0, "r": 8, "t": STEPS_PX, "b": 0},
        legend={**LEGEND_ABOVE, "y": 1.02 + STEPS_PX / HEIGHT_PX},
        xaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": list(versions),
            "tickvals": shown,
            "ticktext": [tick(version, days) for version in shown],
            "title": f"Release{' and its month' if days.keys() & set(shown) else ''}, oldest first",
            "tickangle": -60,
            "automargin": True,
        },
        yaxis={"type": "log", "automargin": True, "title": "Latency in ms (lower is better)"},
    )
    if view == RATIO:
        figure.add_hline(y=1, line={"color": style.NEUTRAL, "dash": "dot", "width": 1})
        title = "Latency ÷ that of the newest release (below 1 is faster)"
        figure.update_yaxes(title=title, tickvals=TICKS, ticktext=[f"×{tick:g}" for tick in TICKS])
    return figure


def draw_line(figure: go.Figure, number: int, line: Line, days: Mapping[str, str], view: str) -> None:
    """Draw line `number` of a chart: a point for each release that counts, ringed where answers changed."""
    points = [point for point in line.points if point.counts and point.ratio and point.median_ms]
    if view == RATIO:
        ratios = [point.ratio for point in points if point.ratio]
        values = [ratio.ratio for ratio in ratios]
        spans = [ratio.ci95 or (ratio.ratio, ratio.ratio) for ratio in ratios]
        what = "×%{y:.3f} (%{customdata[0]}), %{customdata[1]}"
    else:
        values = [point.median_ms or 0.0 for point in points]
        spans = [point.ci95_ms or (value, value) for point, value in zip(points, values, strict=True)]
        what = "%{y:.3g} ms (%{customdata[0]})"
    symbol, changed = style.marker(style.known(line.row)), changed_at(line)
    figure.add_scatter(
        name=unmarked(line.title),
        x=[point.version for point in points],
        y=values,
        mode="lines+markers",
        line={"color": colour(number), "width": 2, "shape": "hvh"},
        marker={
            "size": 8,
            "color": colour(number),
            "symbol": [symbol if point.verdict == "valid" else f"{symbol}-open" for point in points],
            "line": {
                "color": style.NEUTRAL,
                "width": [RING_PX if point.version in changed else 0 for point in points],
            },
        },
        error_y=whiskers(values, spans),
        customdata=[
            [
                interval(*span),
                ms(point.median_ms or 0.0),
                point.verdict + (", answers changed" if point.version in changed else ""),
                days.get(point.version, ""),
            ]
            for point, span in zip(points, spans, strict=True)
        ],
        hovertemplate="%{x} %{customdata[3]}: " + what + ", %{customdata[2]}<extra>%{fullData.name}</extra>",
    )


def named(versions: Sequence[str]) -> list[str]:
    """Return which releases stand at the axis: all, or of many some first ones of a minor version, so far
    apart that they can be read, and the newest.
    """
    if len(versions) <= MOST_TICKS:
        return list(versions)
    minors = [releases.order(version)[:2] for version in versions]
    firsts = [place for place, minor in enumerate(minors) if minor not in minors[:place]]
    shown = [len(versions) - 1]
    for place in reversed(firsts):
        if shown[-1] - place >= len(versions) / MOST_TICKS:
            shown.append(place)
    return [versions[place] for place in reversed(shown)]


def tick(version: str, days: Mapping[str, str]) -> str:
    """Return what stands at the axis for a release: its number and month, where that is known."""
    return f"{version} · {days[version][:7]}" if version in days else version


def name_steps(
    figure: go.Figure, lines: Sequence[Line], found: Sequence[Step], versions: Sequence[str]
) -> None:
    """Write above each release with steps what they took, in the colours of their lines; “?” where that was
    not repeated yet. What fresh processes did not confirm is not named.
    """
    words: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        for step in found:
            if (step.row, step.case) == (line.row, line.case) and step.confirmed is not False:
                text = f"×{step.ratio:.2f}" if step.confirmed else "?"
                words.setdefault(step.after, []).append(f'<span style="color:{colour(number)}">{text}</span>')
    for version, texts in words.items():
        figure.add_annotation(
            x=version,
            y=1,
            yref="paper",
            yanchor="bottom",
            xanchor=anchor(version, words, versions),
            text="<br>".join(texts),
            showarrow=False,
            font={"size": 11},
        )
        figure.add_shape(
            type="line",
            x0=version,
            x1=version,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": style.NEUTRAL, "width": 1, "dash": "dot"},
            layer="below",
        )


def anchor(version: str, words: Collection[str], versions: Sequence[str]) -> str:
    """Return on which side of a release its words end, so that they leave room for those of its neighbour."""
    place = list(versions).index(version)
    if versions[place + 1 : place + 2] and versions[place + 1] in words:
        return "right"
    return "left" if place and versions[place - 1] in words else "center"


def colour(number: int) -> str:
    """Return the colour of a line: all are of one runtime, whose colour would tell none from another."""
    return style.COLOURS[number % len(style.COLOURS)]
