"""A run beside what was published: the right cells, nothing divided that must not be, the corrected
misprint.
"""

from dataclasses import replace
from typing import Any

import pytest

from src.accuracy.known_accuracy import Known
from src.figures.run import Result
from src.references import Answer, verdict
from src.references.reference import by_id
from tests.rows import MODEL, row, run


def nothing_known(_: Any) -> None:
    return None


def answer(*rows: Result, length: int = 16) -> Answer | None:
    return verdict.answer(run(*rows), "cpu", length, nothing_known)


def test_the_fastest_faithful_engine_answers_in_scope_pipeline():
    found = answer(
        row("onnxruntime-int8", 16, "model", 0.5),
        row("onnxruntime-int8", 16, "pipeline", 1.3),
        row("onnxruntime-fp32", 16, "pipeline", 3.1),
    )
    assert found
    assert found.best
    assert found.standing
    assert found.best.engine == "onnxruntime-int8"
    assert found.standing.ratio == pytest.approx(1.3 / 2.6)
    assert found.word == "faster"
    assert found.unproven == ()
    rows = [row("onnxruntime-int8", 16, "pipeline", 1.3)]
    frames = verdict.on_video(run(*rows), found)
    assert frames
    assert frames.ratio == pytest.approx(1.3 / 2.498)


def test_an_engine_below_the_gate_or_unknown_does_not_answer():
    rows = [
        row("openvino-int8", 16, "pipeline", 1.0, state=None),
        row("torchscript-int8", 16, "pipeline", 1.2, state="misses"),
        row("onnxruntime-int8", 16, "pipeline", 1.4),
    ]
    found = answer(*rows)
    assert found
    assert found.best
    assert found.best.engine == "onnxruntime-int8"
    assert [figure.engine for figure in found.unproven] == ["openvino-int8"]
    assert [figure.engine for figure in found.missed] == ["torchscript-int8"]
    now = Known("holds", "measured here")
    known = verdict.answer(
        run(*rows), "cpu", 16, lambda mark: now if mark.engine == "openvino-int8" else None
    )
    assert known
    assert known.best
    assert known.best.engine == "openvino-int8", "what is known beside the run counts"


def test_null_and_invalid_results_do_not_answer():
    found = answer(
        row("null", 16, "pipeline", 0.001),
        row("ctranslate2-int8", 16, "pipeline", 0.9, verdict="invalid"),
        row("onnxruntime-int8", 16, "pipeline", 1.4),
    )
    assert found
    assert found.best
    assert found.best.engine == "onnxruntime-int8"


@pytest.mark.parametrize(
    ("ms", "more", "expected"),
    [
        (2.0, {}, "faster"),
        (3.0, {}, "slower"),
        (2.6, {}, "level"),
        (2.0, {"verdict": "noisy"}, "undecided"),
        (2.0, {"median_ci95_ms": None}, "undecided"),
    ],
)
def test_the_verdict_follows_from_the_interval(ms: float, more: dict, expected: str):
    found = answer(row("onnxruntime-int8", 16, "pipeline", ms, **more))
    assert found
    assert found.word == expected


def test_without_scope_pipeline_there_is_no_answer():
    assert answer(row("onnxruntime-int8", 16, "model", 1.0)) is None


def test_another_architecture_is_not_divided():
    model = {"name": "B", "architecture": "BERT-base"}
    other = run(row("onnxruntime-int8", 16, "pipeline", 1.0), model=model)
    found = verdict.answer(other, "cpu", 16, nothing_known)
    assert found
    assert found.standing
    assert found.standing.ratio is None
    assert found.word == "apart"


def test_the_cpu_table_is_the_write_ups():
    """Its printed figures, in its order: 16 then 128 tokens of six columns."""
    cells = verdict.table(run(), "cpu")
    assert [cell.reference.value for cell in cells] == [
        *(6.14, 17.39, 2.49, 11.67),
        *(5.86, 16.65, 1.96, 9.59),
        *(2.76, 13.63, 1.24, 7.48),
    ]
    assert all(side.result is None for cell in cells for side in cell.beside)
    beside = {cell.column: [side.engine for side in cell.beside] for cell in cells}
    assert beside["Intel 1.9.0 TorchScript INT8"] == ["2021-torchscript-int8", "ipex-int8"]
    assert beside["ONNX FP32"] == ["2021-onnxruntime-fp32", "onnxruntime-fp32"]


def test_the_gpu_tables_swapped_cells_are_corrected():
    cells = {(cell.column, cell.length): cell for cell in verdict.table(run(), "cuda")}
    fp32, fp16 = cells["ONNX FP32", 128], cells["ONNX FP16", 16]
    assert (fp32.reference.value, fp32.printed) == (0.83, 0.74)
    assert (fp16.reference.value, fp16.printed) == (0.74, 0.83)
    assert cells["ONNX FP32", 16].printed is None
    assert len(cells) == 8


def test_a_cell_stands_beside_scope_model_only():
    cells = verdict.table(run(row("onnxruntime-fp32", 16, "pipeline", 3.0)), "cpu")
    assert all(side.result is None for cell in cells for side in cell.beside)
    cells = verdict.table(run(row("onnxruntime-fp32", 16, "model", 3.0)), "cpu")
    side = next(side for cell in cells for side in cell.beside if side.result)
    assert side.ratio == pytest.approx(3.0 / 2.76)
    assert side.verdict == "slower"
    assert side.ratio_ci95 == pytest.approx((0.98 * 3.0 / 2.76, 1.02 * 3.0 / 2.76))


def test_software_and_hardware_multiply_to_the_whole():
    found = verdict.splits(
        run(
            row("2021-onnxruntime-int8", 128, "model", 6.0),
            row("onnxruntime-int8", 128, "model", 9.0),
            row("onnxruntime-fp32", 128, "model", 17.0),
        )
    )
    assert len(found) == 1
    one = found[0]
    published = by_id("writeup-onnxruntime-int8-cpu-128-mean").value
    assert one.hardware == pytest.approx(6.0 / published)
    assert one.software == pytest.approx(1.5)
    assert one.hardware * one.software == pytest.approx(one.whole)


SPLIT_IN_THREE = (
    ("2021-onnxruntime-int8", 6.0),
    ("onnxruntime-portable-u8", 12.0),
    ("onnxruntime-int8", 9.0),
)


def test_software_is_the_release_and_the_file():
    rows = [row(engine, 128, "model", ms) for engine, ms in SPLIT_IN_THREE]
    (split,) = verdict.splits(run(*rows))
    assert split.release == pytest.approx(2.0)
    assert split.file == pytest.approx(0.75)
    assert split.release * split.file == pytest.approx(split.software)


@pytest.mark.parametrize("change", [{"verdict": "invalid"}, {"threads": 1}, {"median_ms": None}])
def test_a_file_in_todays_release_that_does_not_count_splits_nothing(change: dict[str, Any]):
    then, between, now = (row(engine, 128, "model", ms) for engine, ms in SPLIT_IN_THREE)
    (split,) = verdict.splits(run(then, replace(between, **change), now))
    assert split.release is None
    assert split.file is None
    assert split.software == pytest.approx(1.5)


@pytest.mark.parametrize("change", [{"verdict": "invalid"}, {"threads": 1}, {"median_ms": None}])
def test_what_is_not_comparable_is_not_split(change: dict[str, Any]):
    then = row("2021-onnxruntime-int8", 128, "model", 6.0)
    now = row("onnxruntime-int8", 128, "model", 9.0)
    assert len(verdict.splits(run(then, now))) == 1
    for rows in ((replace(then, **change), now), (then, replace(now, **change))):
        assert verdict.splits(run(*rows)) == []


def test_another_model_is_not_split():
    rows = [row(engine, 128, "model", 6.0) for engine in ("2021-onnxruntime-int8", "onnxruntime-int8")]
    other = run(*rows, model={**MODEL, "architecture": "BERT-L12-H768"})
    assert verdict.splits(other) == []


def test_more_threads_than_two_are_taken_where_two_were_not_measured():
    rows = [row("onnxruntime-fp32", 16, "model", ms, threads=threads) for threads, ms in ((1, 5.0), (4, 2.0))]
    found = verdict.find(run(*rows), "onnxruntime-fp32", 16, "model")
    assert found
    assert found.threads == 1
