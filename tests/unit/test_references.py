"""The stored numbers are whole and honest, and damage to them is named."""

import csv
import json
from collections import Counter
from datetime import date

import pytest

from src import references
from src.references import ReferenceError, by_id, load

STORED = load()


def damaged(tmp_path, row=2, **changes):
    """Return a copy of the stored file with the given columns of one line (2 = the first row) changed."""
    with references.DEFAULT.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file))
    for column, text in changes.items():
        lines[row - 1][references.COLUMNS.index(column)] = text
    return written(tmp_path, lines)


def written(tmp_path, lines):
    path = tmp_path / "references.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    return path


def header_and_first_row():
    with references.DEFAULT.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        return next(reader), next(reader)


# What is stored


def test_no_row_gets_lost():
    assert len(STORED) == 270
    assert Counter(row.scope for row in STORED) == {"model": 143, "pipeline": 30, "client": 12, "": 85}
    assert Counter(row.unit == "ms" for row in STORED) == {True: 201, False: 69}


def test_every_row_says_where_it_comes_from():
    for row in STORED:
        assert row.source, row.id
        assert row.url.startswith("https://"), row.id
        assert row.published or row.note, row.id


def test_nothing_of_the_machine_that_wrote_the_file_is_in_it():
    text = references.DEFAULT.read_text(encoding="utf-8").lower()
    for trace in ("file:", "/work", "/home/", "/opt/", "/tmp", "pypi", "localhost", "dkr.ecr", "\r"):
        assert trace not in text


def test_infinity_headline_is_the_stated_one():
    cpu, gpu = references.infinity(), references.infinity("cuda")
    assert [(row.sequence_length, row.value) for row in cpu] == [(16, 2.6), (128, 9.7)]
    assert [(row.sequence_length, row.value) for row in gpu] == [(16, 1.7), (128, 2.6)]
    assert {row.device for row in cpu} == {"cpu"}
    assert {row.device for row in gpu} == {"cuda"}
    for row in cpu + gpu:
        assert (row.scope, row.statistic, row.unit, row.pace_s, row.derived) == (
            "pipeline",
            "stated",
            "ms",
            0.5,
            False,
        )


def test_infinity_was_never_shown_on_other_devices():
    assert references.infinity("npu") == ()


@pytest.mark.parametrize(
    ("id", "value"),
    [
        ("infinity-cpu-16-frames", 2.498),
        ("infinity-cpu-128-frames", 9.608),
        ("infinity-t4-16-frames", 1.717),
        ("infinity-t4-128-frames", 2.581),
    ],
)
def test_medians_read_off_the_video_are_marked_as_computed(id, value):
    row = by_id(id)
    assert (row.value, row.statistic, row.derived, row.pace_s) == (value, "median", True, 0.5)
    assert row.published == date(2021, 9, 28)


def test_cells_the_writeup_swapped_hold_what_its_result_file_says():
    def cell(precision, length):
        return by_id(f"writeup-onnxruntime-{precision}-cuda-{length}-mean")

    assert [cell("fp32", 16).value, cell("fp32", 128).value] == [0.81, 0.83]
    assert [cell("fp16", 16).value, cell("fp16", 128).value] == [0.74, 0.97]
    for swapped in (cell("fp32", 128), cell("fp16", 16)):
        assert "swapped" in swapped.note
        assert "result.csv" in swapped.note


def test_the_writeups_cpu_table_is_there_and_times_the_model_alone():
    table = {
        "torchscript-1.11-dev-fp32": (6.14, 17.39),
        "torchscript-1.11-dev-int8": (2.49, 11.67),
        "torchscript-1.9-fp32": (5.86, 16.65),
        "torchscript-1.9-int8": (1.96, 9.59),
        "onnxruntime-fp32": (2.76, 13.63),
        "onnxruntime-int8": (1.24, 7.48),
    }
    for engine, values in table.items():
        rows = [by_id(f"writeup-{engine}-cpu-{length}-mean") for length in (16, 128)]
        assert tuple(row.value for row in rows) == values
        assert {(row.scope, row.threads, row.statistic) for row in rows} == {("model", 2, "mean")}


def test_the_column_called_intel_is_torchs_own():
    row = by_id("writeup-torchscript-1.9-int8-cpu-128-mean")
    assert "ipex" not in row.engine.lower()
    assert "never imports IPEX" in row.note


def test_a_gain_printed_in_per_cent_is_stored_as_the_ratio_it_is():
    gain = by_id("hf-blog-infinity-cpu-8-speedup")
    infinity, plain = (
        by_id(f"hf-blog-{engine}-cpu-8-throughput") for engine in ("infinity", "transformers-fp32")
    )
    assert gain.unit == "ratio"
    assert gain.value == pytest.approx(infinity.value / plain.value, abs=0.01)


def test_shares_are_fractions_and_prices_are_money():
    assert by_id("inc-2021-12-inc-engine-fp32-cpu-accuracy").value == 0.9014
    assert by_id("infinity-price-per-year").value == 20000
    assert by_id("aws-c6i-xlarge-price").unit == "USD/h"


def test_json_says_null_where_nothing_is_known():
    machine = references.to_json(by_id("aws-c6i-xlarge-price"))
    assert machine["published"] == "2026-07-20"
    assert machine["model"] is None
    assert machine["threads"] is None
    assert machine["scope"] is None
    assert set(machine) == set(references.COLUMNS)
    assert json.loads(json.dumps([references.to_json(row) for row in STORED]))[0]["id"] == "infinity-cpu-16"


def test_an_unknown_id_is_named():
    with pytest.raises(ReferenceError, match=r"no reference “infinity-tpu-16”.*expected an id"):
        by_id("infinity-tpu-16")


# Damage


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        ("id", "", "lower-case words"),
        ("id", "Infinity CPU", "lower-case words"),
        ("source", " ", "the title"),
        ("url", "", "http"),
        ("url", "ftp://example.org/a", "http"),
        ("url", "https://", "http"),
        ("published", "4.10.2021", "an ISO date"),
        ("published", "2021-02-30", "an ISO date"),
        ("published", "20211004", "an ISO date"),
        ("threads", "two", "a whole number"),
        ("threads", "0", "a whole number"),
        ("batch_size", "-1", "a whole number"),
        ("batch_size", "1.5", "a whole number"),
        ("sequence_length", "16 tokens", "a whole number"),
        ("scope", "server", "model, pipeline, client"),
        ("statistic", "typical", "stated"),
        ("statistic", "", "stated"),
        ("value", "", "a finite number above 0"),
        ("value", "fast", "a finite number above 0"),
        ("value", "nan", "a finite number above 0"),
        ("value", "inf", "a finite number above 0"),
        ("value", "0", "a finite number above 0"),
        ("value", "-2.6", "a finite number above 0"),
        ("unit", "seconds", "ms for the statistic stated"),
        ("unit", "1/s", "ms for the statistic stated"),
        ("pace_s", "-0.5", "seconds above 0"),
        ("pace_s", "often", "seconds above 0"),
        ("derived", "maybe", "yes or no"),
        ("derived", "", "yes or no"),
    ],
)
def test_a_bad_cell_is_named_by_line_and_column(tmp_path, column, text, expected):
    path = damaged(tmp_path, row=3, **{column: text})
    with pytest.raises(ReferenceError) as error:
        load(path)
    message = str(error.value)
    assert f"{path}, line 3, column {column}: " in message
    assert expected in message.partition("; expected ")[2]
    if text:
        assert f"“{text}”" in message


def test_an_id_used_twice_names_both_lines(tmp_path):
    with pytest.raises(
        ReferenceError, match="line 5, column id: “infinity-cpu-16” is already the id of line 2"
    ):
        load(damaged(tmp_path, row=5, id="infinity-cpu-16"))


def test_a_missing_date_needs_a_note_that_says_why(tmp_path):
    said = load(damaged(tmp_path, row=2, published="", note="The page bears no date."))[0]
    assert said.published is None
    assert references.to_json(said)["published"] is None
    with pytest.raises(
        ReferenceError, match="line 2, column published: empty; expected an ISO date, or a note"
    ):
        load(damaged(tmp_path, row=2, published="", note=""))


def test_an_accuracy_above_one_is_a_per_cent_by_mistake(tmp_path):
    with pytest.raises(ReferenceError, match=r"line 2, column value: “90[.]14”; expected a fraction"):
        load(damaged(tmp_path, row=2, statistic="accuracy", unit="fraction", value="90.14"))


def test_a_missing_column_is_named(tmp_path):
    header, row = header_and_first_row()
    at = header.index("scope")
    with pytest.raises(ReferenceError, match="line 1, column scope"):
        load(written(tmp_path, [header[:at] + header[at + 1 :], row[:at] + row[at + 1 :]]))


def test_an_unknown_column_is_named(tmp_path):
    header, row = header_and_first_row()
    with pytest.raises(ReferenceError, match="line 1, column colour"):
        load(written(tmp_path, [[*header, "colour"], [*row, "red"]]))


@pytest.mark.parametrize("change", [lambda row: row[:-1], lambda row: [*row, "one too many"], lambda row: []])
def test_a_line_of_another_width_is_named(tmp_path, change):
    header, row = header_and_first_row()
    with pytest.raises(ReferenceError, match=r"line 3, column .* cells; expected 20"):
        load(written(tmp_path, [header, row, change(row)]))


def test_a_file_without_rows_is_refused(tmp_path):
    header, _ = header_and_first_row()
    with pytest.raises(ReferenceError, match="holds no row"):
        load(written(tmp_path, [header]))
    with pytest.raises(ReferenceError, match="line 1"):
        load(written(tmp_path, []))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ReferenceError, match=r"absent[.]csv: cannot be read"):
        load(tmp_path / "absent.csv")
    (tmp_path / "latin.csv").write_bytes("id,Clément".encode("latin-1"))
    with pytest.raises(ReferenceError, match="UTF-8"):
        load(tmp_path / "latin.csv")
