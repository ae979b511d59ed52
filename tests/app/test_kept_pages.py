"""The pages History and Compare on a real store, and what a hosted app lets its visitors do."""

import json
from dataclasses import asdict, replace

import pytest

from src.bench import plan
from src.jobs import queue
from src.limits import HOSTED, OUT_OF_ORDER
from src.store import runs
from src.store.database import Store
from tests.app.test_pages import FIRST, SECOND, THIRD, TIMES, opened, page, spec, store, three
from tests.unit.test_results import QUIET, made
from tests.unit.test_store import kept, with_id

__all__ = ["store", "three"]  # fixtures


# --- History


def test_an_empty_history_leads_on(store: Store):
    at = page("history")
    assert any("No run is kept yet" in one.value for one in at.info)


def test_history_lists_finds_and_draws_a_trend(three: Store):
    at = page("history")
    frame = at.dataframe[0].value
    assert list(frame["Run"]) == [THIRD, "After the <b>update</b>", FIRST]
    assert set(frame["Verdict"]) == {"valid"}
    assert list(frame["Samples"]) == [800] * 3
    at.text_input(key="h_search").set_value("update").run()
    assert list(at.dataframe[0].value["Run"]) == ["After the <b>update</b>"]
    at.text_input(key="h_search").set_value("nothing like it").run()
    assert any("No run fits" in one.value for one in at.info)
    traces = {trace["name"]: trace for trace in spec(at)["data"]}
    assert traces.keys() == {"here", "there"}, "the hosts' names are enough"
    assert len(traces["here"]["x"]) == 2


def test_a_run_is_renamed_and_deleted_only_after_a_question(three: Store):
    at = page("history")
    at.session_state["h_dialog"] = ("rename", [FIRST])
    at.run()
    assert [one.key for one in at.text_input] == ["h_search", "rename_title"]
    at.session_state["h_dialog"] = ("delete", [THIRD])
    at.run()
    assert any(THIRD in one.value.replace("\\", "") for one in at.markdown)
    assert [one for one in at.button if one.key == "delete_yes"]
    assert len(runs.listed(three)) == 3, "nothing is deleted by the question"


def test_what_measured_nothing_is_not_called_valid(store: Store):
    record = with_id(made(TIMES), FIRST)
    record.slices.clear()
    kept(store, record)
    assert list(page("history").dataframe[0].value["Verdict"]) == ["–"]
    at = page("benchmark", run=FIRST)
    assert any("Nothing was measured" in one.value for one in at.info)


def test_a_run_whose_every_slice_was_disturbed_says_by_what_and_is_taken_along(store: Store):
    """As one that is cancelled in its first round on a crowded host."""
    record = with_id(made(TIMES, rounds=1), FIRST)
    busy = replace(QUIET, others_cores=0.9)
    for cell, slices in record.slices.items():
        record.slices[cell] = [replace(slice, disturbed=("others",), evidence=busy) for slice in slices]
    kept(store, record)
    at = page("benchmark", run=FIRST)
    assert not at.exception
    assert any("Nothing was measured" in one.value for one in at.info)
    assert any("4 of 4 slices were disturbed" in one.value for one in at.warning)
    assert {one.key for one in at.get("download_button")} == {"download_json", "download_csv", "download_md"}


def test_hosts_of_one_name_are_two_lines(store: Store):
    for id, cpu in ((FIRST, "A CPU"), (SECOND, "Another")):
        kept(store, with_id(made(TIMES, name="localhost", cpu=cpu), id))
    assert {trace["name"] for trace in spec(page("history"))["data"]} == {
        "localhost, A CPU",
        "localhost, Another",
    }


# --- Compare


def test_compare_lists_what_differs_and_judges_each_cell(three: Store):
    at = page("compare", runs=[FIRST, SECOND])
    frame = at.dataframe[0].value
    lines = frame.set_index("Engine")
    assert lines.loc["onnxruntime-int8", "Relative"] == "faster"
    assert lines.loc["pytorch-fp32", "Relative"] == "tie"
    assert lines.loc["onnxruntime-int8", "Ratio to baseline, new ÷ base"].startswith("×0.7")
    assert any("are the same" in one.value for one in at.success)


def test_two_hosts_are_compared_with_a_warning_and_what_differs_first(three: Store):
    at = page("compare", runs=[FIRST, THIRD])
    assert any("different hosts" in one.value for one in at.warning)
    assert {"host name", "host cpu"} <= set(at.table[0].value.index)


def test_several_runs_beside_one_base(three: Store):
    at = page("compare", runs=[FIRST, SECOND, THIRD])
    assert len(at.dataframe) == 2


def test_compare_needs_two(store: Store):
    assert any("Two runs" in one.value for one in page("compare").info)
    kept(store, with_id(made(TIMES), FIRST))
    kept(store, with_id(made(TIMES), SECOND))
    assert any("Choose the base" in one.value for one in page("compare", runs=["nothing"]).info)


# --- Hosted


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWIY_HOSTED", "1")


@pytest.mark.usefixtures("hosted")
def test_the_hosted_demo_takes_small_plans_and_changes_nothing(three: Store):
    at = page("benchmark")
    assert at.number_input(key="b_budget").max == HOSTED.budget_s
    at = page("history")
    assert not at.get("file_uploader")
    for what in ("rename", "delete"):  # also not for who finds another way to ask
        at.session_state["h_dialog"] = (what, [FIRST])
        at.run()
        assert not [one for one in at.button if one.key in ("rename_save", "delete_yes")]


@pytest.mark.usefixtures("hosted")
def test_the_hosted_demo_tells_no_details_of_the_machine(store: Store, monkeypatch: pytest.MonkeyPatch):
    job = queue.ask(store, plan.quick(), "embedded", 40.0, "click", "secret")
    queue.end(store, job.id, "failed", "No such file: /secret/path")
    at = page("benchmark", job=job.id)
    assert not any("/secret/path" in one.value for one in (*at.error, *at.markdown, *at.caption))
    monkeypatch.setenv("AWIY_HOME", "/dev/null/home")
    at = page("history")
    assert [one.value for one in at.error] == [OUT_OF_ORDER]


@pytest.mark.usefixtures("hosted")
def test_one_visitor_has_one_run_at_a_time(store: Store):
    at = page("benchmark")
    at.button(key="run").click().run()
    del at.query_params["job"]
    at.session_state["last_click"] = None
    at.run()
    at.button(key="run").click().run()
    assert any("You have a run" in one.value for one in at.error)
    assert len(queue.waiting(store)) == 1


def test_sign_in_stops_who_has_not(store: Store):
    at = opened("history")
    at.secrets["auth"] = {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x"}
    at.user = {"is_logged_in": False}
    at.run()
    assert not at.exception
    assert [one.label for one in at.button] == ["Sign in"]
    assert not at.dataframe
    at.user = {"is_logged_in": True, "email": "me@example.org", "email_verified": True}
    at.run()
    assert any("me" in one.value and "Signed in" in one.value for one in at.caption)


def test_the_plan_of_a_job_is_the_plan_asked_for(store: Store):
    """Through JSON and back."""
    for name in plan.PRESETS:
        asked = plan.preset(name)
        assert plan.from_json(json.loads(json.dumps(asdict(asked)))) == asked
