"""The page Find: what a kept search says, by objective, and what was left out."""

import io
import itertools
import json
import zipfile
from dataclasses import replace

import pytest

from src import environments
from src.accuracy.known_accuracy import Known
from src.bundle import apart
from src.bundle.runtimes import NoBundle
from src.progress import Progress
from src.references.reference import infinity
from src.releases import Release
from src.search import live, process, state
from src.search import search as searching
from src.search.points import Point
from src.search.screen import FAILED, Screened
from src.search.state import Search
from src.store import runs
from src.store.database import Store
from src.ui import search_chart
from src.ui.pages import find
from tests.app.test_pages import page, spec, store
from tests.confirmed import confirmed
from tests.search_host import BEST, ROW, SLOW, Host, begin, conduct

__all__ = ["store"]  # a fixture


@pytest.fixture
def search(store: Store, monkeypatch: pytest.MonkeyPatch) -> Search:
    host = Host(store, itertools.count(1))
    host.fails = {f"{ROW}~gelu=fast"}
    monkeypatch.setattr(searching, "screen", lambda *arguments: host.screen(*arguments))
    conductor, _ = conduct(host, begin())
    return conductor.search


def test_without_a_search_it_says_how_to_begin_one(store: Store):
    at = page("find")
    assert [one.value for one in at.info] == ["No search is kept yet."]
    assert not [one for one in at.expander if one.label == "Take it away"]
    assert any("The command that searches" in one.label for one in at.expander)


def test_a_search_is_told_drawn_and_taken_along(search: Search):
    at = page("find")
    (told,) = at.success
    assert f"{BEST} in" in told.value.replace("\\", "")
    chart = spec(at)
    names = [trace["name"] for trace in chart["data"]]
    assert names == ["onnxruntime", "onnxruntime, raced only"]
    drawn = [entry[0] for trace in chart["data"] for entry in trace["customdata"]]
    assert {SLOW, ROW, BEST} <= set(drawn)
    frame = at.dataframe[0].value
    assert frame["Configuration"].iloc[0] == BEST
    assert frame["Says"].iloc[0] == "fastest, proposed"
    assert any(one.label == "Left out by the screen (1)" for one in at.expander)
    assert f"{ROW}~gelu=fast" in at.table[0].value.index
    assert any("13 configurations screened, 12 passed, 12 raced" in one.value for one in at.caption)


def test_a_search_that_was_killed_says_how_to_go_on(search: Search):
    state.keep(replace(search, heats=search.heats[:2], ended_at=""))
    at = page("find")
    told = [one.value for one in at.info]
    assert "It was stopped before its end, and can go on where it was." in told
    assert any("Nothing is confirmed for 16 tokens" in one for one in told)


def test_the_hosted_demo_shows_no_paths_and_no_commands(search: Search, monkeypatch: pytest.MonkeyPatch):
    failed = Screened("openvino-int8", FAILED, "OSError: /root/secret/model.xml")
    asked = replace(search.asked, datasets=("/root/secret/labelled.tsv",))
    state.keep(replace(search.with_screened(failed), asked=asked, ended_at=""))
    monkeypatch.setenv("AWIY_HOSTED", "1")
    at = page("find")
    assert "openvino-int8" in at.table[0].value.index
    assert "secret" not in at.table[0].value.to_string()
    told = json.dumps(find.document(state.find(search.id), []))
    assert "openvino-int8" in told
    assert "secret" not in told
    assert not [one for one in at.expander if "ommand" in one.label or one.label == "Go on"]


def test_the_answer_is_taken_away_as_a_zip(store: Store):
    engine = "onnxruntime-int8"
    kept = confirmed(store, engine)
    at = page("find")
    assert at.selectbox(key="f_bundle_engine").options == ["ONNX Runtime INT8 (proposed)"]
    assert any("Apache-2.0 and MIT" in one.value.replace("\\", "") for one in at.markdown)
    at.button(key="f_bundle").click().run(timeout=120)
    assert not at.error
    with zipfile.ZipFile(io.BytesIO(at.session_state[f"bundle {kept.id} (16,) {engine}"])) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
        evidence = json.loads(archive.read(f"bundle-{kept.id}/evidence.json"))
    assert {"model.onnx", "infer.py", "check.py", "README.md"} <= names
    assert evidence["search"] == kept.id


def test_why_nothing_is_handed_over_is_told(search: Search, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> bytes:
        raise NoBundle("It is not what was measured any more.")

    monkeypatch.setattr(apart, "zipped", refuse)
    at = page("find")
    at.button(key="f_bundle").click().run()
    (told,) = at.error
    assert told.value.replace("\\", "") == "It is not what was measured any more."


def test_a_click_begins_a_search_in_a_process_of_its_own(store: Store, monkeypatch: pytest.MonkeyPatch):
    begun: list[str] = []
    monkeypatch.setattr(process, "start", begun.append)
    here = [Release("onnxruntime", version) for version in ("1.23.1", "1.24.1", "1.24.4")]
    monkeypatch.setattr(environments, "usable_releases", lambda: here)
    at = page("find")
    assert at.multiselect(key="f_releases").value == ["onnxruntime@1.24.4", "onnxruntime@1.23.1"]
    at.multiselect(key="f_releases").set_value(["onnxruntime@1.24.1"])
    at.get_by_key("f_lengths").set_value([16])
    at.slider(key="f_minutes").set_value(5)
    at.slider(key="f_memory").set_value(900)
    at.multiselect(key="f_engines").set_value(["pytorch-fp32"])
    needed = at.get_by_key("f_packages").value
    at.get_by_key("f_packages").set_value([name for name in needed if name != "onnx"])
    at.button(key="f_begin").click().run()
    assert not at.exception
    (kept,) = state.kept()
    assert begun == [kept.id]
    assert at.query_params["search"] == kept.id
    asked = kept.asked
    assert (asked.lengths, asked.budget_s, asked.memory_mb, asked.load_s) == ((16,), 300.0, 900.0, None)
    assert (asked.engines, asked.max_drop, asked.scope) == (("pytorch-fp32",), 0.01, "model")
    assert asked.releases == ("onnxruntime@1.24.1",)
    assert asked.packages == tuple(name for name in needed if name != "onnx")


def test_a_file_of_texts_is_searched_for(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "start", lambda id: None)
    at = page("find")
    at.get_by_key("f_percentile").set_value(99).run()
    at.file_uploader(key="f_texts").set_value(
        ("reviews.txt", b"I liked this film.\n" * 3, "text/plain")
    ).run()
    assert at.get_by_key("f_lengths").disabled
    assert "Lowest" not in {control.label for control in at.get("segmented_control")}, "it is their mean"
    at.button(key="f_begin").click().run()
    assert not at.exception
    (kept,) = state.kept()
    assert (kept.asked.lengths, kept.asked.shares, kept.asked.texts) == ((8,), (1.0,), "reviews.txt")
    assert any("8 tokens for 100%" in one.value for one in at.caption)


def test_what_cannot_be_searched_says_what_to_ask_for(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "start", lambda id: pytest.fail("it began"))
    at = page("find")
    at.text_input(key="f_dataset").set_value("no-such.tsv")
    at.button(key="f_begin").click().run()
    (told,) = at.error
    assert "such.tsv cannot be read" in told.value.replace("\\", "")
    assert not state.kept()


def test_one_that_goes_on_shows_how_far_it_is_and_can_be_stopped(
    search: Search, monkeypatch: pytest.MonkeyPatch
):
    going_on = replace(search, ended_at="", spent_s=300.0)
    state.keep(going_on)
    stopped: list[str] = []
    monkeypatch.setattr(process, "stop", stopped.append)
    teller = live.Teller(search.id)
    teller.keep(live.Told("Race: round 9 is done", rounds=9, racers=(live.Racer(ROW, 9, False, (1.5,)),)))
    with process.conducting(search.id):
        at = page("find")
        assert not [one for one in at.info if "stopped before its end" in one.value]
        assert any(one.proto.text.replace("\\", "") == "Race: round 9 is done" for one in at.get("progress"))
        race = next(one.value for one in at.dataframe if "State" in one.value)
        assert list(race["State"]) == ["dropped after round 9"]
        assert list(race["16 tokens"]) == ["×1.50"]
        at.button(key="f_stop").click().run()
    assert stopped == [search.id]


def test_strangers_see_that_one_goes_on_and_cannot_stop_it(search: Search, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOSTED", "1")
    state.keep(replace(search, ended_at=""))
    waiting = Progress("wait", "Waiting for another measurement on this host (a benchmark, process 4711)")
    live.Teller(search.id).tell(waiting)
    with process.conducting(search.id):
        at = page("find")
    (bar,) = at.get("progress")
    assert "Waiting for another measurement" in bar.proto.text
    assert "4711" not in bar.proto.text
    assert "f_stop" not in {one.key for one in at.button}


def test_two_searches_do_not_wait_for_each_other(search: Search, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "start", lambda id: pytest.fail("it began"))
    with process.conducting(search.id):
        at = page("find")
        at.button(key="f_begin").click().run()
    assert any("goes on. Stop it, or wait" in one.value.replace("\\", "") for one in at.error)
    assert len(state.kept()) == 1


def test_a_search_whose_run_was_deleted_leaves_the_form(search: Search, store: Store):
    runs.remove(store, search.heats[-1].run)
    at = page("find")
    assert at.error
    assert "f_begin" in {one.key for one in at.button}


def test_why_a_search_could_not_go_on_is_told(search: Search):
    state.keep(replace(search, ended_at="", problem="No row that can run here is left."))
    at = page("find")
    assert any("No row that can run here is left" in one.value.replace("\\", "") for one in at.error)


def test_the_link_chooses_the_search(search: Search, store: Store):
    newer = replace(search, id="20991231-000000-ffff", heats=(), screened=(), ended_at="")
    state.keep(newer)
    at = page("find", search=search.id)
    assert at.success
    at = page("find")
    assert not at.success, "the latest comes first"


def test_points_show_what_is_lost_and_areas_are_memory():
    points = [
        Point(ROW, 1.0, 20, True, True, None, 400.0),
        Point(SLOW, 2.0, 9, False, False, Known("holds", "", accuracy=0.9, n=340, drop=0.004), 100.0),
        Point("openvino-int8", 3.0, 9, False, False, None, None),
    ]
    large, quarter, unknown = search_chart.sizes(points)
    assert large == 2 * quarter
    assert unknown == search_chart.LEAST_PX
    figure = search_chart.picture(points, [infinity("cpu")[0]])
    assert [shape.type for shape in figure.layout.shapes] == ["rect", "line"]
    assert {value for trace in figure.data for value in trace.y} == {0.0, 0.4}
    worse, better = figure.layout.yaxis.range
    assert worse > better, "what loses nothing is on top"


def test_a_search_that_came_in_a_file_says_so_and_does_not_go_on(search: Search):
    state.keep(replace(search, ended_at="", imported=True))
    at = page("find")
    assert any("It came in a file" in one.value for one in at.caption)
    assert "f_go_on" not in {one.key for one in at.button}


def test_strangers_cannot_forget_one(search: Search, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWIY_HOSTED", "1")
    assert "f_delete" not in {one.key for one in page("find").button}
