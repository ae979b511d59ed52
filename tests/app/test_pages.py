"""The page Benchmark on a real store, through Streamlit's AppTest."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from src.bench import plan
from src.bench.events import TWIN, Failed
from src.figures.run import JudgedRatio
from src.jobs import queue
from src.jobs.live import Live, LiveCell, Step
from src.store import runs
from src.store.database import Store, open_store
from tests.conftest import ROOT
from tests.rows import MODEL
from tests.unit.test_results import BASELINE, CASE, made
from tests.unit.test_store import kept, with_id

TIMES = {BASELINE: 2.0, BASELINE + TWIN: 2.0, "onnxruntime-int8": 1.2, "pytorch-fp32": 6.0}
FIRST, SECOND, THIRD = "20261101-000000-aaaa", "20261102-000000-bbbb", "20261103-000000-cccc"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AWIY_HOME", str(tmp_path / "home"))
    st.cache_data.clear()
    st.cache_resource.clear()
    return open_store()


@pytest.fixture
def three(store: Store) -> Store:
    faster = made({**TIMES, "onnxruntime-int8": 0.9}, seed=2, name="here")
    records = (made(TIMES, name="here"), faster, made(TIMES, seed=3, name="there", cpu="Other"))
    for day, (id, record) in enumerate(zip((FIRST, SECOND, THIRD), records, strict=True), 1):
        kept(store, with_id(record, id, started_at=f"2026-11-0{day}T00:00:00Z", model=MODEL))
    runs.rename(store, SECOND, "After the <b>update</b>")
    return store


def opened(name: str) -> AppTest:
    """A page by a cold link: the home page has not run before."""
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).switch_page(f"pages/{name}.py")


def page(name: str, **link: str | list[str]) -> AppTest:
    at = opened(name)
    for key, value in link.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def heading(at: AppTest) -> str:
    return next(element.value for element in at.markdown if element.value.startswith("###"))


def spec(at: AppTest, number: int = 0) -> dict:
    return json.loads(at.get("plotly_chart")[number].proto.spec)


# --- Benchmark


def test_the_form_begins_with_the_quick_preset_and_its_duration(store: Store):
    at = page("benchmark")
    assert at.pills(key="b_tokens").value == [16, 128]
    assert at.pills(key="b_scope").value == ["model"]
    assert any("About **" in element.value and "at most 55 s" in element.value for element in at.markdown)
    assert not at.button(key="run").disabled


def test_a_preset_fills_the_form_and_a_change_is_ones_own_plan(store: Store):
    at = page("benchmark")
    at.get_by_key("b_preset").set_value("writeup").run()
    assert at.pills(key="b_scope").value == ["model", "pipeline"]
    at.button(key="run").click().run()
    assert not at.exception
    (job,) = queue.waiting(store)
    assert job.plan.preset == "writeup"
    expected = plan.writeup()
    assert set(job.plan.engines) == set(expected.engines)
    assert replace(job.plan, engines=()) == replace(expected, engines=())


def test_run_queues_the_plan_and_the_link_shows_the_job(store: Store):
    at = page("benchmark")
    at.pills(key="b_engines").set_value(["onnxruntime-int8"]).run()
    at.pills(key="b_tokens").set_value([32]).run()
    at.button(key="run").click().run()
    (job,) = queue.waiting(store)
    assert at.query_params["job"] in (job.id, [job.id])
    assert job.plan.engines == ("onnxruntime-int8", "null")
    assert job.plan.sequence_lengths == (32,)
    assert job.plan.preset == ""
    assert at.button(key="cancel")
    at.button(key="cancel").click().run()
    assert queue.get(store, job.id).state == "cancelled"  # type: ignore[union-attr]


def test_a_double_click_is_one_job(store: Store):
    at = page("benchmark")
    at.button(key="run").click().run()
    del at.query_params["job"]
    at.run()
    at.button(key="run").click().run()
    assert len(queue.waiting(store)) == 1


def test_somebody_with_the_link_alone_watches_and_cannot_cancel(store: Store):
    job = queue.ask(store, plan.quick(), "embedded", 40.0, "click", "secret")
    at = page("benchmark", job=job.id)
    assert not [one for one in at.button if one.key == "cancel"]
    assert any("Somebody else asked" in one.value for one in at.caption)
    assert [one for one in page("benchmark", job=job.id, token="secret").button if one.key == "cancel"]


def test_who_waits_sees_their_place_and_when_it_begins(store: Store):
    for number in range(2):
        queue.ask(store, plan.quick(), "embedded", 40.0, f"c{number}", "t")
    mine = queue.ask(store, plan.quick(), "embedded", 40.0, "mine", "t")
    at = page("benchmark", job=mine.id, token="t")
    text = at.get("progress")[0].proto.text
    assert "2 runs are before yours" in text
    assert "80 s" in text


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("b_tokens", [], "No sequence length"), ("b_scope", [], "scopes"), ("b_engines", [], "No engine")],
)
def test_an_empty_choice_says_what_to_choose(store: Store, key: str, value: list, words: str):
    at = page("benchmark")
    at.pills(key=key).set_value(value).run()
    assert any(words in element.value for element in at.warning)
    assert at.button(key="run").disabled


def test_a_run_shows_its_answer_its_figures_and_its_files(three: Store):
    at = page("benchmark", run=FIRST)
    assert "onnxruntime-int8" in heading(at).replace("\\", "")
    rows = {row.engine: row for row in runs.run(three, FIRST).results}
    bars = spec(at)["data"][0]
    assert sorted(bars["y"]) == sorted(row.title for row in rows.values())
    shapes = spec(at)["layout"]["shapes"]
    assert [one["x0"] for one in shapes] == [2.6]
    assert "stored" in shapes[0]["name"]
    assert {one.proto.label for one in at.get("download_button")} == {"JSON", "CSV", "Markdown"}


@pytest.mark.parametrize("view", ["By length", "Distribution", "Table", "Host and evidence"])
def test_each_view_of_a_run(three: Store, view: str):
    at = page("benchmark", run=FIRST)
    at.get_by_key("r_view").set_value(view).run()
    assert not at.exception
    rows = {row.engine: row for row in runs.run(three, FIRST).results}
    if view == "Table":
        frame = at.dataframe[0].value
        assert list(frame["Median"]) == sorted(row.median_ms for row in rows.values())
        assert set(frame["Compared"]) <= {"faster", "slower", "tie", "baseline"}
    elif view == "Distribution":
        for trace in spec(at)["data"]:
            assert "200 calls" in trace["name"]
    elif view == "By length":
        stored = spec(at)["data"][-1]
        assert stored["marker"]["symbol"] == "diamond-open"
        assert stored["y"] == [2.6, 9.7]
    else:
        assert "A CPU" in set(at.table[0].value["Value"])


def test_links_to_nothing_say_so(three: Store):
    for link in ({"run": "20200101-000000-0000"}, {"run": "<script>"}, {"job": "nothing"}):
        at = page("benchmark", **link)
        assert len(at.warning) == 1
        assert at.button(key="run")


@pytest.mark.parametrize(
    ("state", "words"), [("failed", "Failed"), ("lost", "Lost"), ("cancelled", "Cancelled")]
)
def test_how_a_job_ended_is_said(store: Store, state: str, words: str):
    job = queue.ask(store, plan.quick(), "embedded", 40.0, "click", "secret")
    queue.end(store, job.id, state, "Because of <b>that</b>.")
    at = page("benchmark", job=job.id, token="secret")
    said = [one.value for one in (*at.error, *at.info, *at.warning)]
    assert any(words in text and "that" in text for text in said)
    assert "token" not in at.query_params, "nothing to cancel, and links are passed on"


def test_a_running_job_shows_progress_and_a_chart(store: Store):
    job = queue.ask(store, plan.quick(), "embedded", 40.0, "click", "secret")
    queue.claim(store, "me")
    assert queue.begin(store, job.id, "me")
    step = Step("measure", "Measuring", 7, 0, elapsed_s=10.0, left_s=30.0, round=7, next_look=20)
    cell = LiveCell(
        engine="onnxruntime-int8",
        title="ONNX Runtime INT8",
        **asdict(CASE),
        rounds=7,
        median_ms=1.5,
        median_ci95_ms=(1.4, 1.6),
        ratios={BASELINE: JudgedRatio(0.5, (0.48, 0.52), "faster", 7, 0.01)},
    )
    live = Live(7, (cell,), (BASELINE,), (Failed("pytorch-fp32", "no"),))
    queue.tell(store, job.id, progress=asdict(step), live=asdict(live))
    at = page("benchmark", job=job.id, token="secret")
    bar = at.get("progress")[0].proto
    assert "Round 7" in bar.text
    assert "30 s" in bar.text
    assert bar.value == 25
    states = at.table[0].value["State"]
    assert states["ONNX Runtime INT8"] == "round 7"
    assert states["PyTorch FP32"].replace("\\", "") == "failed: no"
    assert states["ONNX Runtime FP32"] == "loaded"
    assert spec(at)["data"][0]["x"] == [0.5]


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ({"b_foo": "1"}, {}),
        ({"b_preset": "full"}, {}),
        (
            {"b_precision": "bad", "b_tail": "p42", "b_pace": "x"},
            {"precision": 0.02, "percentile": 90, "pace_s": 0.0},
        ),
        ({"b_budget": "99999"}, {"budget_s": 21600.0}),
        ({"b_budget": "-5"}, {"budget_s": 55.0}),
        ({"b_tokens": "32", "b_threads": "1"}, {"sequence_lengths": (32,), "threads": (1,)}),
        ({"b_engines": "No such engine"}, {}),
    ],
)
def test_links_with_what_is_no_choice_still_give_a_plan(store: Store, link: dict, expected: dict):
    at = page("benchmark", **link)
    if at.button(key="run").disabled:
        assert at.warning, "it says what to choose"
        return
    at.button(key="run").click().run()
    (job,) = queue.waiting(store)
    assert {name: getattr(job.plan, name) for name in expected} == expected


def test_a_plan_for_the_tail_is_estimated_until_it_has_its_samples(store: Store):
    """20 rounds are enough for p90; p99 needs 662 calls of each cell."""
    at = page("benchmark")
    at.get_by_key("b_budget").set_value(600).run()
    quick = next(one.value for one in at.markdown if one.value.startswith("About"))
    at.get_by_key("b_tail").set_value("p99").run()
    tail = next(one.value for one in at.markdown if one.value.startswith("About"))
    assert "** s" not in quick
    assert "min" in tail
