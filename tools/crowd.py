"""Five hundred ask at once, ten of them in browsers, while engines are loaded and a job runs.

    python -m tools.crowd [--people 490] [--browsers 10] [--times 3] [--executable /usr/bin/chromium]

Starts the app in a home folder of its own, with one stock engine and fakes of tests/fakes.py beside it. The
people are threads of the app's own process on its own client, each with a text of 1,000 emoji, then 900
letters, then a short one. Exits with 1 where the cap is not answered, a refused one is not told why within
two seconds, the job ends, the host's lock is held afterwards, or the app does not end within five seconds.
Needs requirements-dev.txt.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from src.bench.plan import Plan
from src.home import ROOT, home, write_whole
from src.host.lock import holder_now
from src.jobs import queue
from src.limits import limits
from src.store.database import Store, open_store
from tools.screenshots import ARGUMENTS, SETTLED

TEXTS = {"emoji": "😀" * 1000, "letters": "a fine film " * 75, "short": "A fine film."}
STOCK, QUICK, LOADING, JOB = "onnxruntime-int8", "fake-plausible", "fake-loading-slowly", "fake-sleeping"
REFUSED, REFUSED_WITHIN_S, STOPS_WITHIN_S, LONGEST_S = "sentences wait already", 2.0, 5.0, 240.0
ANSWERED = ".st-key-json button:visible"
Ends = list[tuple[str, float]]  # how an asking ended, and after how many seconds


# --- in the app's process


def serve(port: int, people: int) -> None:
    """Be the app, as `streamlit run app.py` is; a crowd comes for each text's name read from stdin."""
    from streamlit.web import bootstrap

    threading.Thread(target=crowds, args=(people,), daemon=True).start()
    options = {"server_port": port, "server_headless": True}
    bootstrap.load_config_options(flag_options=options)
    bootstrap.run("app.py", False, [], options)


def crowds(people: int) -> None:
    from src.live.client import Client
    from src.ui.measuring import measurer

    for line in sys.stdin:
        client: Client = measurer()  # the one that all pages share
        # Another thread count than the pages': the engine must be loaded again.
        loading = client.ask(TEXTS["short"], [LOADING], threads=1)
        barrier = threading.Barrier(people)

        def visit(
            text: str, client: Client = client, barrier: threading.Barrier = barrier
        ) -> tuple[str, float]:
            barrier.wait()
            began = time.monotonic()
            ticket = client.ask(text, [QUICK])
            while not ticket.done and time.monotonic() - began < LONGEST_S:
                ticket.wait(0.5)
            how = "answered" if ticket.answer else ticket.error or "nothing"
            return how, time.monotonic() - began

        with ThreadPoolExecutor(people) as threads:
            ends = list(threads.map(visit, [TEXTS[line.strip()]] * people))
        while not loading.done:
            loading.wait(0.5)
        ends.append(("answered" if loading.answer else str(loading.error), 0.0))
        write_whole(home() / "ends.json", json.dumps(ends))


# --- beside it


class App:
    """The app's process and its address."""

    def __init__(self, people: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = home() / "app.log"
        with open(self.log, "wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tools.crowd", "--serve", str(port), "--people", str(people)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def let_in(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    async def ends(self) -> Ends:
        """Return how everybody's asking ended, once it has."""
        path = home() / "ends.json"
        until = time.monotonic() + LONGEST_S
        while not path.exists():
            if time.monotonic() > until or self.process.poll() is not None:
                return [("nothing", LONGEST_S)]
            await asyncio.sleep(0.2)
        found = json.loads(path.read_text())
        path.unlink()
        return [tuple(end) for end in found]

    def stop_s(self) -> float:
        """Ask it to end; return how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began


LOOK = """() => ({
    running: !!document.querySelector("[data-test-script-state='running']"),
    refused: document.querySelector("[data-testid=stMain]").innerText.includes("sentences wait already"),
})"""


async def ask(page: Page, text: str) -> tuple[str, float]:
    """Type a sentence; return how that ended, and after how many seconds."""
    box = page.get_by_role("textbox", name="Sentence")
    await box.fill(text)
    began = time.monotonic()
    await box.press("Enter")
    started = False
    while time.monotonic() - began < LONGEST_S:
        seen = await page.evaluate(LOOK)
        started |= seen["running"]
        if seen["refused"]:
            return REFUSED, time.monotonic() - began
        if started and not seen["running"]:
            shown = await page.locator(ANSWERED).count()
            return "answered" if shown else "nothing", time.monotonic() - began
        await asyncio.sleep(0.1)
    return "nothing", LONGEST_S


async def open_pages(browser: Browser, app: App, number: int) -> list[Page]:
    """Return so many pages of the home page, each a visitor of its own, with an answer."""
    pages = [await (await browser.new_context()).new_page() for _ in range(number)]
    for page in pages:
        await page.goto(f"{app.url}/?sentence=The+first+one.", timeout=60_000)
        await page.wait_for_selector(ANSWERED, timeout=LONGEST_S * 1000)
        await page.wait_for_selector(SETTLED, timeout=60_000)
    return pages


def ask_for_a_job(store: Store) -> tuple[str, str]:
    """Queue a run that lasts longer than everything here; return its id and what cancels it."""
    plan = Plan(
        engines=(JOB, QUICK),
        sequence_lengths=(16,),
        batch_sizes=(1,),
        threads=(1,),
        scopes=("model",),
        budget_s=1800.0,
        percentile=50,
        precision=0.0001,
        baseline=JOB,
    )
    token = "crowd"
    return queue.ask(store, plan, "embedded", 10.0, f"click {time.monotonic()}", token).id, token


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come.")
        await asyncio.sleep(0.2)


async def one_crowd(app: App, pages: list[Page], text: str) -> list[str]:
    """Let one crowd in; print how it went and return what was wrong."""
    half = len(pages) // 2
    early = [asyncio.create_task(ask(page, f"{text} came early.")) for page in pages[:half]]
    await asyncio.sleep(1.0)
    app.let_in(text)
    await asyncio.sleep(0.5)
    late = [asyncio.create_task(ask(page, f"{text} came late.")) for page in pages[half:]]
    browsers = [await task for task in (*early, *late)]
    people = await app.ends()
    ends = [*people, *browsers]
    told = Counter(how for how, _ in ends)
    refused = {how for how in told if REFUSED in how}
    late_s = max([seconds for how, seconds in ends if how in refused], default=0.0)
    print(
        f"{text}: {len(people)} people and {len(browsers)} in browsers: {told['answered']} answered "
        f"({sum(how == 'answered' for how, _ in browsers)} of them in browsers), "
        f"{sum(told[how] for how in refused)} refused within {late_s:.2f} s",
        flush=True,
    )
    wrong = [
        f"{text}: {number} ended with: {how}"
        for how, number in told.items()
        if how not in {*refused, "answered"}
    ]
    if told["answered"] < limits().sentences:
        wrong.append(f"{text}: only {told['answered']} were answered, and {limits().sentences} may wait")
    if late_s > REFUSED_WITHIN_S:
        wrong.append(f"{text}: one was told after {late_s:.1f} s only that no more may wait")
    return wrong


async def once(people: int, browsers: int, executable: str) -> list[str]:
    """Start an app, let each crowd in, and stop it; return what was wrong."""
    app, store = App(people), open_store()
    wrong: list[str] = []
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            await until(lambda: "URL" in app.log.read_text(), "The app")
            pages = await open_pages(browser, app, browsers)
            job, token = ask_for_a_job(store)
            await until(lambda: measures(store, job), "The job")
            for text in TEXTS:
                wrong += await one_crowd(app, pages, text)
                if not measures(store, job):
                    wrong.append(f"{text}: the job has ended")
            queue.cancel(store, job, token)
            await until(lambda: holder_now() == "", "The end of the job")
            app.let_in("letters")
            await asyncio.sleep(2.0)
        finally:
            seconds = app.stop_s()
            await browser.close()
    print(f"The app ended within {seconds:.1f} s, with sentences waiting", flush=True)
    if seconds > STOPS_WITHIN_S:
        wrong.append(f"the app took {seconds:.1f} s to end")
    if holder := holder_now():
        wrong.append(f"the host's lock is held: {holder}")
    if "Traceback" in app.log.read_text(errors="replace"):
        wrong.append(f"{app.log} holds a traceback")
    return wrong


def measures(store: Store, job: str) -> bool:
    found = queue.get(store, job)
    return bool(found and found.state == queue.RUNNING)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=490)
    parser.add_argument("--browsers", type=int, default=10)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--executable", default="/usr/bin/chromium")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve, arguments.people)
        return 0
    artifacts = home() / "artifacts"
    wrong: list[str] = []
    for _ in range(arguments.times):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["AWIY_HOME"] = folder
            os.environ["AWIY_EXTRA_ENGINES"] = "tests.fakes:ENGINES"
            os.environ["AWIY_ENGINES"] = ",".join((STOCK, QUICK, LOADING, JOB))
            if artifacts.is_dir():
                (Path(folder) / "artifacts").symlink_to(artifacts)
            wrong += asyncio.run(once(arguments.people, arguments.browsers, arguments.executable))
    print("\n".join(wrong) if wrong else "Everybody was answered or told why not.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
