"""Charts of curves and points. Each takes plain data and returns a plotly figure."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from src.accuracy.gate import MISSES
from src.accuracy.known_accuracy import Known
from src.figures.run import Result
from src.references.cost import Offer
from src.references.reference import Reference
from src.store.trends import Point
from src.ui import style
from src.ui.charts import LEGEND_ABOVE, draw_references, whiskers
from src.ui.format import unmarked
from src.words import interval


def length_lines(rows: list[Result], stored: Sequence[Reference]) -> go.Figure:
    """Return latency against sequence length, a line per engine, both axes logarithmic; stored numbers as
    hollow diamonds, those of a GPU as squares.

    `rows` are results of one batch size, thread count and scope.
    """
    figure = go.Figure()
    for engine in dict.fromkeys(row.engine for row in rows):
        own = sorted((row for row in rows if row.engine == engine), key=lambda row: row.sequence_length)
        values = [row.figure_ms or 0.0 for row in own]
        spans = [row.median_ci95_ms or (value, value) for row, value in zip(own, values, strict=True)]
        spec = style.known(engine)
        figure.add_scatter(
            name=unmarked(own[0].title),
            x=[row.sequence_length for row in own],
            y=values,
            mode="lines+markers",
            line={"color": style.engine_colour(engine), "dash": style.DASHES.get(spec.precision, "solid")},
            marker={"symbol": style.marker(spec), "size": 8},
            error_y=whiskers(values, spans),
            customdata=[interval(*span) for span in spans],
            hovertemplate="%{fullData.name}, %{x} tokens: %{y:.3g} ms (%{customdata})<extra></extra>",
        )
    for card in dict.fromkeys(reference.card for reference in stored):
        there = [reference for reference in stored if reference.card == card]
        figure.add_scatter(
            name=f"Infinity{f' on {card}' if card else ''} (stored, 2021)",
            x=[reference.sequence_length for reference in there],
            y=[reference.value for reference in there],
            mode="markers",
            marker={
                "symbol": "square-open" if card else "diamond-open",
                "size": 13,
                "color": [style.stored(reference.sequence_length) for reference in there],
                "line": {"width": 2.5},
            },
            customdata=[unmarked(reference.hardware) for reference in there],
            hovertemplate="Infinity, stored, %{x} tokens: %{y:.3g} ms (%{customdata})<extra></extra>",
        )
    lengths = sorted(
        {
            *(row.sequence_length for row in rows),
            *(reference.sequence_length for reference in stored if reference.sequence_length),
        }
    )
    figure.update_layout(
        height=460,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend=LEGEND_ABOVE,
        xaxis={"type": "log", "title": "Sequence length in tokens", "tickvals": lengths, "ticktext": lengths},
        yaxis={"type": "log", "title": "Latency in ms (lower is better)", "automargin": True},
    )
    return figure


QUANTILES = np.linspace(0, 1, 201)


def distribution(samples_ms: dict[str, list[float]], titles: dict[str, str]) -> go.Figure:
    """Return the share of calls that took at most so long, a line per engine, from raw samples in ms."""
    figure = go.Figure()
    for engine, calls in samples_ms.items():
        spec = style.known(engine)
        figure.add_scatter(
            name=f"{unmarked(titles.get(engine, engine))} ({len(calls):,} calls)",
            x=np.quantile(calls, QUANTILES).tolist(),
            y=(100 * QUANTILES).tolist(),
            mode="lines",
            line={
                "color": style.engine_colour(engine),
                "dash": style.DASHES.get(spec.precision, "solid"),
                "shape": "hv",
            },
            hovertemplate="%{y:.0f} % of calls took at most %{x:.3g} ms<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        height=460,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend=LEGEND_ABOVE,
        xaxis={
            "type": "log",
            "title": "Latency of a call in ms (further left is better)",
            "automargin": True,
        },
        yaxis={"title": "Calls that took at most so long, %", "range": [0, 101]},
    )
    return figure


SUBJECT = ("", "", "weights ", "", "")  # what stands before a part of a series' name


def trend(points: list[Point]) -> go.Figure:
    """Return one engine's latency of one case over time, a line per host, weights, artifact and runtime."""
    figure = go.Figure()
    series = list(dict.fromkeys(point.subject for point in points))
    names = {point.host_id: point.host for point in points}
    differing = [part for part in range(1, 5) if len({subject[part] for subject in series}) > 1]
    for number, subject in enumerate(series):
        own = [point for point in points if point.subject == subject]
        # The name alone, where that is enough.
        name = names[subject[0]]
        if list(names.values()).count(name) > 1:
            name += f", {own[0].cpu}"
        name += "".join(f", {SUBJECT[part]}{subject[part]}" for part in differing)
        values = [point.median_ms for point in own]
        spans = [(point.low_ms or point.median_ms, point.high_ms or point.median_ms) for point in own]
        colour = style.COLOURS[number % len(style.COLOURS)]
        figure.add_scatter(
            name=unmarked(name),
            x=[point.started_at for point in own],
            y=values,
            mode="lines+markers",
            line={"color": colour, "width": 1},
            marker={
                "size": 9,
                "color": colour,
                "symbol": [trend_symbol(point) for point in own],
            },
            error_y=whiskers(values, spans),
            customdata=[
                [point.run_id, point.verdict or "not judged", interval(*span)]
                for point, span in zip(own, spans, strict=True)
            ],
            hovertemplate="%{customdata[0]}: %{y:.3g} ms (%{customdata[2]}), %{customdata[1]}"
            "<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        height=380,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend=LEGEND_ABOVE,
        showlegend=True,
        xaxis={"title": "Time of the run (UTC)", "type": "date"},
        yaxis={"title": "Median latency in ms (lower is better)", "rangemode": "tozero", "automargin": True},
    )
    return figure


def trend_symbol(point: Point) -> str:
    symbol = "circle" if point.verdict == "valid" else "x"
    return f"{symbol}-open" if point.source == "imported" else symbol


def pareto(points: Sequence[tuple[Result, Known]], stored: Sequence[Reference]) -> go.Figure:
    """Return accuracy against latency, a point an engine, with both intervals; the line joins the engines
    that no other beats in both. Those that miss the gate are crossed out by their marker.

    `points` are results of one case, each with what is known of its accuracy, figures among it.
    """
    figure = go.Figure()
    ordered = sorted(
        ((result, result.figure_ms or 0.0, known, known.accuracy or 0.0) for result, known in points),
        key=lambda point: (point[1], -point[3]),
    )
    front: list[tuple[float, float]] = []
    for _, value, _, accuracy in ordered:
        if not front or accuracy > front[-1][1]:
            front.append((value, accuracy))
    figure.add_scatter(
        name="not beaten in both",
        x=[value for value, _ in front],
        y=[100 * accuracy for _, accuracy in front],
        mode="lines",
        line={"color": style.NEUTRAL, "shape": "hv", "width": 1.5},
        hoverinfo="skip",
    )
    for result, value, known, accuracy in ordered:
        spec, span = style.known(result.engine), result.median_ci95_ms or (value, value)
        missed = known.state == MISSES
        edges = known.ci95 or (accuracy, accuracy)
        figure.add_scatter(
            name=unmarked(result.title) + (", misses the gate" if missed else ""),
            x=[value],
            y=[100 * accuracy],
            mode="markers",
            marker={
                "symbol": "x" if missed else style.marker(spec),
                "size": 11,
                "color": style.engine_colour(result.engine),
            },
            error_x=whiskers([value], [span]),
            customdata=[[interval(*span), *(100 * edge for edge in edges), unmarked(known.dataset)]],
            hovertemplate="%{fullData.name}: %{x:.3g} ms (%{customdata[0]}), %{y:.2f} % "
            "(%{customdata[1]:.1f}–%{customdata[2]:.1f}) on %{customdata[3]}<extra></extra>",
        )
    draw_references(figure, stored)
    figure.update_layout(
        height=460,
        margin={"l": 0, "r": 8, "t": 24, "b": 0},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"},
        xaxis={"type": "log", "title": "Latency in ms (further left is better)", "automargin": True},
        yaxis={"title": "Accuracy in % (higher is better)", "automargin": True},
    )
    return figure


def costs(offers: dict[str, Offer], loads: Sequence[float], engine: str) -> go.Figure:
    """Return yearly cost against requests a year, in whole machines: the stock engine solid, Infinity
    dashed.
    """
    figure = go.Figure()
    for number, (name, offer) in enumerate(offers.items()):
        figure.add_scatter(
            name=unmarked(name),
            x=list(loads),
            y=[offer.per_year(load) for load in loads],
            mode="lines",
            line={
                "color": style.STORED[16] if number else style.engine_colour(engine),
                "dash": "dash" if number else "solid",
                "width": 2.5,
                "shape": "hv",
            },
            hovertemplate="%{fullData.name}, %{x:.3s} requests a year: $%{y:,.0f}<extra></extra>",
        )
    figure.update_layout(
        height=420,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend=LEGEND_ABOVE,
        xaxis={
            "type": "log",
            "title": "Requests a year",
            "automargin": True,
            "exponentformat": "power",
            "dtick": 1,
        },
        yaxis={
            "type": "log",
            "title": "USD a year (lower is better)",
            "automargin": True,
            "tickprefix": "$",
            "dtick": 1,
        },
    )
    return figure
