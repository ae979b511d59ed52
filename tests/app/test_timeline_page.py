"""The page Timeline on a real store: what is kept is drawn, and the form says what is missing."""

import json
import re
from dataclasses import replace

from src import environments
from src.bench import catalogue, making_apart
from src.bench.catalogue import Catalogue, Offer
from src.bench.environments import EnvironmentFailed
from src.host import machine
from src.jobs import queue
from src.store.database import Store
from src.ui import timeline_chart
from tests.app.test_pages import FIRST, page, spec, store
from tests.release_fakes import FakeRuntime, factors
from tests.rows import MODEL
from tests.unit.test_store import kept

__all__ = ["store"]  # a fixture

VERSIONS = ["1.23.2", "1.24.4", "1.25.0", "1.26.0"]


def fill(store: Store, repeats: int) -> None:
    """Keep a time line with a step at 1.25.0, and so many runs that repeat it."""
    threads = machine.default_threads()  # tests may have one CPU each
    runtime = FakeRuntime(
        factors({"1.25.0": 1.8}, VERSIONS), 5, fails=("1.23.2",), lengths=(16, 128), threads=threads
    )
    record = runtime.record(VERSIONS, FIRST)
    assert record.begun
    record.add(replace(record.begun, model=MODEL))
    kept(store, record)
    for number in range(repeats):
        kept(store, runtime.record(VERSIONS[1:3], f"2026112{number}-000000-abcd", confirms=FIRST))


def test_without_one_it_says_how_to_get_one(store: Store):
    at = page("timeline")
    told = [one.value for one in at.info]
    assert "No time line is kept yet." in told
    assert any("python -m src timeline onnxruntime --minor" in one for one in told)


def test_a_kept_one_is_drawn_with_its_steps(store: Store):
    fill(store, repeats=3)
    at = page("timeline")
    chart = spec(at)
    assert chart["layout"]["xaxis"]["categoryarray"] == VERSIONS
    assert chart["layout"]["yaxis"]["type"] == "log"
    (line,) = chart["data"]
    assert line["x"] == VERSIONS[1:], "what did not run has no point"
    assert abs(line["y"][0] - 1 / 1.8) < 0.05
    (note,) = [one for one in chart["layout"]["annotations"] if one.get("x")]
    assert note["x"] == "1.25.0"
    (ratio,) = re.findall(r"×([\d.]+)", note["text"])
    assert 1.75 < float(ratio) < 1.85
    frame = at.dataframe[0].value
    assert list(frame["State"]) == ["confirmed"] * 2
    assert any("Unsupported model IR version" in one.value.replace("\\", "") for one in at.markdown)
    assert not [one for one in at.button if one.key == "t_repeat"]
    assert [one for one in at.toggle if one.key == "t_report"]


def test_latency_has_milliseconds_and_no_number_that_encloses_more(store: Store):
    fill(store, repeats=0)
    at = page("timeline", t_view="Latency")
    chart = spec(at)
    assert "ms" in chart["layout"]["yaxis"]["title"]["text"]
    names = [shape.get("name", "") for shape in chart["layout"]["shapes"]]
    assert not any("Infinity" in name for name in names), "its numbers are of scope pipeline"
    assert not any("Infinity" in note["text"] for note in chart["layout"]["annotations"])
    assert any("none stands here" in one.value for one in at.caption)


def test_a_step_seen_once_is_repeated_at_a_click(store: Store, monkeypatch):
    fill(store, repeats=0)
    at = page("timeline")
    assert list(at.dataframe[0].value["State"]) == ["seen once"] * 2
    assert ">?<" in spec(at)["layout"]["annotations"][0]["text"]
    monkeypatch.setattr(environments, "trouble", lambda name: None)  # as if both releases were here
    at = page("timeline")
    next(one for one in at.button if one.key == "t_repeat").click().run()
    assert not at.exception
    jobs = queue.waiting(store)
    assert len(jobs) == 3, [one.value for one in at.error]
    assert {job.plan.confirms for job in jobs} == {FIRST}
    assert len({job.plan.seed for job in jobs}) == 3


def test_its_form_asks_for_the_releases_that_are_here(store: Store, monkeypatch):
    folders = [environments.folder(f"onnxruntime@{version}") for version in VERSIONS[1:3]]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / environments.MANIFEST).write_text(json.dumps({"python": "3.13"}))
    monkeypatch.setattr(environments, "trouble", lambda name: None)
    at = page("timeline")
    next(one for one in at.button if one.key == "t_go").click().run()
    assert not at.exception
    (job,) = queue.waiting(store)
    assert {engine.partition("@")[2] for engine in job.plan.engines} == set(VERSIONS[1:3])
    assert job.plan.preset == "timeline"
    assert at.query_params["job"] in (job.id, [job.id])
    assert any("You may close this page" in one.value for one in at.caption), "it is shown while it waits"
    assert all(anchor.endswith("@1.25.0") for anchor in job.plan.anchors)


def test_of_many_releases_the_first_of_each_minor_version_stands_at_the_axis():
    few = ["1.9.0", "1.9.1", "1.10.0"]
    assert timeline_chart.named(few) == few
    many = [f"1.{minor}.{patch}" for minor in range(2, 12) for patch in (0, 1, 2)]
    assert timeline_chart.named(many) == [*(f"1.{minor}.0" for minor in range(2, 12)), "1.11.2"]
    alone = [f"1.{minor}.0" for minor in range(2, 36)]
    assert timeline_chart.named(alone) == alone[::-1][::3][::-1], "so far apart that they can be read"


def test_what_is_confirmed_stands_first(store: Store):
    runtime = FakeRuntime(factors({"1.24.4": 1.5, "1.25.0": 1.8}, VERSIONS), 5, lengths=(16,))
    record = runtime.record(VERSIONS, FIRST)
    assert record.begun
    record.add(replace(record.begun, model=MODEL))
    kept(store, record)
    for number in range(3):
        kept(store, runtime.record(VERSIONS[1:3], f"2026112{number}-000000-abcd", confirms=FIRST))
    frame = page("timeline").dataframe[0].value
    assert list(zip(frame["To"], frame["State"], strict=True)) == [
        ("1.25.0", "confirmed"),
        ("1.24.4", "seen once"),
    ]


def offer(*versions: str) -> None:
    """Keep what the package index is said to offer."""
    known = Catalogue("onnxruntime", "2026-11-26T10:00:00Z", tuple(Offer(one, ("3.13",)) for one in versions))
    catalogue.keep(known)


def test_releases_are_installed_at_a_click_and_what_fails_is_told(store: Store, monkeypatch):
    offer("1.26.0", "1.25.0", "1.24.4")
    asked = []

    def create(name, tell):
        asked.append(name)
        tell(1.0)
        if name.endswith("1.25.0"):
            raise EnvironmentFailed("No Python 3.13 was found.")

    monkeypatch.setattr(making_apart, "create_apart", create)
    at = page("timeline")
    at.multiselect(key="t_install_onnxruntime").select("1.26.0").select("1.25.0").run()
    assert any("About 60 s and 0.6 GB" in one.value for one in at.caption)
    at.button(key="t_install_go_onnxruntime").click().run()
    assert not at.exception
    assert asked == ["onnxruntime@1.26.0", "onnxruntime@1.25.0"], "the others go on"
    assert [one.value.replace("\\", "") for one in at.error] == [
        "ONNX Runtime 1.25.0 is left out: No Python 3.13 was found."
    ]


def test_what_does_not_fit_is_told_before(store: Store, monkeypatch):
    offer("1.26.0", "1.25.0", "1.24.4")
    monkeypatch.setenv("AWIY_RELEASES_GB", "0.5")
    at = page("timeline")
    at.multiselect(key="t_install_onnxruntime").select("1.26.0").select("1.25.0").run()
    assert any("AWIY_RELEASES_GB=2" in one.value.replace("\\", "") for one in at.warning)
    assert not [one for one in at.button if one.key == "t_install_go_onnxruntime"]


def test_a_demo_for_others_installs_nothing(store: Store, monkeypatch):
    offer("1.26.0", "1.25.0", "1.24.4")
    monkeypatch.setenv("AWIY_HOSTED", "1")
    at = page("timeline")
    assert not [one for one in at.multiselect if one.key == "t_install_onnxruntime"]
    assert not [one for one in at.button if one.key == "t_ask"]
