"""The page Find in a browser, on a search that is kept: its runs are made up, its store and page are real."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.engine import URL

from src.search import search as searching
from src.search.state import Search
from src.store.database import opened
from tests.e2e.conftest import Server, settled
from tests.search_host import BEST, Host, begin, conduct

NARROW = 390


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
