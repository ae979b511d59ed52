"""What a search hands over: it runs with nothing of ours, and says what is wrong with it or with its host."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from src.accuracy import datasets
from src.bundle import bundle, claims, licences, requirements, runtimes
from src.bundle.bundle import Bundle
from src.bundle.runtimes import NoBundle
from src.engines import registry
from src.model.source import ModelSource
from src.search.state import Search
from src.store import runs
from src.store.database import Store, open_store
from tests.confirmed import confirmed
from tests.unit.test_results import BASELINE

OPTION = "onnxruntime-int8~denormals=zero"
SENTENCES = 4
ENGINES = (
    *(OPTION, "onnxruntime-fp32", "openvino-fp32", "fake-any-length", "ctranslate2-int8"),
    *("torchscript-int8", "pytorch-fp32"),
)


@pytest.fixture(scope="module", autouse=True)
def few_sentences() -> object:
    with pytest.MonkeyPatch.context() as patch:
        every = datasets.read
        patch.setattr(datasets, "read", lambda of: (every(of)[0], every(of)[1][:SENTENCES]))
        yield


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store()


@pytest.fixture(scope="module")
def search(store: Store) -> Search:
    return confirmed(store, OPTION, BASELINE)


def made(store: Store, search: Search, folder: Path, engine: str = "") -> Bundle:
    return bundle.make(search, claims.claim(store, search, engine=engine), folder, lambda _: None)


@pytest.fixture(scope="module")
def folder(store: Store, search: Search, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(store, search, tmp_path_factory.mktemp("bundle") / "classifier").folder


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    """A copy in which a test may put other files in the place of some."""
    place = tmp_path / "classifier"
    place.mkdir()
    for path in folder.iterdir():
        os.link(path, place / path.name)
    return place


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what a script of a bundle said, in an environment in which nothing of ours can be imported."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=200
    )


def states(folder: Path) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code of a bundle's own check, and what it says by check."""
    done = run(folder, "check.py", "--quick", "--json")
    assert not done.stderr
    return done.returncode, {each["check"]: (each["state"], each["text"]) for each in json.loads(done.stdout)}


def change(path: Path, how: Callable[[dict], object]) -> None:
    """Change a JSON file of a copy."""
    value = json.loads(path.read_text())
    how(value)
    path.unlink()
    path.write_text(json.dumps(value))


@pytest.mark.parametrize("engine", ENGINES)
def test_each_runtime_answers_alone_as_the_engine_that_was_measured(
    store: Store, tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.bundled_engine:ENGINES")
    handed = made(store, confirmed(store, engine), tmp_path / "classifier")
    assert {state for _, state, _ in handed.checks} == {"ok"}
    code = (handed.folder / "infer.py").read_text()
    assert "src" not in code
    lint = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E9,F", "infer.py"]
    subprocess.run(lint, cwd=handed.folder, check=True, capture_output=True)


def test_it_answers_texts_on_its_command_line(folder: Path):
    done = run(folder, "infer.py", "A warm and funny film.", "Dull, and far too long.")
    assert not done.returncode, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("A warm and funny film.: positive 0.9")
    assert second.startswith("Dull, and far too long.: negative 0.9")
    assert "Give a text" in run(folder, "infer.py").stderr


def test_what_is_in_it(folder: Path, search: Search):
    evidence = json.loads((folder / "evidence.json").read_text())
    assert {path.name for path in folder.iterdir()} == {*evidence["files"], "evidence.json"}
    assert (evidence["configuration"], evidence["search"], evidence["runs"]) == (
        OPTION,
        search.id,
        [search.heats[0].run],
    )
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["session"] == {"session.set_denormal_as_zero": "1"}
    assert settings["labels"] == ["negative", "positive"]
    pins = (folder / "requirements.txt").read_text().splitlines()
    packages = requirements.closure(("onnxruntime", "numpy", "tokenizers"), "main")
    assert pins == [package.pin for package in packages]
    assert pins[0].startswith("onnxruntime==")
    assert not [pin for pin in pins if pin.startswith(("torch", "streamlit", "optimum"))]
    readme = (folder / "README.md").read_text()
    assert f"| 16 | {evidence['latency_ms']['16']:.2f} | " in readme
    assert f"| `{BASELINE}` |" in readme
    assert "$" not in readme
    notice, licence = ((folder / name).read_text() for name in ("NOTICE", "LICENSE"))
    assert "Apache-2.0 and MIT" in notice
    assert "onnxruntime 1.32.0: MIT" in notice
    assert "Apache License" in licence
    assert "MIT License" in licence
    assert "FROM python:3." in (folder / "Dockerfile").read_text()


def test_its_figures_are_those_of_the_confirmation(store: Store, search: Search):
    """Recomputed from the samples of the run, without what the search reads them with."""
    claim = claims.claim(store, search)
    record = runs.record(store, search.heats[0].run)
    times = {}
    for cell, slices in record.slices.items():
        if cell.engine == OPTION:
            times |= {slice.round: sorted(slice.ns) for slice in slices}
    middles = sorted((ns[4] + ns[5]) / 2e6 for ns in times.values())
    assert claim.latencies[0].ms == pytest.approx((middles[19] + middles[20]) / 2)
    assert len(claim.latencies[0].of_processes) == 2


def test_its_check_times_it_and_says_where_the_figure_lies(folder: Path):
    done = run(folder, "check.py", "--json")
    ((text, state),) = (
        (each["text"], each["state"]) for each in json.loads(done.stdout) if each["check"] == "latency"
    )
    low, high, there = map(
        float, re.findall(r"([\d.]+) to ([\d.]+) in 10 turns; measured was ([\d.]+)", text)[0]
    )
    assert state == ("ok" if low <= there <= high else "differs")
    assert done.returncode == (0 if state == "ok" else 2)
    assert ("which is within that" in text) == (state == "ok")


def test_a_figure_that_cannot_be_reached_is_told(copied: Path):
    change(copied / "evidence.json", lambda evidence: evidence["latency_ms"].update({"16": 0.0001}))
    done = run(copied, "check.py")
    assert done.returncode == 2
    assert "measured was 0.0001, it is slower here" in done.stdout


def test_a_damaged_model_is_named(copied: Path):
    content = bytearray((copied / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (copied / "model.onnx").unlink()
    (copied / "model.onnx").write_bytes(content)
    code, told = states(copied)
    assert code == 1
    assert told["files"] == ("wrong", "model.onnx is not the file that was shipped. Copy the bundle again.")


def test_half_a_model_is_named_though_it_cannot_be_loaded(copied: Path):
    content = (copied / "model.onnx").read_bytes()
    (copied / "model.onnx").unlink()
    (copied / "model.onnx").write_bytes(content[: len(content) // 2])
    code, told = states(copied)
    assert code == 1
    assert told["files"][0] == "wrong"
    assert told["answers"][1].startswith("It does not run: ")


def test_a_missing_file_is_named(copied: Path):
    (copied / "tokenizer.json").unlink()
    code, told = states(copied)
    assert code == 1
    assert "tokenizer.json is missing" in told["files"][1]


def test_another_cpu_is_told_by_its_flags(copied: Path):
    def elsewhere(evidence: dict) -> None:
        evidence["cpu"] = {**evidence["cpu"], "name": "Another CPU", "flags": ["amx_int8", "fma"]}

    change(copied / "evidence.json", elsewhere)
    code, told = states(copied)
    assert code == 2
    state, text = told["cpu"]
    assert state == "differs"
    assert "it has no amx_int8, which the measured one has" in text
    assert "avx2, " in text or "avx2," in text
    assert told["answers"][0] == "ok"


def test_another_version_is_told(copied: Path):
    change(copied / "evidence.json", lambda evidence: evidence["packages"].update(onnxruntime="1.2.3"))
    code, told = states(copied)
    assert code == 2
    assert told["packages"][0] == "differs"
    assert "onnxruntime is 1.32.0, measured was 1.2.3" in told["packages"][1]
    assert "pip install -r requirements.txt" in told["packages"][1]


def test_a_package_that_is_absent_is_told(copied: Path):
    change(copied / "evidence.json", lambda evidence: evidence["packages"].update({"no-such-package": "1"}))
    code, told = states(copied)
    assert code == 1
    assert told["packages"][1].startswith("Not installed: no-such-package 1.")


def test_answers_with_another_label_are_told(copied: Path):
    change(copied / "answers.json", lambda answers: answers[0]["logits"].reverse())
    code, told = states(copied)
    assert code == 1
    assert f"1 of {SENTENCES} sentences get another label" in told["answers"][1]


def test_logits_that_moved_are_told_and_labels_that_stayed(copied: Path):
    def move(answers: list) -> None:
        answers[0]["logits"] = [1.01 * value for value in answers[0]["logits"]]
        answers[0]["logits"][0] -= 0.1 if answers[0]["logits"][0] < answers[0]["logits"][1] else -0.1

    change(copied / "answers.json", move)
    code, told = states(copied)
    assert code == 2
    assert told["answers"][0] == "differs"


def test_code_that_was_changed_is_told(copied: Path):
    code = (copied / "infer.py").read_text()
    (copied / "infer.py").unlink()
    (copied / "infer.py").write_text(code + "# mine\n")
    exit_code, told = states(copied)
    assert exit_code == 2
    assert told["files"] == ("differs", "infer.py is not the file that was shipped.")


def test_what_was_not_measured_is_not_handed_over(store: Store, search: Search, tmp_path: Path):
    claim = claims.claim(store, search)
    other = replace(claim, fingerprint=replace(claim.fingerprint, runtime="onnxruntime 1.2.3"))
    with pytest.raises(NoBundle, match=r"its runtime \(onnxruntime 1.2.3 then, onnxruntime 1.32.0 now\)"):
        bundle.make(search, other, tmp_path / "classifier", lambda _: None)
    assert not list(tmp_path.iterdir())


def test_what_fails_its_own_check_is_not_handed_over(
    store: Store, search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shipped = runtimes.settings
    swapped = {"labels": ["positive", "negative"], "max_tokens": 4}
    monkeypatch.setattr(runtimes, "settings", lambda *given: {**shipped(*given), **swapped})
    with pytest.raises(NoBundle, match="does not pass its own check"):
        made(store, search, tmp_path / "classifier")
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(store: Store, search: Search, tmp_path: Path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(NoBundle, match="is there already"):
        made(store, search, tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "mine"


def test_what_cannot_be_handed_over_says_what_can():
    with pytest.raises(NoBundle, match=r"torch\.compile FP32 cannot be handed over .* --engine"):
        runtimes.of_engine(registry.get("torch-compile-fp32"))


def test_only_what_was_confirmed_is_handed_over(store: Store, search: Search):
    with pytest.raises(NoBundle, match="pytorch-fp32 was not confirmed"):
        claims.claim(store, search, engine="pytorch-fp32")
    with pytest.raises(NoBundle, match=r"no answer for 128 tokens\. Ask for 16: --seq-len"):
        claims.claim(store, search, (128,))
    with pytest.raises(NoBundle, match="has confirmed nothing yet"):
        claims.claim(store, replace(search, heats=()))


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ("---\nlicense: mit\n---\n# A model\n", "The model's weights: mit (its card says so)."),
        ("# A model\n", "Of the model's weights the licence not known"),
        (None, "Of the model's weights the licence not known"),
    ],
)
def test_the_licence_of_a_folder_is_what_its_card_says(tmp_path: Path, card: str | None, told: str):
    if card is not None:
        (tmp_path / "README.md").write_text(card)
    model = ModelSource("folder", str(tmp_path))
    assert licences.of_model(model).told.startswith(told)
    assert told in licences.licence_text(model)
    assert told in licences.notice(model, [])
