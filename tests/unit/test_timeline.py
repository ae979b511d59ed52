"""A time line: its plan, memory groups, points, files and reports."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from src.bench import timeline_plan
from src.bench.catalogue import Catalogue, Offer
from src.bench.events import TWIN, Failed
from src.bench.plan import BadPlan, Case
from src.bench.record import Record
from src.bench.timeline_plan import NoReleases, chosen, plan_for
from src.figures import timeline_report, upstream
from src.figures.steps import between, candidates, repeated
from src.figures.timeline import timeline
from src.model.source import ModelSource
from src.store import ort_csv, runs, transfer
from src.store.database import open_store
from src.ui import timeline_chart
from tests.conftest import ROOT
from tests.release_fakes import ROW, FakeRuntime, factors

MODEL = ModelSource("embedded")
VERSIONS = ["1.23.2", "1.24.4", "1.25.0", "1.26.0", "1.27.0"]
OFFERED = ("1.26.0", "1.25.1", "1.25.0", "1.24.4", "1.24.1", "1.15.1", "1.15.0", "1.14.1")
CATALOGUE = Catalogue("onnxruntime", "2026-11-26T00:00:00Z", tuple(Offer(v, ("3.11",)) for v in OFFERED))


@pytest.mark.parametrize(
    ("bounds", "versions"),
    [
        ({"first": "1.15"}, ["1.15.0", "1.15.1", "1.24.1", "1.24.4", "1.25.0", "1.25.1", "1.26.0"]),
        ({"first": "1.24", "last": "1.25"}, ["1.24.1", "1.24.4", "1.25.0", "1.25.1"]),
        ({"first": "1.24.4", "last": "1.25.0"}, ["1.24.4", "1.25.0"]),
        ({"first": "1.15", "minor": True}, ["1.15.1", "1.24.4", "1.25.1", "1.26.0"]),
    ],
)
def test_releases_are_chosen_from_and_to(bounds: dict, versions: list[str]):
    assert [offer.version for offer in chosen(CATALOGUE, **bounds)] == versions


def test_too_few_releases_or_what_is_none_is_explained():
    with pytest.raises(
        NoReleases, match=r"needs two releases.*from 1\.26 to the last, there are only: 1\.26\.0\."
    ):
        chosen(CATALOGUE, "1.26")
    with pytest.raises(NoReleases, match=r"“1\.x” is no release"):
        chosen(CATALOGUE, "1.x")


def test_rows_of_another_runtime_are_refused():
    with pytest.raises(
        BadPlan, match=r"no row of ONNX Runtime that has releases\. Choose of: onnxruntime-fp32"
    ):
        timeline_plan.check_rows("onnxruntime", ["pytorch-fp32"])


def test_each_row_is_compared_with_its_own_newest():
    plan = plan_for(("onnxruntime-fp32", ROW), VERSIONS, {}, threads=2)
    assert len(plan.engines) == 10
    assert plan.baseline == "onnxruntime-fp32@1.27.0"
    assert plan.anchor_of(f"{ROW}@1.23.2") == f"{ROW}@1.27.0"
    assert plan.anchor_of("pytorch-fp32") is None
    assert plan.staying == {f"{ROW}@1.27.0", "onnxruntime-fp32@1.27.0"}


def test_points_are_paired_with_the_newest_also_across_memory_groups():
    runtime = FakeRuntime(factors({"1.25.0": 1.5}, VERSIONS), 4, group=2)
    told = runtime.measure(VERSIONS)
    (line,) = told.lines
    assert [point.version for point in line.points] == VERSIONS
    assert [point.group for point in line.points] == [0, 0, 1, 1, 0]
    ratios = [point.ratio.ratio for point in line.points if point.ratio]
    assert ratios == pytest.approx([1 / 1.5, 1 / 1.5, 1, 1, 1], rel=0.04)
    across = between(line.points[1], line.points[2])
    assert across
    assert across.ci95
    assert across.ci95[0] < across.ratio < across.ci95[1]
    assert across.ratio == pytest.approx(1.5, rel=0.04)


def test_its_files_have_every_point_and_step():
    runtime = FakeRuntime(factors({"1.25.0": 1.5}, VERSIONS), 4, fails=("1.23.2",))
    told = runtime.measure(VERSIONS)
    found = [
        repeated(step, [runtime.measure((step.before, step.after)) for _ in range(3)])
        for step in candidates(told)
    ]
    rows = list(csv.DictReader(io.StringIO(timeline_report.to_csv(told))))
    assert [row["release"] for row in rows] == VERSIONS[1:]
    assert float(rows[0]["ratio_to_newest"]) == pytest.approx(1 / 1.5, rel=0.04)
    content = json.loads(json.dumps(timeline_report.to_json(told, found)))
    (step,) = content["steps"]
    assert (step["before"], step["after"], step["confirmed"]) == ("1.24.4", "1.25.0", True)
    assert len(step["repeats"]) == 3
    text = timeline_report.to_markdown(told, found)
    assert "1.25.0 takes 1.5" in text
    assert "confirmed" in text
    assert f"{ROW} 1.23.2: Unsupported model IR version: 9." in text


def test_releases_stay_when_the_second_process_of_the_pair_fails():
    record = FakeRuntime(factors({}, VERSIONS), 4).record(VERSIONS)
    twin = timeline_plan.engine(ROW, VERSIONS[-1]) + TWIN
    record.add(Failed(twin, "Not loaded: 0 s were left of the budget."))
    told = timeline(record)
    assert list(told.versions) == VERSIONS
    assert not told.absent


def test_a_release_that_only_answers_otherwise_is_marked_too():
    told = FakeRuntime(factors({}, VERSIONS), 4, delta={"1.24.4": 0.002}).measure(VERSIONS)
    assert candidates(told) == []
    sentence = f"Answers changed beyond rounding: {ROW} at 1.24.4; {ROW} at 1.25.0"
    assert timeline_report.answers_sentence(told) == sentence
    assert sentence in timeline_report.to_markdown(told, [])
    rows = list(csv.DictReader(io.StringIO(timeline_report.to_csv(told))))
    assert [row["release"] for row in rows if row["answers_changed"] == "True"] == ["1.24.4", "1.25.0"]
    marked = [version for version in told.versions if "≠" in timeline_report.cell(told.lines[0], version)]
    assert marked == ["1.24.4", "1.25.0"]
    figure = timeline_chart.chart(told.lines, [], told.versions, {})
    assert list(figure.data[0].marker.line.width) == [0, *[timeline_chart.RING_PX] * 2, 0, 0]


def test_a_kept_run_is_the_same_time_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    record = FakeRuntime(factors({"1.25.0": 1.5}, VERSIONS), 4, delta={"1.24.4": 0.002}).record(VERSIONS)
    data = json.dumps(transfer.whole(record)).encode()
    id, new = ort_csv.take_in(open_store(), data, "a.json")
    assert new
    assert timeline(runs.record(open_store(), id)) == timeline(record)


# --- what goes upstream


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    runtime = FakeRuntime(factors({"1.25.0": 1.5}, VERSIONS), 4)
    record: Record = runtime.record(VERSIONS)
    told = timeline(record)
    (step,) = candidates(told)
    assert step.case == Case(1, 16, 2, "model")
    (tmp_path / "model.onnx").write_bytes(b"a model")
    monkeypatch.setattr(upstream.cache, "place", lambda *_: tmp_path)
    monkeypatch.setattr(upstream, "token_ids", lambda *_: b"ids")
    assert record.begun
    return upstream.files(step, told, {**record.begun.host, "isa": ["avx2"]}, record.begun.id, MODEL)


def test_a_report_needs_nothing_of_ours(files: dict[str, bytes], tmp_path: Path):
    assert files.keys() == {"README.md", "about.json", "measure.py", "input_ids.npy", "model.onnx"}
    script = files["measure.py"].decode()
    assert len(script.splitlines()) <= 60
    assert "src" not in script
    about = json.loads(files["about.json"])
    assert (about["before"], about["after"], about["threads"]) == ("1.24.4", "1.25.0", 2)
    readme = files["README.md"].decode()
    assert "pip install numpy onnxruntime==1.25.0" in readme
    assert str(ROOT) not in readme
    upstream.write(files, tmp_path / "a" / "report")
    names = zipfile.ZipFile(tmp_path / "a" / "report.zip").namelist()
    assert set(names) == {f"report/{name}" for name in files}


def test_its_script_runs_with_two_pythons(tmp_path: Path, shared_home: Path):
    """The same release twice, with a model of one operator: what it prints is a ratio and its interval."""
    import numpy as np
    import onnx

    helper, kind = onnx.helper, onnx.TensorProto.INT64
    names = ("input_ids", "attention_mask", "token_type_ids")
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["input_ids", "attention_mask"], ["sum"]),
            helper.make_node("Add", ["sum", "token_type_ids"], ["logits"]),
        ],
        "g",
        [helper.make_tensor_value_info(name, kind, ["b", "s"]) for name in names],
        [helper.make_tensor_value_info("logits", kind, ["b", "s"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    np.save(tmp_path / "input_ids.npy", np.arange(32, dtype=np.int64).reshape(4, 8))
    (tmp_path / "about.json").write_text('{"threads": 1}')
    (tmp_path / "measure.py").write_bytes(upstream.SCRIPT.read_bytes())
    command = [sys.executable, "measure.py", sys.executable, sys.executable]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    *versions, last = done.stdout.splitlines()
    assert len(versions) == 2
    ratio, low, high = (
        float(part) for part in last.replace("(", " ").replace(")", "").replace("-", " ").split()[-3:]
    )
    assert low <= ratio <= high
