"""What a search hands over: it runs with nothing of ours, and only what was measured is handed over."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from src.bundle import claims, licences, requirements, runtimes
from src.bundle.runtimes import NoBundle
from src.engines import registry
from src.model.source import ModelSource
from src.search.state import Search
from src.store import runs
from src.store.database import Store
from tests.bundles import OPTION, few_sentences, folder, handed_over, make, run, search, store
from tests.confirmed import confirmed
from tests.unit.test_results import BASELINE

__all__ = ["few_sentences", "folder", "search", "store"]  # fixtures
TOKIE = "ctranslate2-int8~tokenizer=tokie"
ENGINES = (
    *(OPTION, "onnxruntime-fp32", "openvino-fp32", "fake-any-length", "ctranslate2-int8"),
    *("torchscript-int8", "pytorch-fp32", TOKIE),
)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_runtime_answers_alone_as_the_engine_that_was_measured(
    store: Store, tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.bundled_engine:ENGINES")
    handed = handed_over(store, confirmed(store, engine), tmp_path / "classifier")
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


def test_what_was_not_measured_is_not_handed_over(store: Store, search: Search, tmp_path: Path):
    claim = claims.claim(store, search)
    other = replace(claim, fingerprint=replace(claim.fingerprint, runtime="onnxruntime 1.2.3"))
    with pytest.raises(NoBundle, match=r"its runtime \(onnxruntime 1.2.3 then, onnxruntime 1.32.0 now\)"):
        make(search, other, tmp_path / "classifier")
    assert not list(tmp_path.iterdir())


def test_what_fails_its_own_check_is_not_handed_over(
    store: Store, search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shipped = runtimes.settings
    swapped = {"labels": ["positive", "negative"], "max_tokens": 4}
    monkeypatch.setattr(runtimes, "settings", lambda *given: {**shipped(*given), **swapped})
    with pytest.raises(NoBundle, match="does not pass its own check"):
        handed_over(store, search, tmp_path / "classifier")
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(store: Store, search: Search, tmp_path: Path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(NoBundle, match="is there already"):
        handed_over(store, search, tmp_path / "mine")
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
    licence = licences.of_model(ModelSource("folder", str(tmp_path)))
    assert licence.told.startswith(told)
    assert told in licences.licence_text(licence)
    assert told in licences.notice(licence, [])
