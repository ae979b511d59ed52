"""The page Timeline in a browser, on a time line that was measured and is kept in docs/runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.engine import URL

from src.store import ort_csv
from src.store.database import opened
from tests.conftest import ROOT
from tests.e2e.conftest import Server, settled

KEPT = sorted((ROOT / "docs" / "runs").glob("timeline-*.json"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    assert KEPT
    home = tmp_path_factory.mktemp("timeline-home")
    store = opened(URL.create("sqlite", database=str(home / "runs.db")))
    for path in KEPT:
        ort_csv.take_in(store, path.read_bytes(), path.name)
    server = Server(tmp_path_factory.mktemp("timeline-server") / "log.txt", AWIY_HOME=str(home))
    yield server
    server.stop()


def test_a_stored_time_line_is_drawn_named_and_taken_along(page: Page, served: Server):
    page.goto(f"{served.url}/timeline")
    settled(page)
    chart = page.locator(".st-key-t_chart .js-plotly-plot")
    expect(chart).to_be_visible()
    assert chart.locator(".scatterlayer .trace").count() == 3
    for release in ("1.25.0", "1.32.0"):  # of 36, those that can be read beside each other
        expect(chart.locator(".xaxislayer-above").get_by_text(release, exact=True)).to_be_visible()
    expect(page.get_by_text("Steps", exact=True)).to_be_visible()
    page.get_by_role("radio", name="128", exact=True).click()
    settled(page)
    assert "t_tokens=128" in page.url, "the link shows what is shown"
    with page.expect_download() as waiting:
        page.locator(".st-key-t_csv button:visible").click()
    lines = Path(waiting.value.path()).read_text().splitlines()
    assert lines[0].startswith("runtime,release,engine")
    assert len({line.split(",")[1] for line in lines[1:]}) > 20


def test_it_fits_a_phone(page: Page, served: Server):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{served.url}/timeline")
    settled(page)
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= 390
