"""Charts show what they are given as it is, and one disturbed engine does not flatten the rest."""

from dataclasses import replace

import pytest

from src.accuracy.accuracy_result import EngineAccuracy
from src.accuracy.gate import Gate
from src.accuracy.known_accuracy import Known
from src.figures.run import JudgedRatio, Result
from src.ui import charts, curves, cut_axis, share_charts
from tests.rows import row as build

MARKUP = '<a href="https://example.invalid/">click</a> & more'
KNOWN = Known("holds", "measured here", MARKUP, accuracy=0.9, ci95=(0.88, 0.92))
RATIO = JudgedRatio(1.0, (0.9, 1.1), "tie", 20, 0.01)
SHOWN = '&lt;a href="https://example.invalid/"&gt;click&lt;/a&gt; &amp; more'


def row(title: str, median_ms: float, high_ms: float | None = None) -> Result:
    interval = (median_ms * 0.9, high_ms or median_ms * 1.1)
    result = build("onnxruntime-fp32", 16, "model", median_ms, median_ci95_ms=interval)
    return replace(result, facts={"title": title}, ratios={"onnxruntime-fp32": RATIO})


def test_titles_and_names_from_a_file_are_no_markup():
    rows = [row(MARKUP, 2.0)]
    figures = {
        "bars": charts.run_bars(rows, []),
        "lengths": curves.length_lines(rows, []),
        "distribution": curves.distribution({"x": [1.0, 2.0]}, {"x": MARKUP}),
        "ratios": charts.live_ratios(rows, "onnxruntime-fp32"),
        "pareto": curves.pareto([(rows[0], KNOWN)], []),
    }
    for name, figure in figures.items():
        told = str(figure.to_plotly_json())
        assert SHOWN in told, name
        assert MARKUP not in told, name


def test_bars_that_are_close_are_drawn_whole():
    figure = charts.run_bars([row("a", 1.0), row("b", 4.0)], [])
    assert not figure.layout.annotations
    assert figure.layout.xaxis.range[1] >= 4.4


def test_a_disturbed_engine_is_cut_and_marked():
    """207 ms beside 1 to 9: the others stay readable, and its figure is told."""
    rows = [row("a", 1.0), row("b", 2.0), row("c", 8.5), row("disturbed", 207.0, 400.0)]
    figure = charts.run_bars(rows, [])
    right = figure.layout.xaxis.range[1]
    assert 8.5 < right < 40
    (mark,) = figure.layout.annotations
    assert (mark.y, mark.text) == ("disturbed", "207 ms ▸")
    assert mark.x == right


def test_a_long_whisker_is_cut_and_its_bar_is_not():
    rows = [row("a", 1.0), row("b", 2.0, 90.0), row("c", 3.0)]
    figure = charts.run_bars(rows, [])
    assert 3.0 < figure.layout.xaxis.range[1] < 20
    (mark,) = figure.layout.annotations
    assert (mark.y, mark.text) == ("b", "to 90.0 ms ▸")


@pytest.mark.parametrize(
    ("values", "highs", "farthest"),
    [([1.0], [1.2], 1.2), ([1.0, 2.0, 3.0], [1.1, 2.2, 3.3], 3.3), ([1.0, 1.0, 50.0], [1.1, 1.1, 60.0], 6.0)],
)
def test_how_far_an_axis_reaches(values: list[float], highs: list[float], farthest: float):
    assert cut_axis.reach(values, highs) == pytest.approx(farthest)


def test_drops_are_drawn_with_the_bounds_that_the_gate_is_judged_by():
    gates = {"onnxruntime-fp32": (0.0, -0.001, 0.001), "onnxruntime-int8": (0.02, 0.014, 0.027)}
    rows = [
        EngineAccuracy(engine, 0.9, (0.88, 0.92), gate=Gate("misses", *figures, None))
        for engine, figures in gates.items()
    ]
    figure = share_charts.drops(rows, 0.01)
    (trace,) = figure.data
    assert list(trace.y) == ["ONNX Runtime INT8", "ONNX Runtime FP32"], "the least on top"
    assert list(trace.x) == pytest.approx([2.0, 0.0])
    assert list(trace.error_x.array) == pytest.approx([0.7, 0.1])
    assert list(trace.error_x.arrayminus) == pytest.approx([0.6, 0.1])
    assert figure.layout.shapes[0].x0 == 1.0
