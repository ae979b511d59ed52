"""The chart of a time line: releases from left to right, a line a file or engine, its steps named."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from src.figures.steps import Step
from src.figures.timeline import Line
from src.references.reference import Reference
from src.ui import style
from src.ui.charts import LEGEND_ABOVE, whiskers
from src.ui.format import interval, ms, unmarked

RATIO, LATENCY = "Ratio to the newest", "Latency"
TICKS = (0.25, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4)
HEIGHT_PX = 460
RISE_PX = 26  # of a step's words above its point; those of other lines at the same release stand higher


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
    for line in lines:
        points = [point for point in line.points if point.counts and point.ratio and point.median_ms]
        if view == RATIO:
            ratios = [point.ratio for point in points if point.ratio]
            values = [ratio.ratio for ratio in ratios]
            spans = [ratio.ci95 or (ratio.ratio, ratio.ratio) for ratio in ratios]
        else:
            values = [point.median_ms or 0.0 for point in points]
            spans = [point.ci95_ms or (value, value) for point, value in zip(points, values, strict=True)]
        spec = style.known(line.row)
        colour = style.COLOURS[list(lines).index(line) % len(style.COLOURS)]  # all are of one runtime
        figure.add_scatter(
            name=unmarked(line.title),
            x=[point.version for point in points],
            y=values,
            mode="lines+markers",
            line={"color": colour, "width": 2, "shape": "hvh"},
            marker={
                "size": 8,
                "color": colour,
                "symbol": [
                    style.marker(spec) if point.verdict == "valid" else f"{style.marker(spec)}-open"
                    for point in points
                ],
            },
            error_y=whiskers(values, spans),
            customdata=[
                [interval(*span), ms(point.median_ms or 0.0), point.verdict, days.get(point.version, "")]
                for point, span in zip(points, spans, strict=True)
            ],
            hovertemplate="%{x} %{customdata[3]}: "
            + (
                "×%{y:.3f} (%{customdata[0]}), %{customdata[1]}"
                if view == RATIO
                else "%{y:.3g} ms (%{customdata[0]})"
            )
            + ", %{customdata[2]}<extra>%{fullData.name}</extra>",
        )
        own = [step for step in found if (step.row, step.case) == (line.row, line.case)]
        at = dict(zip((point.version for point in points), values, strict=True))
        name_steps(figure, own, at, colour, len([other for other in lines if other.row < line.row]))
    for reference in stored if view == LATENCY else ():
        figure.add_hline(
            y=reference.value,
            line={"color": style.stored(reference.sequence_length), "width": 2.5, "dash": "dash"},
            annotation_text=f"{unmarked(reference.title)}: {ms(reference.value)} (stored, 2021)",
        )
    figure.update_layout(
        height=HEIGHT_PX,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend=LEGEND_ABOVE,
        xaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": list(versions),
            "title": "Release, oldest first",
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


def name_steps(
    figure: go.Figure, found: Sequence[Step], at: Mapping[str, float], colour: str, height: int
) -> None:
    """Write at each step what it took; what did not repeat is not named."""
    from math import log10

    for step in found:
        if step.confirmed is False or step.after not in at:
            continue
        figure.add_annotation(
            x=step.after,
            y=log10(at[step.after]),
            text=f"×{step.ratio:.2f}" + ("" if step.confirmed else "?"),
            showarrow=True,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor=colour,
            ax=0,
            ay=-RISE_PX * (1 + height),
            font={"color": colour},
        )
