"""The home page on real engines, through Streamlit's AppTest."""

import json
import re

import pytest
from streamlit.testing.v1 import AppTest

from src import words
from src.bench.sentence_result import SentenceResult
from src.engines import registry
from src.model import embedded
from tests.conftest import DEMO, ROOT, SIX

pytestmark = pytest.mark.one_cpu


@pytest.fixture(scope="module")
def page() -> AppTest:
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=280).run()


def answer(at: AppTest) -> SentenceResult:
    return at.session_state["kept"][1]


def test_opening_the_page_measures_infinitys_sentence(page: AppTest):
    assert not page.exception
    assert page.text_input(key="sentence").value == DEMO
    found = answer(page)
    assert found.tokens == 16
    assert {row.engine for row in found.engines} == set(SIX)
    heading = next(element.value for element in page.markdown if element.value.startswith("###"))
    assert heading.startswith(("### Yes", "### No", "### Too close"))
    assert "stated 2.6 ms" in heading


def test_the_table_shows_the_numbers_of_the_answer(page: AppTest):
    rows = sorted(answer(page).engines, key=lambda row: row.pipeline.median_ms)
    table = page.table[0].value
    assert len(table) == 6
    for row, (_, line) in zip(rows, table.iterrows(), strict=True):
        assert f"**{words.significant(row.pipeline.median_ms)}**" in line["Pipeline, ms"]
        assert f"**{words.significant(row.model.median_ms)}**" in line["Model, ms"]
        assert line["To Infinity"] == words.times(row.pipeline.median_ms / 2.6)
        assert "positive" in line["Answer"]


def test_the_chart_draws_bars_in_both_scopes_and_the_stored_lines(page: AppTest):
    spec = json.loads(page.get("plotly_chart")[0].proto.spec)
    assert [trace["name"] for trace in spec["data"]] == ["pipeline", "model"]
    lines = {shape["name"]: shape["x0"] for shape in spec["layout"]["shapes"]}
    assert lines == {
        "Infinity, 16 tokens: 2.60 ms (stored, 2021)": 2.6,
        "Infinity, 128 tokens: 9.70 ms (stored, 2021)": 9.7,
    }
    assert "lower is better" in spec["layout"]["xaxis"]["title"]["text"]


def test_a_rerun_without_a_change_does_not_measure_again(page: AppTest):
    before = answer(page).measured_at, answer(page).engines[0].model
    page.run()
    assert (answer(page).measured_at, answer(page).engines[0].model) == before


def test_the_long_example_is_one_click(page: AppTest):
    page.button(key="example 128 tokens").click().run()
    assert answer(page).tokens == 128
    assert "9.7 ms" in next(element.value for element in page.markdown if element.value.startswith("###"))
    assert page.query_params["sentence"].startswith("Hugging Face, the winner")


def test_another_length_is_not_divided(page: AppTest):
    page.text_input(key="sentence").set_value("Good film.").run()
    heading = next(element.value for element in page.markdown if element.value.startswith("###"))
    assert "Nothing is divided" in heading
    assert "To Infinity" not in page.table[0].value.columns


def test_choosing_engines_measures_only_those(page: AppTest):
    page.pills(key="engines").set_value(["onnxruntime-int8"]).run()
    assert [row.engine for row in answer(page).engines] == ["onnxruntime-int8"]
    page.pills(key="engines").set_value([]).run()
    assert any("No engine is chosen" in info.value for info in page.info)
    page.pills(key="engines").set_value(["onnxruntime-int8"]).run()


@pytest.mark.parametrize("text", ["", "   ", "x" * 10_001])
def test_bad_text_gets_a_message(page: AppTest, text: str):
    page.text_input(key="sentence").set_value(text).run()
    assert not page.exception
    assert len(page.error) == 1


def test_markup_in_the_text_stays_text(page: AppTest):
    page.text_input(key="sentence").set_value(
        "<img src=x onerror=alert(1)> ![x](http://example.org/x.png)"
    ).run()
    assert not page.exception
    assert not [
        element for element in page.markdown if "onerror" in element.value or "example.org" in element.value
    ]


def test_the_link_restores_text_and_choices():
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=280)
    at.query_params["sentence"] = "A fine film."
    at.query_params["engines"] = "ONNX Runtime INT8"
    at.query_params["threads"] = "1"
    at.run()
    assert at.text_input(key="sentence").value == "A fine film."
    found = answer(at)
    assert found.text == "A fine film."
    assert found.threads == 1
    assert [row.engine for row in found.engines] == ["onnxruntime-int8"]


def test_what_cannot_run_is_listed_with_reasons(page: AppTest):
    table = page.table[-1].value
    assert len(table) >= 19
    assert (table["Why"].str.len() > 10).all()


def test_a_failed_engine_is_shown_in_its_own_words_and_never_as_markup(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_EXTRA_ENGINES", "tests.fakes:ENGINES")
    import streamlit as st

    st.cache_resource.clear()  # a measurer that knows the fakes
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=280)
    at.query_params["engines"] = ["Fake markup", "Fake negative", "ONNX Runtime INT8"]
    at.run()
    assert not at.exception
    assert len(at.error) == 1
    shown = at.error[0].value
    assert "Fake markup failed" in shown
    assert "onerror" in shown, "its words are told"
    unescaped = re.sub(r"\\.", "", shown.partition("failed.** ")[2])
    assert not set("<>[]()!$*`") & set(unescaped)
    assert any("Fake negative: another label" in warning.value for warning in at.warning)
    assert ":red-badge[other label]" in at.table[0].value.loc["Fake negative", "Answer"]
    heading = next(element.value for element in at.markdown if element.value.startswith("###"))
    assert "ONNX Runtime INT8" in heading, (
        "an engine that gives another label is not the fastest faithful one"
    )
    st.cache_resource.clear()


def test_engines_that_are_not_proven_are_flagged(page: AppTest):
    """Their stored gates count here where their files are the same."""
    page.pills(key="engines").set_value(["torchscript-int8", "onnxruntime-int8"]).run()
    page.text_input(key="sentence").set_value(DEMO).run()
    stored = {row["engine"]: row for row in embedded.stored_accuracy()["engines"]}
    states = {row.engine: row.accuracy and row.accuracy.state for row in answer(page).engines}
    for row in answer(page).engines:
        theirs = stored[row.engine]
        same = row.fingerprint.artifact_sha256 == theirs["fingerprint"]["artifact_sha256"]
        assert states[row.engine] == (theirs["gate"]["state"] if same else None)
    table = page.table[0].value
    for id, state in states.items():
        badge = table.loc[registry.get(id).title, "Answer"]
        assert ("not proven" in badge) == (state == "not proven")
        assert ("not known" in badge) == (state is None)
