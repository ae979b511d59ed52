"""Take pictures of a running app with Debian's Chromium: light and dark, wide and narrow.

    python -m tools.screenshots URL FOLDER [--runs BASE NEW] [--pages home,benchmark]

Writes home-light-wide.png and so on; with --runs also of the pages that show runs, which must be in the app's
store. Needs requirements-dev.txt.
"""

import argparse
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

TRIES = 4
TALLEST_PX = 3200  # of a picture: the longest pages go on below
WIDTHS = {"wide": 1440, "narrow": 390}
SETTLED = "[data-testid='stApp'][data-test-connection-state='CONNECTED'][data-test-script-state='notRunning']"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def settle(page: Page) -> None:
    """Wait until the script has run and the picture no longer changes."""
    page.wait_for_selector(SETTLED, timeout=300_000)
    page.wait_for_timeout(1500)


def calm(page: Page) -> None:
    """Measure again where the browser's own start disturbed the measurement, a few times at most."""
    for _ in range(TRIES):
        if not page.get_by_text("too busy for a verdict").count():
            break
        page.wait_for_timeout(3000)
        page.get_by_role("button", name="Measure").click()
        page.wait_for_timeout(1000)
        settle(page)


def pages(base: str, new: str) -> dict[str, str]:
    """Return the address of each page by the name of its pictures."""
    found = {
        "home": "/",
        "accuracy": "/accuracy",
        "engines": "/engines",
        "methodology": "/methodology",
        "verdict": "/verdict",
        "cost": "/cost",
        "timeline": "/timeline",
        "find": "/find",
    }
    if base:
        found |= {
            "ask": "/benchmark",
            "benchmark": f"/benchmark?run={new}&r_scope=pipeline",
            "table": f"/benchmark?run={new}&r_view=Table",
            "distribution": f"/benchmark?run={new}&r_view=Distribution",
            "length": f"/benchmark?run={new}&r_view=By+length",
            "host": f"/benchmark?run={new}&r_view=Host+and+evidence",
            "history": "/history",
            "compare": f"/compare?runs={base}&runs={new}",
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--executable", default="/usr/bin/chromium")
    parser.add_argument("--runs", nargs=2, default=("", ""), metavar=("BASE", "NEW"))
    parser.add_argument("--pages", help="only these, comma separated")
    arguments = parser.parse_args()
    wanted = arguments.pages.split(",") if arguments.pages else None
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=arguments.executable, args=ARGUMENTS)
        for theme in ("light", "dark"):
            for width_name, width in WIDTHS.items():
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)  # type: ignore[arg-type]
                for name, path in pages(*arguments.runs).items():
                    if wanted and name not in wanted:
                        continue
                    page.set_viewport_size({"width": width, "height": 900})
                    page.goto(arguments.url.rstrip("/") + quote(path, safe="/?=&%+"))
                    settle(page)
                    calm(page)
                    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
                    page.set_viewport_size({"width": width, "height": min(max(900, int(height)), TALLEST_PX)})
                    settle(page)
                    page.screenshot(path=arguments.folder / f"{name}-{theme}-{width_name}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
