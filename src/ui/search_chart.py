"""The picture of a search: the accuracy that is lost, against latency; the area of a point is its memory."""

from collections.abc import Sequence

import plotly.graph_objects as go

from src.references.reference import Reference
from src.search.points import Point
from src.ui import style
from src.ui.charts import draw_references
from src.ui.format import unmarked
from src.words import many

LEAST_PX, MOST_PX = 9.0, 26.0


def sizes(points: Sequence[Point]) -> list[float]:
    """Return markers' sizes whose areas are in proportion to memory, within limits."""
    most = max((point.memory_mb or 0.0 for point in points), default=0.0)
    shares = [(point.memory_mb or 0.0) / most if most else 0.0 for point in points]
    return [max(LEAST_PX, MOST_PX * share**0.5) for share in shares]


def picture(points: Sequence[Point], stored: Sequence[Reference]) -> go.Figure:
    """Return the chart. What ties is in a band; hollow points were raced and not confirmed. What is lost is
    that of paired sentences, so that points of different sentences may stand beside each other.
    """
    figure = go.Figure()
    drops = [drop(point) for point in points]
    ties = [point.ms for point in points if point.tied]
    if ties:
        figure.add_vrect(
            x0=min(ties) / 1.003,
            x1=max(ties) * 1.003,
            fillcolor=style.NEUTRAL,
            opacity=0.18,
            line_width=0,
            name=f"not told apart ({len(ties)})",
            showlegend=True,
        )
    runtimes = list(dict.fromkeys(style.known(point.engine).runtime for point in points))
    sized = dict(zip((point.engine for point in points), sizes(points), strict=True))
    for runtime in runtimes:
        for confirmed in (True, False):
            own = [
                point
                for point in points
                if style.known(point.engine).runtime == runtime and point.confirmed == confirmed
            ]
            if not own:
                continue
            figure.add_scatter(
                name=unmarked(runtime) + ("" if confirmed else ", raced only"),
                x=[point.ms for point in own],
                y=[drop(point) for point in own],
                mode="markers",
                marker={
                    "symbol": [symbol(point) for point in own],
                    "size": [sized[point.engine] for point in own],
                    "color": style.engine_colour(own[0].engine),
                    "line": {"width": 1.5, "color": style.engine_colour(own[0].engine)},
                },
                customdata=[[unmarked(point.engine), told(point)] for point in own],
                hovertemplate="%{customdata[0]}: %{x:.3g} ms, %{customdata[1]}<extra></extra>",
            )
    draw_references(figure, stored)
    figure.update_layout(
        height=460,
        margin={"l": 0, "r": 8, "t": 24, "b": 0},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"},
        xaxis={"type": "log", "title": "Latency in ms (further left is better)", "automargin": True},
        yaxis={
            "title": "Accuracy lost against FP32 in % (less is better)",
            "automargin": True,
            # Better is up; a hundredth of a percent must not look like much.
            "range": [max([1.0, *drops]) + 0.3, min([0.0, *drops]) - 0.3],
        },
    )
    return figure


def drop(point: Point) -> float:
    """Return the percentage of FP32's accuracy that a configuration loses: of FP32 itself none."""
    return 100 * ((point.accuracy and point.accuracy.drop) or 0.0)


def symbol(point: Point) -> str:
    return style.marker(style.known(point.engine)) + ("" if point.confirmed else "-open")


def told(point: Point) -> str:
    """Return what a point says beside its latency."""
    known = point.accuracy
    parts = [
        f"{known.accuracy:.2%} of {many(known.n, 'sentence')} right, {known.drop:.2%} lost against FP32"
        if known and known.accuracy and known.drop is not None
        else "what accuracy is held against",
        f"{point.memory_mb:.0f} MB" if point.memory_mb else "",
        "confirmed" if point.confirmed else f"raced, {many(point.rounds, 'round')}",
    ]
    return ", ".join(part for part in parts if part)
