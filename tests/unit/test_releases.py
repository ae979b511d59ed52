"""Releases of a runtime as environments: their names, what an index offers, and one that is installed."""

import csv
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from src import environments, releases
from src.bench import catalogue, environment_space, making_apart, sentence, timeline_plan
from src.bench import environments as making
from src.cli.main import main
from src.cli.timeline import Asked, say_bisection
from src.engines import registry
from src.model.source import ModelSource
from src.progress import Progress
from src.store import runs
from src.store.database import open_store
from src.workers.pool import Pool
from tests.conftest import DEMO
from tests.fast import FAST
from tests.measured import calm  # noqa: F401 (fixture)

MODEL = ModelSource("embedded")
RELEASE = "onnxruntime@1.24.4"
WHEELS = (
    "onnxruntime-1.9.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "onnxruntime-1.10.0-cp39-cp39-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "onnxruntime-1.20.1-cp311-cp311-manylinux_2_27_x86_64.whl",
    "onnxruntime-1.20.1-cp313-cp313-manylinux_2_27_x86_64.whl",
    "onnxruntime-1.21.0-cp313-cp313-win_amd64.whl",
    "onnxruntime-1.22.0rc1-cp313-cp313-manylinux_2_27_x86_64.whl",
)


def nobody(_: Progress) -> None:
    pass


# --- names


@pytest.mark.parametrize(
    "name", ["onnxruntime", "onnxruntime@", "onnxruntime@1.2rc1", "torch@2.0", "onnxruntime@1/../..", "@1.2"]
)
def test_what_is_no_release_is_no_environment(name: str):
    assert releases.parse(name) is None
    with pytest.raises(environments.UnknownEnvironment, match="RUNTIME@VERSION for a release of onnxruntime"):
        environments.get(name)


def test_an_environment_has_the_runtime_and_what_a_worker_needs():
    assert environments.get(RELEASE).requirements() == "onnxruntime==1.24.4\nnumpy\ntokenizers\n"
    assert "numpy<2" in environments.get("onnxruntime@1.18.1").packages
    assert "numpy" in environments.get("onnxruntime@1.19.0").packages
    assert environments.asked_versions(RELEASE) == {"onnxruntime": "1.24.4"}


def test_an_engine_of_a_release_is_the_same_file_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    spec, row = registry.get("onnxruntime-int8@1.24.4"), registry.get("onnxruntime-int8")
    assert (spec.environment, spec.recipe, spec.implementation) == (RELEASE, row.recipe, row.implementation)
    assert spec.title == "ONNX Runtime INT8, 1.24.4"
    missing = registry.availability(spec)
    assert missing
    assert missing.remedy == "Run: python -m src envs create onnxruntime@1.24.4"


@pytest.mark.parametrize("id", ["onnxruntime-int8@x", "onnxruntime-int8@", "pytorch-fp32@2.0", "null@1"])
def test_an_engine_without_that_release_names_those_that_have_some(id: str):
    with pytest.raises(registry.UnknownEngine, match=r"as in onnxruntime-int8@1\.24\.4, of one of: onnxrun"):
        registry.get(id)


# --- what the index offers: pip itself, and a folder as its index


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in WHEELS:
        (folder / name).touch()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_the_index_is_asked_for_each_python_and_its_answer_kept(index: Path):
    assert catalogue.kept("onnxruntime") is None
    steps: list[Progress] = []
    asked = catalogue.ask("onnxruntime", steps.append)
    offers = [(offer.version, offer.pythons) for offer in asked.offers]
    assert offers == [("1.20.1", ("3.13", "3.11")), ("1.10.0", ("3.9",)), ("1.9.0", ("3.9",))]
    assert catalogue.kept("onnxruntime") == asked
    assert [step.total for step in steps] == [len(releases.PYTHONS)] * len(releases.PYTHONS)


def test_a_release_that_is_kept_is_not_asked_for_again(index: Path):
    release = releases.Release("onnxruntime", "1.10.0")
    steps: list[Progress] = []
    assert catalogue.pythons_of(release, steps.append) == ("3.9",)
    assert steps
    steps.clear()
    assert catalogue.pythons_of(release, steps.append) == ("3.9",)
    assert not steps


def test_a_release_that_is_not_offered_is_told_with_those_near_it(index: Path):
    with pytest.raises(
        catalogue.CatalogueFailed, match=r"no wheel of ONNX Runtime 1\.21\.0 .*: 1\.20\.1, 1\.1"
    ):
        making.create("onnxruntime@1.21.0", MODEL, nobody)
    assert not environments.folder("onnxruntime@1.21.0").exists()


def test_without_a_network_it_says_so_and_what_to_do(index: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(catalogue.CatalogueFailed, match="Check the network, or use what is installed"):
        catalogue.ask("onnxruntime", nobody)
    assert catalogue.kept("onnxruntime") is None


def test_a_time_line_without_a_network_takes_what_is_installed(
    index: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PIP_FIND_LINKS", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    assert main(["timeline", "onnxruntime", "--engines", "onnxruntime-fp32"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "Going on with what is installed." in told
    assert "A time line needs two releases" in told


# --- disk


def test_those_used_longest_ago_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOME", str(tmp_path))
    monkeypatch.setattr(releases, "NEEDS_GB", 0.002)
    for number, version in enumerate(("1.20.1", "1.21.0", "1.22.0")):
        folder = environments.folder(f"onnxruntime@{version}")
        folder.mkdir(parents=True)
        (folder / "wheel").write_bytes(b"x" * 2_000_000)
        (folder / environments.MANIFEST).write_text("{}")
        os.utime(folder / environments.MANIFEST, (number, number))
    monkeypatch.setenv(environment_space.VARIABLE, "0.0065")
    assert list(environment_space.to_remove(RELEASE)) == ["onnxruntime@1.20.1"]
    environments.note_use("onnxruntime@1.20.1")
    assert list(environment_space.to_remove(RELEASE)) == ["onnxruntime@1.21.0"]
    assert list(environment_space.to_remove("2021")) == [], "it is no release"
    monkeypatch.setenv(environment_space.VARIABLE, "1")
    assert list(environment_space.to_remove(RELEASE)) == []


# --- one that is there


@pytest.fixture(scope="module")
def made() -> making.State:
    return making.create(RELEASE, MODEL, nobody)


def test_the_same_file_runs_on_both_releases(made: making.State, pool: Pool):
    assert not made.trouble
    assert not made.failed
    assert made.versions["onnxruntime"] == "1.24.4"
    assert [environment.name for environment in environments.of_releases()] == [RELEASE]
    asked = ["onnxruntime-fp32", "onnxruntime-fp32@1.24.4"]
    answer = sentence.answer(pool, DEMO, asked, MODEL)
    assert not answer.failures
    rows = {row.engine: row for row in answer.engines}
    facts = {id: rows[id].facts for id in asked}
    assert facts["onnxruntime-fp32@1.24.4"]["onnxruntime"] == "1.24.4"
    assert facts["onnxruntime-fp32"]["onnxruntime"] != "1.24.4"
    assert facts["onnxruntime-fp32"]["built"]["files"] == facts["onnxruntime-fp32@1.24.4"]["built"]["files"]
    assert all(rows[id].agrees for id in asked)


@pytest.mark.usefixtures("calm")
def test_a_time_line_of_two_releases_is_measured_printed_and_kept(
    made: making.State,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(timeline_plan, "LONGEST_S", 40.0)  # as precise as can be until then
    assert not made.trouble
    older = making.create("onnxruntime@1.23.2", MODEL, nobody)
    assert not older.trouble
    assert older.released_on
    assert older.released_on < (made.released_on or "")
    table = tmp_path / "timeline.csv"
    command = ["timeline", "onnxruntime", "--installed", "--engines", "onnxruntime-fp32"]
    options = ["--seq-len", "16", "--no-confirm", "--csv", str(table)]
    assert main([*command, *options], settings=FAST) == 0
    told, said = capsys.readouterr()
    assert "Releases take" in said, "what it took, and what they do on the disk"
    assert "1.23.2" in told
    assert "1.24.4" in told
    rows = list(csv.DictReader(table.open()))
    assert [row["release"] for row in rows] == ["1.23.2", "1.24.4"]
    assert float(rows[0]["median_ms"]) > 0
    assert float(rows[1]["ratio_to_newest"]) == 1
    assert 0 <= float(rows[0]["max_abs_delta_logit"]) < 1e-3
    (kept,) = [run for run in runs.listed(open_store()) if run.preset == "timeline"]
    assert main([*command, "--run", kept.id]) == 0
    assert capsys.readouterr().out == told, "what is kept says the same"


def test_a_bisection_tells_beforehand_what_it_takes(capsys: pytest.CaptureFixture[str]):
    asked = Asked(open_store(), "onnxruntime", ("onnxruntime-fp32",), (16,), 1, MODEL, FAST)
    say_bisection(asked, [f"2.{number}.0" for number in range(18)])
    said = " ".join(capsys.readouterr().err.split())
    assert "18 releases: at most 7 are measured for one step, of which at most 7 are to be installed" in said
    assert re.search(r"that takes at most \d+ min", said)


def test_a_page_has_a_process_make_one_and_may_leave(
    made: making.State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """From a thread, as pages run: what is sound is left, what cannot be had is told, who leaves stops it."""
    assert not made.trouble
    told: list[float] = []

    def leave(passed_s: float) -> None:
        raise InterruptedError

    with ThreadPoolExecutor(1) as thread:
        thread.submit(making_apart.create_apart, RELEASE, told.append).result()
        assert told == sorted(told)
        assert told, "it looked for an answer of an engine, which takes a while"
        (tmp_path / WHEELS[2]).touch()  # an index that offers one, and says so at once
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
        refused = thread.submit(making_apart.create_apart, "onnxruntime@0.0.1", told.append)
        with pytest.raises(making.EnvironmentFailed, match=r"no wheel of ONNX Runtime 0\.0\.1"):
            refused.result()
        with pytest.raises(InterruptedError):
            thread.submit(making_apart.create_apart, "onnxruntime@1.22.1", leave).result()
    assert environments.trouble("onnxruntime@1.22.1"), "it is not there"
