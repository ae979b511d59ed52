"""The page Find in a browser: on a search that is kept, whose runs are made up, and on one that goes on."""

import itertools
import json
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.engine import URL

from src.search import process
from src.search import search as searching
from src.search.state import Search
from src.store.database import opened
from tests.e2e.conftest import Server, settled
from tests.search_host import BEST, SLOW, Host, begin, conduct

NARROW = 390
MINUTE = 60_000


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Search]]:
    home = tmp_path_factory.mktemp("find-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWIY_HOME", str(home))
        host = Host(opened(URL.create("sqlite", database=str(home / "runs.db"))), itertools.count(1))
        patch.setattr(searching, "screen", lambda *arguments: host.screen(*arguments))
        conductor, _ = conduct(host, begin())
    server = Server(tmp_path_factory.mktemp("find-server") / "log.txt", AWIY_HOME=str(home))
    yield server, conductor.search
    server.stop()


def test_a_kept_search_says_what_to_ship_is_drawn_and_taken_along(page: Page, found: tuple[Server, Search]):
    server, search = found
    page.goto(f"{server.url}/find")
    settled(page)
    expect(page.get_by_text(f"16 tokens: {BEST} in")).to_be_visible()
    chart = page.locator(".st-key-f_chart .js-plotly-plot")
    expect(chart).to_be_visible()
    assert chart.locator(".scatterlayer .trace").count() == 2
    with page.expect_download() as waiting:
        page.locator(".st-key-f_json button:visible").click()
    document = json.loads(Path(waiting.value.path()).read_text())
    assert document["search"]["id"] == search.id
    assert document["proposals"][0]["simplest"] == BEST
    with page.expect_download() as waiting:
        page.locator(".st-key-f_zip button:visible").click()
    with zipfile.ZipFile(waiting.value.path()) as packed:
        assert set(packed.namelist()) == {"search.json", *(f"runs/{heat.run}.json" for heat in search.heats)}
    page.get_by_text("Its runs").click()
    run = page.get_by_role("link", name=search.heats[-1].run)
    expect(run).to_be_visible()
    page.goto(f"{server.url}/{run.get_attribute('href')}")
    settled(page)
    expect(page.get_by_text(f"Run {search.heats[-1].run}")).to_be_visible()


def test_it_fits_a_phone(page: Page, found: tuple[Server, Search]):
    server, _ = found
    page.set_viewport_size({"width": NARROW, "height": 844})
    page.goto(f"{server.url}/find")
    settled(page)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= NARROW


def test_it_is_forgotten_after_a_question_and_comes_back_from_its_file(
    page: Page, found: tuple[Server, Search], tmp_path: Path
):
    server, search = found
    page.goto(f"{server.url}/find")
    settled(page)
    with page.expect_download() as waiting:
        page.locator(".st-key-f_zip button:visible").click()
    waiting.value.save_as(tmp_path / "search.zip")
    page.locator(".st-key-f_delete button:visible").click()
    expect(page.get_by_text("Its runs are kept: History has them.")).to_be_visible()
    page.locator(".st-key-f_delete_yes button:visible").click()
    expect(page.get_by_text("No search is kept yet.")).to_be_visible()
    page.goto(f"{server.url}/benchmark?run={search.heats[-1].run}")
    settled(page)
    expect(page.get_by_text(f"Run {search.heats[-1].run}")).to_be_visible()
    page.goto(f"{server.url}/history")
    settled(page)
    page.get_by_text("Add a run from a file").click()
    page.locator("input[type=file]").set_input_files(str(tmp_path / "search.zip"))
    expect(page.get_by_text(f"Added as {search.id}")).to_be_visible()
    page.get_by_role("link", name="Open it").click()
    expect(page.get_by_text("It came in a file")).to_be_visible()
    expect(page.get_by_text(f"16 tokens: {BEST} in")).to_be_visible()


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> Iterator[tuple[Server, Path]]:
    """A server of one row, whose artifacts are those of the session, without a search."""
    home = tmp_path_factory.mktemp("live-find-home")
    (shared_home / "artifacts").mkdir(exist_ok=True)
    (home / "artifacts").symlink_to(shared_home / "artifacts")
    log = tmp_path_factory.mktemp("live-find-server") / "log.txt"
    server = Server(log, AWIY_HOME=str(home), AWIY_ENGINES=SLOW)
    yield server, home
    for path in (home / "searches").glob("*.json"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWIY_HOME", str(home))
            process.stop(path.stem)
    server.stop()


@pytest.mark.timeout(600)
def test_a_search_is_begun_watched_stopped_and_goes_on(page: Page, empty: tuple[Server, Path]):
    server, home = empty
    page.goto(f"{server.url}/find")
    settled(page)
    expect(page.get_by_text("No search is kept yet.")).to_be_visible()
    page.locator(".st-key-f_lengths").get_by_role("button", name="128", exact=True).click()
    settled(page)
    page.locator(".st-key-f_begin button:visible").click()
    expect(page.get_by_text(re.compile("Race: round"))).to_be_visible(timeout=4 * MINUTE)
    expect(page.get_by_text("Latency ÷ the leader's in the same rounds")).to_be_visible(timeout=MINUTE)
    assert not page.get_by_text("Nothing is confirmed").count(), "it goes on"
    (kept,) = (home / "searches").glob("*.json")
    search = json.loads(kept.read_text())
    assert search["asked"]["lengths"] == [16]
    assert {one["state"] for one in search["screened"]} == {"passes"}
    page.locator(".st-key-f_stop button:visible").click()
    expect(page.get_by_text("It was stopped before its end, and can go on where it was.")).to_be_visible(
        timeout=MINUTE
    )
    before = json.loads(kept.read_text())
    page.locator(".st-key-f_go_on button:visible").click()
    expect(page.locator(".st-key-f_stop button:visible")).to_be_visible(timeout=MINUTE)
    deadline = time.monotonic() + 120
    while len(json.loads(kept.read_text())["heats"]) <= len(before["heats"]):
        assert time.monotonic() < deadline, "it did not go on"
        page.wait_for_timeout(1000)
    assert json.loads(kept.read_text())["screened"][: len(before["screened"])] == before["screened"]
