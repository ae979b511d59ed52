"""Charts of shares: accuracies, and what engines lose of FP32's."""

from typing import Any

import plotly.graph_objects as go

from src.ui import style
from src.ui.charts import whiskers


def accuracies(rows: list[dict[str, Any]]) -> go.Figure:
    """Return each engine's accuracy with its interval, the best on top.

    `rows` are engines of an accuracy result (bench/accuracy.py).
    """
    ordered = sorted(rows, key=lambda row: row["accuracy"])
    spans = [(row["ci95"][0], row["ci95"][1]) for row in ordered]
    return shares(ordered, [row["accuracy"] for row in ordered], spans, "Accuracy in % (higher is better)")


def drops(rows: list[dict[str, Any]], allowed: float) -> go.Figure:
    """Return how much of FP32's accuracy each engine loses, with the bounds that the gate is judged by; the
    least on top. The gate, a drop of `allowed`, is a dashed line.

    `rows` are engines of an accuracy result that have a gate (bench/gate.py).
    """
    ordered = sorted(rows, key=lambda row: -row["gate"]["drop"])
    gates = [row["gate"] for row in ordered]
    spans = [(gate["low"], gate["high"]) for gate in gates]
    title = "Drop from PyTorch FP32's accuracy in % (lower is better)"
    figure = shares(ordered, [gate["drop"] for gate in gates], spans, title)
    figure.add_vline(
        x=100 * allowed,
        line={"color": style.NEUTRAL, "dash": "dash", "width": 2},
        annotation={"text": f"gate: {100 * allowed:g} %", "font": {"size": 12}},
    )
    return figure


def shares(
    rows: list[dict[str, Any]], values: list[float], spans: list[tuple[float, float]], title: str
) -> go.Figure:
    """Return a share of each engine, in percent, with its interval."""
    percent = [100 * value for value in values]
    figure = go.Figure()
    figure.add_scatter(
        x=percent,
        y=[style.known(row["engine"]).title for row in rows],
        mode="markers",
        marker={
            "symbol": [style.marker(style.known(row["engine"])) for row in rows],
            "color": [style.engine_colour(row["engine"]) for row in rows],
            "size": 10,
        },
        error_x=whiskers(percent, [(100 * low, 100 * high) for low, high in spans]),
        customdata=[f"{100 * low:.2f} to {100 * high:.2f}" for low, high in spans],
        hovertemplate="%{y}: %{x:.2f} % (%{customdata})<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(
        height=110 + 24 * len(rows),
        margin={"l": 0, "r": 8, "t": 24, "b": 0},
        xaxis={"title": title, "automargin": True},
        yaxis={"automargin": True, "title": None},
    )
    return figure
