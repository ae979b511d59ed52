"""Charts of shares: accuracies, and what engines lose of FP32's."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from src.accuracy.accuracy_result import EngineAccuracy
from src.ui import style
from src.ui.charts import whiskers


class Share(NamedTuple):
    """A share of one engine with the ends of its interval, 1 being the whole."""

    engine: str
    value: float
    low: float
    high: float


def accuracies(engines: Sequence[EngineAccuracy]) -> go.Figure:
    """Return each engine's accuracy with its interval, the best on top."""
    ordered = sorted(engines, key=lambda engine: engine.accuracy)
    shown = [Share(engine.engine, engine.accuracy, *engine.ci95) for engine in ordered]
    return shares(shown, "Accuracy in % (higher is better)")


def drops(engines: Sequence[EngineAccuracy], allowed: float) -> go.Figure:
    """Return how much of FP32's accuracy each engine loses, with the bounds that the gate is judged by; the
    least on top. The gate, a drop of `allowed`, is a dashed line. Engines without a gate are left out.
    """
    gates = [(engine.engine, engine.gate) for engine in engines if engine.gate]
    shown = [Share(engine, gate.drop, gate.low, gate.high) for engine, gate in gates]
    shown.sort(key=lambda share: -share.value)
    figure = shares(shown, "Drop from PyTorch FP32's accuracy in % (lower is better)")
    figure.add_vline(
        x=100 * allowed,
        line={"color": style.NEUTRAL, "dash": "dash", "width": 2},
        annotation={"text": f"gate: {100 * allowed:g} %", "font": {"size": 12}},
    )
    return figure


def shares(shown: Sequence[Share], title: str) -> go.Figure:
    """Return a share of each engine, in percent, with its interval."""
    percent = [100 * share.value for share in shown]
    spans = [(100 * share.low, 100 * share.high) for share in shown]
    figure = go.Figure()
    figure.add_scatter(
        x=percent,
        y=[style.known(share.engine).title for share in shown],
        mode="markers",
        marker={
            "symbol": [style.marker(style.known(share.engine)) for share in shown],
            "color": [style.engine_colour(share.engine) for share in shown],
            "size": 10,
        },
        error_x=whiskers(percent, spans),
        customdata=[f"{low:.2f} to {high:.2f}" for low, high in spans],
        hovertemplate="%{y}: %{x:.2f} % (%{customdata})<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(
        height=110 + 24 * len(shown),
        margin={"l": 0, "r": 8, "t": 24, "b": 0},
        xaxis={"title": title, "automargin": True},
        yaxis={"automargin": True, "title": None},
    )
    return figure
