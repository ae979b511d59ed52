"""A real server, a real browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import ROOT

# A crowded host takes seconds to read the chart's program, and to draw what it was asked for.
expect.set_options(timeout=20_000)
SETTLED = "[data-testid='stApp'][data-test-connection-state='CONNECTED'][data-test-script-state='notRunning']"
# Most of these tests are about pages: the baseline of accuracy and three others, not six.
FOUR = ("pytorch-fp32", "onnxruntime-fp32", "onnxruntime-fp16", "onnxruntime-int8")
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]


class Server:
    """A running app: its process, its address, its log."""

    def __init__(self, log: Path, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
        options = [f"--server.port={port}"]  # all else as users have it
        with open(log, "wb") as stream:
            self.process = subprocess.Popen(
                command + options,
                cwd=ROOT,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1):
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"the server did not start: {log.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="package", autouse=True)
def four_engines(shared_home: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWIY_ENGINES", ",".join(FOUR))
        yield


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, four_engines: None) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server") / "log.txt")
    yield made
    made.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        pytest.fail("The browser tests need Chromium. Run: apt-get install chromium")
    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield made
        made.close()


@pytest.fixture(scope="session")
def window(browser: Browser) -> BrowserContext:
    """One for all pages, as people have: what it has fetched and compiled once is there for the next page."""
    return browser.new_context(viewport={"width": 1440, "height": 1200})


@pytest.fixture
def page(window: BrowserContext) -> Iterator[Page]:
    made = window.new_page()
    yield made
    made.close()


def settled(page: Page, timeout_s: float = 120) -> None:
    """Wait until the script has run to its end."""
    page.wait_for_timeout(200)  # what a click asks for is under way: until then the state is that of before
    page.wait_for_selector(SETTLED, timeout=timeout_s * 1000)


def measured(page: Page, timeout_s: float = 120) -> None:
    """Wait until numbers are on the page."""
    page.wait_for_selector(".st-key-json button:visible", timeout=timeout_s * 1000)
    settled(page, timeout_s)
