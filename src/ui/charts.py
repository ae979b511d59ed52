"""Charts. Each takes plain data and returns a plotly figure."""

from collections.abc import Sequence

import plotly.graph_objects as go

from src.bench.sentence_result import EngineResult
from src.engines import registry
from src.facts import Facts
from src.figures.run import OfCase, Result
from src.jobs.live import LiveCell
from src.references.reference import Reference
from src.ui import cut_axis, style
from src.ui.format import unmarked
from src.words import interval, many, ms

ROW_PX = 46
LEGEND_ABOVE = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
CONFIG = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}
TOO_FAR = 8  # times the slowest bar: a stored number beyond would squeeze the bars, and is named, not drawn


def latency_bars(engines: Sequence[EngineResult], stored: Sequence[Reference]) -> go.Figure:
    """Return horizontal bars, fastest on top: pale pipeline, solid model in front of it, stored numbers as
    lines.

    `engines` are sorted by pipeline latency; `stored` is what stands beside them.
    """
    specs = [registry.get(engine.engine) for engine in engines]
    titles = [spec.title for spec in specs]
    colours = [style.colour(spec) for spec in specs]
    pipeline = [engine.pipeline for engine in engines]
    model = [engine.model for engine in engines]
    values = [latency.median_ms for latency in pipeline]
    figure = go.Figure()
    figure.add_bar(
        name="pipeline",
        y=titles,
        x=values,
        orientation="h",
        marker={"color": colours, "opacity": 0.4},
        error_x=whiskers(values, [latency.ci95_ms for latency in pipeline]),
        customdata=[interval(*latency.ci95_ms) for latency in pipeline],
        hovertemplate="%{y}, pipeline: %{x:.3g} ms (%{customdata})<extra></extra>",
    )
    figure.add_bar(
        name="model",
        y=titles,
        x=[latency.median_ms for latency in model],
        orientation="h",
        marker={"color": colours},
        width=0.4,
        customdata=[interval(*latency.ci95_ms) for latency in model],
        hovertemplate="%{y}, model: %{x:.3g} ms (%{customdata})<extra></extra>",
    )
    finish_bars(figure, titles, values, [latency.ci95_ms[1] for latency in pipeline], stored)
    figure.update_layout(barmode="overlay")
    return figure


def finish_bars(
    figure: go.Figure,
    names: Sequence[str],
    values: Sequence[float],
    highs: Sequence[float],
    stored: Sequence[Reference],
) -> None:
    """Add the stored numbers as dashed lines to horizontal bars of latency (ms), and lay them out."""
    longest = cut_axis.reach(values, highs)
    shown = [reference for reference in stored if reference.value < TOO_FAR * longest]
    right = max([longest, *(reference.value for reference in shown)]) * 1.12
    cut_axis.mark_cut(figure, names, values, highs, right)
    draw_references(figure, shown)
    figure.update_layout(
        bargap=0.35,
        height=140 + ROW_PX * len(names),
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        legend=LEGEND_ABOVE,
        xaxis={"title": "Latency in ms (lower is better)", "range": [0, right], "automargin": True},
        yaxis={"autorange": "reversed", "automargin": True, "title": None},
    )
    figure.update_traces(showlegend=False, selector={"type": "bar"})


def draw_references(figure: go.Figure, references: Sequence[Reference]) -> None:
    """Draw Infinity's stored latencies (ms) as dashed lines across a chart."""
    for reference in references:
        dash = "dot" if reference.card else "dash"
        figure.add_shape(
            type="line",
            x0=reference.value,
            x1=reference.value,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": style.stored(reference.sequence_length), "width": 2.5, "dash": dash},
            name=f"{reference.title}: {ms(reference.value)} (stored, 2021)",
            showlegend=True,
        )


def run_bars(rows: list[Result], stored: Sequence[Reference]) -> go.Figure:
    """Return horizontal bars of one case, fastest on top, with 95 % intervals; noisy ones are hatched.

    `rows` are results that have a figure, sorted; `stored` what stands beside them.
    """
    titles = [unmarked(row.title) for row in rows]
    values = [row.figure_ms or 0.0 for row in rows]
    spans = [row.median_ci95_ms or (value, value) for row, value in zip(rows, values, strict=True)]
    figure = go.Figure()
    figure.add_bar(
        name="measured",
        y=titles,
        x=values,
        orientation="h",
        marker={
            "color": [style.engine_colour(row.engine) for row in rows],
            "pattern": {"shape": ["" if row.verdict == "valid" else "/" for row in rows], "size": 6},
        },
        error_x=whiskers(values, spans),
        text=[ms(value) for value in values],
        textposition="inside",
        insidetextanchor="start",
        textangle=0,  # a short bar on a phone would turn its figure
        insidetextfont={"color": "#FFFFFF"},
        customdata=[
            [interval(*span), row.verdict or "not judged"] for row, span in zip(rows, spans, strict=True)
        ],
        hovertemplate="%{y}: %{x:.3g} ms (%{customdata[0]}), %{customdata[1]}<extra></extra>",
    )
    finish_bars(figure, titles, values, [high for _, high in spans], stored)
    return figure


def whiskers(values: Sequence[float], spans: Sequence[Sequence[float]]) -> Facts:
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


def live_ratios(rows: Sequence[LiveCell], baseline: str) -> go.Figure:
    """Return each cell's ratio to the baseline with its interval, as it stands while a run goes on."""
    shown = [(row, row.ratios[baseline]) for row in rows if baseline in row.ratios]
    threads = len({row.threads for row in rows}) > 1
    ratios = [ratio.ratio for _, ratio in shown]
    spans = [ratio.ci95 or (ratio.ratio, ratio.ratio) for _, ratio in shown]
    figure = go.Figure()
    figure.add_scatter(
        x=ratios,
        y=[f"{unmarked(row.title)}, {case_words(row, threads)}" for row, _ in shown],
        mode="markers",
        marker={
            "color": [style.engine_colour(row.engine) for row, _ in shown],
            "symbol": [style.marker(style.known(row.engine)) for row, _ in shown],
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


def case_words(row: OfCase, threads: bool = False) -> str:
    """Return a case in a few words: what is usual is left out, and the threads unless asked for."""
    batch = "" if row.batch_size == 1 else f", batch {row.batch_size}"
    used = f", {many(row.threads, 'thread')}" if threads else ""
    return f"{row.sequence_length} tokens{batch}{used}, {row.scope}"
