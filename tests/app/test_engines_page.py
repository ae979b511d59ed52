"""The page Engines, through Streamlit's AppTest, with a real measuring process where one builds."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from src.engines import registry
from src.model import cache
from src.model.source import ModelSource
from src.ui.format import plain
from tests.app.test_pages import opened
from tests.conftest import SIX

INT8 = "onnxruntime-int8"


def page(**link: str) -> AppTest:
    at = opened("engines")
    at.default_timeout = 120
    for key, value in link.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def words(at: AppTest) -> str:
    return "\n".join(element.value for kind in (at.markdown, at.caption) for element in kind)


def test_every_engine_has_a_card_with_its_state():
    at = page()
    text = words(at)
    of = sum(spec.answers for spec in registry.ENGINES)
    assert f"**{len(SIX)} of {of} engines can run on this host.**" in text
    for spec in registry.ENGINES:
        assert (f"**{plain(spec.id)}** · " in text) == spec.answers
    assert text.count(":green-badge[:material/check: available]") >= len(SIX)


def test_a_missing_engine_says_why_and_gives_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWIY_ENGINES")
    at = page(state="Missing")
    text = words(at)
    assert plain("pytorch-fp32") + "**" not in text
    assert "needs an NVIDIA GPU" in text
    assert "Unverified on hardware" in text.replace("\\", "")
    assert plain("ipex-fp32") in text
    assert "End of life" in text
    assert "`python -m src envs create ipex`" in text
    assert not at.code, "drawing one takes a browser long"
    at.session_state["make 2021"] = True  # opened
    assert [element.value for element in at.run().code] == ["make 2021"]


@pytest.mark.one_cpu
def test_an_artifact_is_built_again_at_a_click():
    model = ModelSource("embedded")
    name = registry.get(INT8).recipe
    assert name
    at = page(state="Available")
    label = {button.key: button.label for button in at.button}[f"build {INT8}"]
    before = cache.place(name, model) / "manifest.json"
    built = json.loads(before.read_text())["created"] if before.exists() else None
    assert label == ("Build again" if built else "Build now")
    number = before.stat().st_ino if before.exists() else None
    at.button(key=f"build {INT8}").click().run()
    assert not at.exception
    assert not at.error
    assert before.stat().st_ino != number, "it is another file"
    assert {button.key: button.label for button in at.button}[f"build {INT8}"] == "Build again"


def test_the_hosted_demo_builds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AWIY_HOSTED", "1")
    at = page()
    assert not [button for button in at.button if button.key and button.key.startswith("build ")]
