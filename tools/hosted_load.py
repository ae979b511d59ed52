"""Ten people at once at the hosted demo: six type sentences, four ask for runs. Whose answer do they get?

    python -m tools.hosted_load URL [--executable /usr/bin/chromium]

URL is of an app started with AWIY_HOSTED=1, on this host and with its artifacts built. Prints a row per
person and exits with 1 when an answer is missing or somebody else's. Needs requirements-dev.txt.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_plus, urlencode

from playwright.sync_api import Page, sync_playwright

from tools.screenshots import ARGUMENTS, SETTLED

SENTENCES, RUNS, TURNS = 6, 4, 2
LONGEST_S = 480
LENGTHS = (16, 32, 64, 128)


def download(page: Page, key: str) -> dict:
    with page.expect_download(timeout=60_000) as waiting:
        page.locator(f".st-key-{key} button:visible").click()
    return json.loads(Path(waiting.value.path()).read_text())


def text_of(person: int, turn: int) -> str:
    return f"Person {person} liked film number {turn} of this evening."


def run_link(url: str, person: int) -> str:
    plan = {
        "b_engines": "ONNX Runtime INT8",
        "b_tokens": LENGTHS[person % 4],
        "b_batch": 1,
        "b_threads": 2,
        "b_scope": "model",
        "b_precision": "±10 %",
        "b_tail": "p50",
        "b_budget": 90,
    }
    return f"{url}/benchmark?{urlencode(plan)}"


def ask_run(page: Page, url: str, person: int) -> None:
    page.goto(run_link(url, person))
    page.wait_for_selector(SETTLED, timeout=120_000)
    page.locator(".st-key-run button:visible").click()


def until(
    pages: dict[int, Page], ready: Callable[[Page], bool], take: Callable[[int, Page], bool]
) -> dict[int, float]:
    """Look at each page in turn until it is ready and taken; return the seconds that took, by person."""
    began, took = time.monotonic(), {}
    while len(took) < len(pages) and time.monotonic() - began < LONGEST_S:
        for person, page in pages.items():
            if person not in took and ready(page) and take(person, page):
                took[person] = time.monotonic() - began
        time.sleep(0.2)
    return took


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("--executable", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    url = arguments.url.rstrip("/")
    wrong: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=arguments.executable, args=ARGUMENTS)
        people = {number: browser.new_context().new_page() for number in range(SENTENCES + RUNS)}
        typing = {number: people[number] for number in range(SENTENCES)}
        asking = {number: people[number] for number in range(SENTENCES, SENTENCES + RUNS)}
        for number, page in asking.items():
            ask_run(page, url, number)
        state = {"turn": 0}

        def answered(page: Page) -> bool:
            return (
                page.locator(".st-key-json button:visible").count() > 0 and page.locator(SETTLED).count() > 0
            )

        def is_theirs(number: int, page: Page) -> bool:
            found = download(page, "json")
            if found["text"] != text_of(number, state["turn"]):
                return False  # the last one's answer is still there
            labels = {row["label"] for row in found["engines"] if row["engine"].endswith("-fp32")}
            if len(labels) != 1 or found["failures"]:
                wrong.append(f"person {number}: labels {labels}, failures {found['failures']}")
            return True

        print("| who | asked for | seconds until their answer |\n|---|---|---|")
        for turn in range(TURNS):
            state["turn"] = turn
            for number, page in typing.items():
                page.goto(f"{url}/?sentence={quote_plus(text_of(number, turn))}", wait_until="commit")
            took = until(typing, answered, is_theirs)
            for number in typing:
                print(
                    f"| person {number} | sentence {turn + 1} | {took.get(number, float('nan')):.1f} |",
                    flush=True,
                )
            wrong += [f"person {number}: no answer" for number in typing if number not in took]

        def done(page: Page) -> bool:
            if page.get_by_text("Nothing was measured").count():
                raise SystemExit(f"A run measured nothing: {page.url}")
            return page.locator(".st-key-download_json button:visible").count() > 0

        def right(number: int, page: Page) -> bool:
            found = download(page, "download_json")
            wrong.extend([] if found["results"] else [f"person {number}: nothing was measured"])
            lengths = {row["sequence_length"] for row in found["results"]}
            if lengths - {LENGTHS[number % 4]}:
                wrong.append(f"person {number}: asked for another length than {lengths}")
            return True

        took = until(asking, done, right)
        for number in asking:
            seconds = took.get(number, float("nan"))
            print(f"| person {number} | a run of {LENGTHS[number % 4]} tokens | {seconds:.1f} after these |")
        wrong += [f"person {number}: no run" for number in asking if number not in took]
        browser.close()
    print("\n".join(wrong) if wrong else "Everybody got their own answer.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
