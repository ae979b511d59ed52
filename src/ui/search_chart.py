"""The picture of a search: accuracy against latency, each configuration a point as large as its memory."""

from collections.abc import Sequence

import plotly.graph_objects as go

from src.references.reference import Reference
from src.search.points import Point
from src.ui import style
from src.ui.charts import draw_references
from src.ui.format import many, unmarked

LEAST_PX, MOST_PX = 9.0, 26.0


def sizes(points: Sequence[Point]) -> list[float]:
    """Return markers' sizes whose areas are in proportion to memory, within limits."""
    most = max((point.memory_mb or 0.0 for point in points), default=0.0)
    shares = [(point.memory_mb or 0.0) / most if most else 0.0 for point in points]
    return [max(LEAST_PX, MOST_PX * share**0.5) for share in shares]


def picture(points: Sequence[Point], stored: Sequence[Reference]) -> go.Figure:
    """Return the chart. What ties is in a band; hollow points were raced and not confirmed. Those whose
    accuracy has no figure stand on a line of their own, below.
    """
    figure = go.Figure()
    accuracies = [point.accuracy.accuracy for point in points if point.accuracy and point.accuracy.accuracy]
    below = 100 * min(accuracies, default=0.9) - 0.2
    above = 100 * max(accuracies, default=0.9) + 0.5
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
                y=[height(point, below) for point in own],
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
            "title": "Accuracy in % (higher is better)",
            "automargin": True,
            "range": [below - 0.3, above],  # or a hundredth of a percent looks like much
        },
    )
    return figure


def height(point: Point, below: float) -> float:
    known = point.accuracy
    return 100 * known.accuracy if known and known.accuracy else below


def symbol(point: Point) -> str:
    return style.marker(style.known(point.engine)) + ("" if point.confirmed else "-open")


def told(point: Point) -> str:
    """Return what a point says beside its latency."""
    known = point.accuracy
    parts = [
        f"{known.accuracy:.2%} of {many(known.n, 'sentence')}"
        if known and known.accuracy
        else "its accuracy is FP32's by definition"
        if known
        else "accuracy not known",
        f"{point.memory_mb:.0f} MB" if point.memory_mb else "",
        "confirmed" if point.confirmed else f"raced, {many(point.rounds, 'round')}",
    ]
    return ", ".join(part for part in parts if part)
