"""Charts. Each takes plain data and returns a plotly figure."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from src.bench.gate import MISSES
from src.bench.results import figure_ms
from src.engines import registry
from src.references.cost import Offer
from src.store.trends import Point
from src.ui import cut_axis, style
from src.ui.format import interval, many, ms, unmarked

ROW_PX = 46
LEGEND_ABOVE = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}
TOO_FAR = 8  # times the slowest bar: a stored number beyond would squeeze the bars, and is named, not drawn


def latency_bars(rows: list[dict[str, Any]], stored: list[dict[str, Any]]) -> go.Figure:
    """Return horizontal bars, fastest on top: pale pipeline, solid model in front of it, stored numbers as
    lines.

    `rows` are the engines of an answer's JSON sorted by pipeline latency; `stored` what stands beside it.
    """
    specs = [registry.get(row["engine"]) for row in rows]
    titles = [spec.title for spec in specs]
    colours = [style.colour(spec) for spec in specs]
    pipeline = [row["pipeline"] for row in rows]
    values = [cell["median_ms"] for cell in pipeline]
    figure = go.Figure()
    figure.add_bar(
        name="pipeline",
        y=titles,
        x=values,
        orientation="h",
        marker={"color": colours, "opacity": 0.4},
        error_x=whiskers(values, [cell["ci95_ms"] for cell in pipeline]),
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
    finish_bars(figure, titles, values, [cell["ci95_ms"][1] for cell in pipeline], stored)
    figure.update_layout(barmode="overlay")
    return figure


def finish_bars(
    figure: go.Figure,
    names: Sequence[str],
    values: Sequence[float],
    highs: Sequence[float],
    stored: Sequence[dict[str, Any]],
) -> None:
    """Add the stored numbers as dashed lines to horizontal bars of latency (ms), and lay them out."""
    longest = cut_axis.reach(values, highs)
    shown = [one for one in stored if one["value"] < TOO_FAR * longest]
    right = max([longest, *(one["value"] for one in shown)]) * 1.12
    cut_axis.mark_cut(figure, names, values, highs, right)
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
        bargap=0.35,
        height=140 + ROW_PX * len(names),
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend=LEGEND_ABOVE,
        xaxis={"title": "Latency in ms (lower is better)", "range": [0, right], "automargin": True},
        yaxis={"autorange": "reversed", "automargin": True, "title": None},
    )
    figure.update_traces(showlegend=False, selector={"type": "bar"})


def run_bars(rows: list[dict[str, Any]], stored: Sequence[dict[str, Any]]) -> go.Figure:
    """Return horizontal bars of one case, fastest on top, with 95 % intervals; noisy ones are hatched.

    `rows` are results that have a figure, sorted; `stored` what stands beside them.
    """
    titles = [unmarked(row["facts"]["title"]) for row in rows]
    values = [figure_ms(row) or 0.0 for row in rows]
    spans = [row["median_ci95_ms"] or (value, value) for row, value in zip(rows, values, strict=True)]
    figure = go.Figure()
    figure.add_bar(
        name="measured",
        y=titles,
        x=values,
        orientation="h",
        marker={
            "color": [style.engine_colour(row["engine"]) for row in rows],
            "pattern": {"shape": ["" if row["verdict"] == "valid" else "/" for row in rows], "size": 6},
        },
        error_x=whiskers(values, spans),
        text=[ms(value) for value in values],
        textposition="inside",
        insidetextanchor="start",
        textangle=0,  # a short bar on a phone would turn its figure
        insidetextfont={"color": "#FFFFFF"},
        customdata=[
            [interval(*span), row["verdict"] or "not judged"] for row, span in zip(rows, spans, strict=True)
        ],
        hovertemplate="%{y}: %{x:.3g} ms (%{customdata[0]}), %{customdata[1]}<extra></extra>",
    )
    finish_bars(figure, titles, values, [high for _, high in spans], stored)
    return figure


def whiskers(values: Sequence[float], spans: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return plotly's error bars for intervals [low, high] around values."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, (_, high) in zip(values, spans, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, spans, strict=True)],
        "color": style.NEUTRAL,
        "thickness": 1.5,
        "width": 5,
    }


def length_lines(rows: list[dict[str, Any]], stored: Sequence[dict[str, Any]]) -> go.Figure:
    """Return latency against sequence length, a line per engine, both axes logarithmic; stored numbers as
    hollow diamonds.

    `rows` are results of one batch size, thread count and scope.
    """
    figure = go.Figure()
    for engine in dict.fromkeys(row["engine"] for row in rows):
        own = sorted((row for row in rows if row["engine"] == engine), key=lambda row: row["sequence_length"])
        values = [figure_ms(row) or 0.0 for row in own]
        spans = [row["median_ci95_ms"] or (value, value) for row, value in zip(own, values, strict=True)]
        spec = style.known(engine)
        figure.add_scatter(
            name=unmarked(own[0]["facts"]["title"]),
            x=[row["sequence_length"] for row in own],
            y=values,
            mode="lines+markers",
            line={"color": style.engine_colour(engine), "dash": style.DASHES.get(spec.precision, "solid")},
            marker={"symbol": style.marker(spec), "size": 8},
            error_y=whiskers(values, spans),
            customdata=[interval(*span) for span in spans],
            hovertemplate="%{fullData.name}, %{x} tokens: %{y:.3g} ms (%{customdata})<extra></extra>",
        )
    if stored:
        figure.add_scatter(
            name="Infinity (stored, 2021)",
            x=[one["sequence_length"] for one in stored],
            y=[one["value"] for one in stored],
            mode="markers",
            marker={
                "symbol": "diamond-open",
                "size": 13,
                "color": [style.STORED[one["sequence_length"]] for one in stored],
                "line": {"width": 2.5},
            },
            hovertemplate="Infinity, stored, %{x} tokens: %{y:.3g} ms<extra></extra>",
        )
    lengths = sorted({row["sequence_length"] for row in rows} | {one["sequence_length"] for one in stored})
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


def live_ratios(rows: list[dict[str, Any]], baseline: str) -> go.Figure:
    """Return each cell's ratio to the baseline with its interval, as it stands while a run goes on."""
    shown = [(row, row["ratios"][baseline]) for row in rows if row["ratios"].get(baseline)]
    threads = len({row["threads"] for row in rows}) > 1
    ratios = [ratio["ratio"] for _, ratio in shown]
    spans = [ratio["ci95"] or (ratio["ratio"], ratio["ratio"]) for _, ratio in shown]
    figure = go.Figure()
    figure.add_scatter(
        x=ratios,
        y=[f"{unmarked(row['title'])}, {case_words(row, threads)}" for row, _ in shown],
        mode="markers",
        marker={
            "color": [style.engine_colour(row["engine"]) for row, _ in shown],
            "symbol": [style.marker(style.known(row["engine"])) for row, _ in shown],
            "size": 9,
        },
        error_x=whiskers(ratios, spans),
        customdata=[interval(*span) for span in spans],
        hovertemplate="%{y}: ×%{x:.3f} (%{customdata})<extra></extra>",
        showlegend=False,
    )
    figure.add_vline(x=1, line={"color": style.NEUTRAL, "dash": "dot"})
    figure.update_layout(
        height=110 + 24 * len(shown),
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        xaxis={"title": f"Ratio to {style.known(baseline).title} (below 1 is faster)", "automargin": True},
        yaxis={"autorange": "reversed", "automargin": True, "title": None},
    )
    return figure


def case_words(row: dict[str, Any], threads: bool = False) -> str:
    """Return a case in a few words: what is usual is left out, and the threads unless asked for."""
    batch = "" if row["batch_size"] == 1 else f", batch {row['batch_size']}"
    used = f", {many(row['threads'], 'thread')}" if threads else ""
    return f"{row['sequence_length']} tokens{batch}{used}, {row['scope']}"


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


def pareto(rows: list[dict[str, Any]], stored: Sequence[dict[str, Any]]) -> go.Figure:
    """Return accuracy against latency, a point an engine, with both intervals; the line joins the engines
    that no other beats in both. Those that miss the gate are crossed out by their marker.

    `rows` are results of one case, each with `known`, the JSON of a bench/known_accuracy.py Known.
    """
    figure = go.Figure()
    ordered = sorted(rows, key=lambda row: (figure_ms(row) or 0.0, -row["known"]["accuracy"]))
    front: list[dict[str, Any]] = []
    for row in ordered:
        if not front or row["known"]["accuracy"] > front[-1]["known"]["accuracy"]:
            front.append(row)
    figure.add_scatter(
        name="not beaten in both",
        x=[figure_ms(row) for row in front],
        y=[100 * row["known"]["accuracy"] for row in front],
        mode="lines",
        line={"color": style.NEUTRAL, "shape": "hv", "width": 1.5},
        hoverinfo="skip",
    )
    for row in ordered:
        spec, value, told = style.known(row["engine"]), figure_ms(row) or 0.0, row["known"]
        span = row["median_ci95_ms"] or (value, value)
        missed = told["state"] == MISSES
        figure.add_scatter(
            name=unmarked(row["facts"]["title"]) + (", misses the gate" if missed else ""),
            x=[value],
            y=[100 * told["accuracy"]],
            mode="markers",
            marker={
                "symbol": "x" if missed else style.marker(spec),
                "size": 11,
                "color": style.engine_colour(row["engine"]),
            },
            error_x=whiskers([value], [span]),
            customdata=[[interval(*span), *(100 * edge for edge in told["ci95"]), unmarked(told["dataset"])]],
            hovertemplate="%{fullData.name}: %{x:.3g} ms (%{customdata[0]}), %{y:.2f} % "
            "(%{customdata[1]:.1f}–%{customdata[2]:.1f}) on %{customdata[3]}<extra></extra>",
        )
    for one in stored:
        colour = style.STORED[one["sequence_length"]]
        figure.add_shape(
            type="line",
            x0=one["value"],
            x1=one["value"],
            y0=0,
            y1=1,
            yref="paper",
            line={"color": colour, "dash": "dash", "width": 2},
            name=f"Infinity, {one['sequence_length']} tokens: {ms(one['value'])} (stored, 2021)",
            showlegend=True,
        )
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


def trend_symbol(point: Point) -> str:
    symbol = "circle" if point.verdict == "valid" else "x"
    return f"{symbol}-open" if point.source == "imported" else symbol
