"""The home page as somebody sees it: a real server, real engines, Debian's Chromium."""

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from src import words
from tests.conftest import ROOT, gone_within
from tests.e2e.conftest import FOUR, Server, measured, settled

HEAVY = ("torch", "onnxruntime", "openvino", "transformers", "optimum", "_torch", "libtorch")


def download(page: Page) -> dict:
    with page.expect_download() as waiting:
        page.locator(".st-key-json button:visible").click()
    return json.loads(Path(waiting.value.path()).read_text())


def type_sentence(page: Page, text: str) -> None:
    box = page.get_by_label("Sentence", exact=True)
    box.fill(text)
    box.press("Enter")


def workers_of(server: Server) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(server.process.pid).children(recursive=True):
        if "src.workers.worker" in process.cmdline():
            found.append(process)
    return found


def test_typed_sentence_shows_the_numbers_of_its_json(page: Page, server: Server):
    page.goto(server.url)
    measured(page)
    type_sentence(page, "The film is a quiet triumph.")
    expect(page.get_by_text("nothing is divided")).to_be_visible(timeout=60_000)
    measured(page)
    answer = download(page)
    assert answer["text"] == "The film is a quiet triumph."
    assert {row["engine"] for row in answer["engines"]} == set(FOUR)
    rows = page.locator("[data-testid=stTable]").first.locator("tbody tr")
    ordered = sorted(answer["engines"], key=lambda row: row["pipeline"]["median_ms"])
    assert rows.count() == len(ordered)
    best = ordered[0]["pipeline"]["median_ms"]
    for index, row in enumerate(ordered):
        cells = [cell.strip() for cell in rows.nth(index).locator("th, td").all_inner_texts()]
        for scope, cell in (("pipeline", cells[1]), ("model", cells[2])):
            low, high = row[scope]["ci95_ms"]
            shown = f"{words.significant(row[scope]['median_ms'])} ({words.interval(low, high)})"
            assert " ".join(cell.split()).removesuffix(" not steady") == shown
        assert cells[3] == words.times(row["pipeline"]["median_ms"] / best)
        assert row["label"] in cells[4]
    assert f"{answer['tokens']} tokens" in page.get_by_text("threads ·").inner_text()
    assert "sentence=The+film" in page.url or "sentence=The%20film" in page.url


def test_a_shared_link_measures_its_sentence(page: Page, server: Server):
    page.goto(f"{server.url}/?sentence=A+shared+link.&engines=ONNX+Runtime+INT8&threads=1")
    measured(page)
    answer = download(page)
    assert answer["text"] == "A shared link."
    assert [row["engine"] for row in answer["engines"]] == ["onnxruntime-int8"]
    assert answer["threads"] == 1


def test_infinitys_conditions_are_one_click_away(page: Page, server: Server):
    page.goto(server.url)
    measured(page)
    page.get_by_role("button", name="Infinity's conditions").click()
    popover = page.locator("[data-testid=stPopoverBody]")
    expect(popover.get_by_text("stored, not measured here").first).to_be_visible()
    expect(popover.get_by_text("Another sequence length")).to_be_visible()
    expect(popover.get_by_text("Hardware: the reference ran on")).to_be_visible()


def test_markup_is_never_executed(page: Page, server: Server):
    fired: list[str] = []
    page.on("dialog", lambda dialog: (fired.append(dialog.message), dialog.dismiss()))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{server.url}/?engines=ONNX+Runtime+INT8")
    measured(page)
    type_sentence(
        page, "<img src=x onerror=alert(1)><script>alert(2)</script> ![i](http://example.invalid/x.png)"
    )
    time.sleep(1)
    measured(page)
    assert download(page)["text"].startswith("<img")
    assert not fired
    assert not [url for url in requests if "example.invalid" in url]


def test_the_streamlit_process_has_no_runtime_in_it(page: Page, server: Server):
    """Read from the kernel: none of the runtimes' libraries is mapped into the running server."""
    page.goto(server.url)
    measured(page)
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "numpy" in maps, "the check sees what is mapped"
    assert not [name for name in HEAVY if f"/{name}/" in maps or f"/{name}.so" in maps or f"/{name}_" in maps]
    assert workers_of(server), "they live in workers"


def test_several_people_get_their_own_answers_in_turn(browser: Browser, server: Server):
    pages = [browser.new_page() for _ in range(3)]
    texts = [f"Person {number} liked the film number {number}." for number in range(3)]
    for one, text in zip(pages, texts, strict=True):
        one.goto(f"{server.url}/?sentence={text.replace(' ', '+')}", wait_until="commit")
    waited = 0
    deadline = time.monotonic() + 30
    while not waited and time.monotonic() < deadline:
        waited = sum(one.get_by_text("measured before yours").count() for one in pages)
        time.sleep(0.05)
    assert waited, "somebody sees that they wait"
    for one, text in zip(pages, texts, strict=True):
        measured(one)
        assert download(one)["text"] == text
        one.close()


def test_a_killed_worker_fails_once_and_is_back(page: Page, server: Server):
    page.goto(server.url)
    measured(page)
    victim = next(worker for worker in workers_of(server) if "onnxruntime-fp16" in worker.cmdline())
    page.get_by_role("button", name="Measure").click()
    time.sleep(0.7)
    victim.send_signal(signal.SIGKILL)
    expect(page.get_by_text("ONNX Runtime FP16 failed.")).to_be_visible(timeout=60_000)
    measured(page)
    assert "onnxruntime-fp16" in {failure["engine"] for failure in download(page)["failures"]}
    type_sentence(page, "And now it is back.")
    expect(page.get_by_text("ONNX Runtime FP16 failed.")).to_have_count(0, timeout=60_000)
    measured(page)
    assert {row["engine"] for row in download(page)["engines"]} == set(FOUR)


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_the_app(page: Page, tmp_path: Path, kill: signal.Signals):
    engines = ("onnxruntime-fp32", "onnxruntime-int8")
    own = Server(tmp_path / "log.txt", AWIY_ENGINES=",".join(engines))
    try:
        page.goto(own.url)
        measured(page)
        page.get_by_role("button", name="Measure").click()
        time.sleep(0.7)
        family = psutil.Process(own.process.pid).children(recursive=True)
        assert len([one for one in family if "src.workers.worker" in one.cmdline()]) == len(engines)
        os.kill(own.process.pid, kill)
        assert gone_within([one.pid for one in family], 2)
    finally:
        own.process.kill()
        own.process.wait()


def test_the_first_start_shows_progress_and_never_a_blank_page(page: Page, tmp_path: Path):
    """A home of its own, so that what the engine needs is built."""
    own = Server(tmp_path / "log.txt", AWIY_HOME=str(tmp_path / "home"))
    try:
        page.goto(f"{own.url}/?engines=ONNX+Runtime+INT8")
        expect(page.get_by_text("Building")).to_be_visible(timeout=60_000)
        expect(page.get_by_text("takes one to two minutes")).to_be_visible()
        measured(page)
        assert [row["engine"] for row in download(page)["engines"]] == ["onnxruntime-int8"]
    finally:
        own.stop()


def test_an_unusable_home_names_the_fix(page: Page, tmp_path: Path):
    own = Server(tmp_path / "log.txt", AWIY_HOME="/dev/null/home")
    try:
        page.goto(own.url)
        expect(page.get_by_text("Set AWIY_HOME")).to_be_visible(timeout=60_000)
        settled(page)
        assert "Traceback" not in page.content()
    finally:
        own.stop()


def test_pages_fit_a_phone(browser: Browser, server: Server):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(server.url)
    measured(page)
    width = page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= 390
    page.close()


def test_readme_pictures_exist():
    text = (ROOT / "README.md").read_text()
    for line in text.split("("):
        name = line.partition(")")[0]
        if name.endswith(".png"):
            assert (ROOT / name).is_file(), name
