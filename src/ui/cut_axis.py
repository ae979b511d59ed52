"""How far an axis of latencies reaches: one disturbed engine must not flatten all others to slivers."""

from collections.abc import Sequence
from statistics import median

import plotly.graph_objects as go

from src.ui import style
from src.words import ms

FARTHEST = 6.0  # times the median of the values: what lies beyond is cut, marked, and told


def reach(values: Sequence[float], highs: Sequence[float]) -> float:
    """Return the largest value or end of an interval that an axis from zero should show, in its unit."""
    limit = FARTHEST * median(values)
    inside = [value for value in values if value <= limit]
    return max([*inside, *(min(high, limit) for high in highs)])


def mark_cut(
    figure: go.Figure, names: Sequence[str], values: Sequence[float], highs: Sequence[float], right: float
) -> None:
    """Mark the horizontal bars whose value (ms) or whisker runs out of an axis that ends at `right`."""
    for name, value, high in zip(names, values, highs, strict=True):
        if max(value, high) > right:
            text = f"{ms(value)} ▸" if value > right else f"to {ms(high)} ▸"
            figure.add_annotation(
                x=right,
                y=name,
                text=text,
                xanchor="right",
                showarrow=False,
                font={"size": 12, "color": "#0F172A"},  # on its own ground, whatever the theme and the bar
                bgcolor="#FFFFFF",
                bordercolor=style.NEUTRAL,
            )
