"""Runs as somebody asks for, watches, keeps and compares them: real server, engines and browser."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.engine import URL

from src.figures.report import CSV_COLUMNS
from src.host import identity
from src.jobs import queue
from src.store import transfer
from src.store.database import opened
from tests.conftest import ROOT
from tests.e2e.conftest import Server, settled
from tests.unit.test_results import made
from tests.unit.test_store import with_id

# One engine beside the baseline, one length, wide intervals: the tests are about the page.
PLAN = (
    "b_engines=ONNX+Runtime+INT8&b_tokens=16&b_batch=1&b_threads=2&b_scope=model"
    "&b_precision=%C2%B110+%25&b_tail=p50"
)
# At 128 tokens and with a p99's calls it lasts longer than tests look, on a calm host too.
LONG = PLAN.replace("10+%25", "1+%25").replace("b_tokens=16", "b_tokens=128").replace("p50", "p99")
MINUTE = 60_000
ENGINES = "onnxruntime-fp32,onnxruntime-int8"


@pytest.fixture(scope="module")
def own_home(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> Path:
    """A home of its own, with the artifacts of the session."""
    home = tmp_path_factory.mktemp("runs-home")
    (shared_home / "artifacts").mkdir(exist_ok=True)
    (home / "artifacts").symlink_to(shared_home / "artifacts")
    return home


@pytest.fixture(scope="module")
def served(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(
        tmp_path_factory.mktemp("runs-server") / "log.txt", AWIY_HOME=str(own_home), AWIY_ENGINES=ENGINES
    )
    yield made
    made.stop()
    end_jobs(own_home)


def end_jobs(home: Path) -> None:
    """End what a failed test has left: jobs outlive their app."""
    store = opened(URL.create("sqlite", database=str(home / "runs.db")))
    for job in queue.active(store):
        if job.process and identity.alive(job.process):
            os.kill(identity.pid(job.process), signal.SIGKILL)


def ask(page: Page, url: str, plan: str = f"{PLAN}&b_budget=60") -> None:
    page.goto(f"{url}/benchmark?{plan}")
    settled(page)
    page.locator(".st-key-run button:visible").click()
    page.wait_for_url(re.compile("job="), timeout=MINUTE)


def finished(page: Page, timeout_s: float = 120) -> None:
    page.wait_for_selector(".st-key-download_json button:visible", timeout=timeout_s * 1000)
    settled(page)


def download(page: Page, kind: str) -> str:
    with page.expect_download() as waiting:
        page.locator(f".st-key-download_{kind} button:visible").click()
    return Path(waiting.value.path()).read_text()


def command(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "src", *arguments],
        cwd=ROOT,
        env={**os.environ, "AWIY_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def listed(home: Path) -> list[dict]:
    return json.loads(command(home, "runs", "--json"))


def test_a_run_from_the_page_is_watched_reloaded_read_and_taken_along(
    page: Page, served: Server, own_home: Path
):
    ask(page, served.url)
    expect(page.get_by_role("progressbar").first).to_be_visible(timeout=MINUTE)
    page.reload()
    expect(page.get_by_text(re.compile(r"Round \d+"))).to_be_visible(timeout=2 * MINUTE)
    assert page.locator(".st-key-cancel button:visible").is_visible(), "the link shows who asked"
    finished(page)
    assert "token=" not in page.url
    run = json.loads(download(page, "json"))
    assert transfer.parse(json.dumps(run).encode(), "run.json").begun
    rows = {row["engine"]: row for row in run["results"]}
    assert {"onnxruntime-fp32", "onnxruntime-int8"} <= rows.keys()
    reader = csv.DictReader(io.StringIO(download(page, "csv")))
    assert tuple(reader.fieldnames or ()) == CSV_COLUMNS
    table = list(reader)
    # On a host so noisy that a cell is invalid, that table leaves it out.
    counting = {engine for engine, row in rows.items() if row["verdict"] != "invalid"}
    assert {row["engine"] for row in table} == {"onnxruntime-fp32", "onnxruntime-int8"} & counting
    for row in table:
        assert float(row["average_latency_ms"]) == pytest.approx(rows[row["engine"]]["mean_ms"], rel=1e-5)
    markdown = download(page, "md")
    assert f"# Run {run['run']['id']}" in markdown
    assert "| `onnxruntime-int8` |" in markdown
    assert json.loads(command(own_home, "show", run["run"]["id"], "--json")) == run


def earlier(home: Path, folder: Path) -> str:
    """Put a made-up run of the same cells into the store, as if measured some days before; return its id."""
    times = {"onnxruntime-fp32": 3.0, "onnxruntime-fp32#2": 3.0, "onnxruntime-int8": 1.4}
    id = "20261101-000000-abcd"
    record = with_id(made(times), id, started_at="2026-11-01T00:00:00Z")
    path = folder / "earlier.json"
    path.write_text(json.dumps(transfer.whole(record)))
    command(home, "import", str(path))
    return id


def test_it_is_in_the_history_opens_and_compares_with_an_earlier_one(
    page: Page, served: Server, own_home: Path, tmp_path: Path
):
    base = earlier(own_home, tmp_path)
    new = next(one["id"] for one in listed(own_home) if one["source"] == "measured")
    page.goto(f"{served.url}/history")
    settled(page)
    expect(page.get_by_text("2 runs of 2")).to_be_visible()
    expect(page.locator(".st-key-h_trend .js-plotly-plot")).to_be_visible()
    click_row(page, 0)
    page.get_by_role("link", name="Open").click()
    finished(page)
    assert new in page.url
    page.goto(f"{served.url}/compare?runs={base}&runs={new}")
    settled(page)
    expect(page.get_by_text("These runs are of different hosts")).to_be_visible(timeout=MINUTE)
    expect(page.get_by_role("table").get_by_text("host cpu", exact=True)).to_be_visible()
    expect(page.locator("[data-testid=stDataFrame]")).to_be_visible()
    # Of the earlier one: on a noisy host nothing of the new one may count.
    page.goto(f"{served.url}/benchmark?run={base}&r_view=Distribution")
    settled(page)
    expect(page.get_by_text("Every undisturbed call")).to_be_visible(timeout=MINUTE)


def click_row(page: Page, number: int) -> None:
    """Select a row of the history; the table is drawn on a canvas."""
    box = page.locator(".st-key-h_list [data-testid=stDataFrame]").bounding_box()
    assert box
    page.mouse.click(box["x"] + 20, box["y"] + 52 + 35 * number)


def test_rows_of_the_history_are_selected_and_deleted_after_a_question(
    page: Page, served: Server, own_home: Path
):
    before = listed(own_home)
    assert len(before) == 2
    page.goto(f"{served.url}/history")
    settled(page)
    click_row(page, 0)
    page.locator(".st-key-delete button:visible").click(timeout=MINUTE)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(before[0]["id"])).to_be_visible(timeout=MINUTE)
    assert len(listed(own_home)) == len(before), "the question deletes nothing"
    dialog.locator(".st-key-delete_yes button:visible").click()
    expect(dialog).to_have_count(0, timeout=MINUTE)
    assert {one["id"] for one in listed(own_home)} == {one["id"] for one in before[1:]}


def test_a_file_is_added_by_upload(page: Page, served: Server, own_home: Path, tmp_path: Path):
    id = listed(own_home)[0]["id"]
    path = tmp_path / "run.json"
    command(own_home, "export", id, str(path))
    command(own_home, "delete", id)
    page.goto(f"{served.url}/history")
    settled(page)
    page.get_by_text("Add a run from a file").click()
    page.locator("input[type=file]").set_input_files(str(path))
    expect(page.get_by_text(f"Added as {id}")).to_be_visible(timeout=MINUTE)
    assert (id, "imported") in {(one["id"], one["source"]) for one in listed(own_home)}
    bad = tmp_path / "bad.json"
    bad.write_text('{"schema_version": NaN}')
    page.locator("input[type=file]").set_input_files(str(bad))
    expect(page.get_by_text("NaN")).to_be_visible(timeout=MINUTE)


def test_a_run_is_cancelled_by_who_asked_and_by_nobody_else(page: Page, browser: Browser, served: Server):
    ask(page, served.url, f"{LONG}&b_budget=300")
    expect(page.get_by_text(re.compile(r"Round \d+"))).to_be_visible(timeout=2 * MINUTE)
    other = browser.new_page()
    other.goto(re.sub(r"&?token=[^&]*", "", page.url))
    expect(other.get_by_text("Somebody else asked for this run")).to_be_visible(timeout=MINUTE)
    assert other.locator(".st-key-cancel button:visible").count() == 0
    other.close()
    page.locator(".st-key-cancel button:visible").click()
    expect(page.get_by_text("Cancelled.")).to_be_visible(timeout=MINUTE)
    finished(page)
    expect(page.get_by_text("interrupted", exact=True)).to_be_visible()


def test_a_run_survives_its_browser_and_its_app(browser: Browser, tmp_path: Path, own_home: Path):
    """The browser is closed, the app killed; a new app on the same home has the run, which went on."""
    first = Server(tmp_path / "first.txt", AWIY_HOME=str(own_home), AWIY_ENGINES=ENGINES)
    try:
        page = browser.new_page()
        ask(page, first.url, f"{LONG}&b_budget=40")
        link = page.url
        # That it runs; on a noisy host its only round may be over before a page has drawn one.
        expect(page.get_by_role("progressbar").first).to_be_visible(timeout=2 * MINUTE)
        page.close()
    finally:
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
    time.sleep(2)
    second = Server(tmp_path / "second.txt", AWIY_HOME=str(own_home), AWIY_ENGINES=ENGINES)
    try:
        page = browser.new_page()
        page.goto(link.replace(first.url, second.url))
        finished(page)
        assert json.loads(download(page, "json"))["run"]["stopped"] in ("budget", "precision")
        page.close()
    finally:
        second.stop()


def test_the_pages_fit_a_phone(browser: Browser, served: Server, own_home: Path):
    runs = [one["id"] for one in listed(own_home)[:2]]
    page = browser.new_page(viewport={"width": 390, "height": 800})
    compare = "&".join(f"runs={id}" for id in runs)
    for path in ("benchmark", f"benchmark?run={runs[0]}", "history", f"compare?{compare}"):
        page.goto(f"{served.url}/{path}")
        settled(page)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390, path
    page.close()
