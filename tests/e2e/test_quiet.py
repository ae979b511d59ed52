"""Whoever uses the app gets a quiet one, started as they start it."""

import time
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page

from src.ui.shell import PAGES as LISTED
from tests.e2e.conftest import Server, measured, settled
from tests.e2e.test_home import download, type_sentence

RUNNING = "[data-testid='stApp'][data-test-script-state='running']"
PAGES = tuple("" if path == "app.py" else Path(path).stem for path, *_ in LISTED)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_asks_another_host(page: Page, server: Server, name: str):
    """Not even for an icon: offline it would fail, and hosted it would tell a stranger of each visitor."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/{name}")
    settled(page)
    own = (server.url, server.url.replace("http", "ws", 1), "data:", "blob:")
    assert asked
    assert [url for url in asked if not url.startswith(own)] == []
    icon = page.locator("link[rel*=icon]").first.get_attribute("href")
    assert icon
    assert not icon.startswith("http") or icon.startswith(server.url)


def test_the_app_leaves_the_cpus_to_what_is_measured(page: Page, server: Server):
    """Its own process, while a sentence is measured by engines that are warm: no watcher, no drawing."""
    page.goto(server.url)
    measured(page)
    type_sentence(page, "The second one finds everything warm.")
    measured(page)
    app = psutil.Process(server.process.pid)
    type_sentence(page, "And this is the third, which is watched.")
    page.wait_for_timeout(300)  # the click itself, and the page drawn once
    used, began = sum(app.cpu_times()[:2]), time.monotonic()
    page.wait_for_timeout(700)
    cores = (sum(app.cpu_times()[:2]) - used) / (time.monotonic() - began)
    assert page.locator(RUNNING).count() == 1, "four engines take longer"
    measured(page)
    assert download(page)["text"] == "And this is the third, which is watched."
    assert cores <= 0.10
    assert "notify" not in server.log.read_text().lower()


def test_it_listens_on_this_machine_only(server: Server):
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(server.process.pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}
