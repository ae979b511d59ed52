"""What leaves the program as a file: nothing that a spreadsheet computes, nothing that stays behind."""

import csv
import io
import os
from pathlib import Path

import pytest

from src.cli import console
from src.figures import report, results
from tests.unit.test_results import made
from tests.unit.test_store import TIMES

FORMULA = '=HYPERLINK("http://example.invalid","open")'


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r="])
def test_a_csv_carries_no_formula(sign: str):
    """As an imported run's model may be named."""
    run = results.summarise(made(TIMES))
    for row in run.results:
        row.facts["model"] = f"{sign}SUM(1)"
    (cells, *_) = csv.DictReader(io.StringIO(report.to_csv(run)))
    assert cells["model_name"] in (f"'{sign}SUM(1)", " =SUM(1)")
    assert float(cells["average_latency_ms"]) > 0, "numbers stay numbers"


def test_a_table_that_is_downloaded_carries_none():
    import pandas as pd

    from src.ui import tables

    frame = pd.DataFrame({"Engine": [FORMULA, "plain"], "ms": [1.5, -2.0], "Δ": ["-3.5", "+1 %"]})
    text = tables.csv_of(frame)
    assert list(csv.reader(io.StringIO(text))) == [
        ["Engine", "ms", "Δ"],
        [f"'{FORMULA}", "1.5", "-3.5"],
        ["plain", "-2.0", "'+1 %"],
    ]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_file_has_the_rights_that_its_user_gives(tmp_path: Path, mask: int):
    before = os.umask(mask)
    try:
        console.write(str(tmp_path / "run.json"), "{}")
    finally:
        os.umask(before)
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_file_that_could_not_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "run.json"
    target.write_text("the last one")
    with monkeypatch.context() as moment:
        moment.setattr(os, "replace", full)
        moment.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            console.write(str(target), "{}")
    assert [one.name for one in tmp_path.iterdir()] == ["run.json"]
    assert target.read_text() == "the last one"
