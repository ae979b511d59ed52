"""Charts. Each takes plain data and returns a plotly figure."""

from typing import Any

import plotly.graph_objects as go

from src.engines import registry
from src.ui import style
from src.ui.format import interval, ms

ROW_PX = 46
TOO_FAR = (
    8  # a stored number this many times beyond the slowest bar would squeeze the bars: it is named, not drawn
)


def latency_bars(rows: list[dict[str, Any]], stored: list[dict[str, Any]]) -> go.Figure:
    """Return horizontal bars, fastest on top: pale pipeline, solid model in front of it, stored numbers as
    lines.

    `rows` are the engines of an answer's JSON sorted by pipeline latency; `stored` what stands beside it.
    """
    specs = [registry.get(row["engine"]) for row in rows]
    titles = [spec.title for spec in specs]
    colours = [style.colour(spec) for spec in specs]
    pipeline = [row["pipeline"] for row in rows]
    figure = go.Figure()
    figure.add_bar(
        name="pipeline",
        y=titles,
        x=[cell["median_ms"] for cell in pipeline],
        orientation="h",
        marker={"color": colours, "opacity": 0.4},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [cell["ci95_ms"][1] - cell["median_ms"] for cell in pipeline],
            "arrayminus": [cell["median_ms"] - cell["ci95_ms"][0] for cell in pipeline],
            "color": "#64748B",
            "thickness": 1.5,
            "width": 5,
        },
        customdata=[interval(*cell["ci95_ms"]) for cell in pipeline],
        hovertemplate="%{y}, pipeline: %{x:.3g} ms (%{customdata})<extra></extra>",
    )
    figure.add_bar(
        name="model",
        y=titles,
        x=[row["model"]["median_ms"] for row in rows],
        orientation="h",
        marker={"color": colours},
        width=0.4,
        customdata=[interval(*row["model"]["ci95_ms"]) for row in rows],
        hovertemplate="%{y}, model: %{x:.3g} ms (%{customdata})<extra></extra>",
    )
    longest = max(cell["ci95_ms"][1] for cell in pipeline)
    shown = [one for one in stored if one["value"] < TOO_FAR * longest]
    right = max([longest, *(one["value"] for one in shown)]) * 1.12
    for one in shown:
        figure.add_shape(
            type="line",
            x0=one["value"],
            x1=one["value"],
            y0=0,
            y1=1,
            yref="paper",
            line={"color": style.STORED[one["sequence_length"]], "width": 2.5, "dash": "dash"},
            name=f"Infinity, {one['sequence_length']} tokens: {ms(one['value'])} (stored, 2021)",
            showlegend=True,
        )
    figure.update_layout(
        barmode="overlay",
        bargap=0.35,
        height=140 + ROW_PX * len(rows),
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        xaxis={"title": "Latency in ms (lower is better)", "range": [0, right], "automargin": True},
        yaxis={"autorange": "reversed", "automargin": True, "title": None},
    )
    figure.update_traces(showlegend=False, selector={"type": "bar"})
    return figure
