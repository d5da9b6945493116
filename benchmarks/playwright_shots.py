"""The Playwright contender: opens pages and takes element screenshots, as its documentation shows.

Runs in the peers' environment, so it imports nothing of ours. Usage: python playwright_shots.py JOB.json,
or --where to print where Playwright looks for a browser when it is given no path, as shot-scraper gives none.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, sync_playwright  # type: ignore[import-not-found]  # only the peers have it


def where() -> str:
    """Playwright names the path only in the error that nothing is there."""
    with sync_playwright() as playwright:
        try:
            playwright.chromium.launch()
        except Error as error:
            found = re.search(r"Executable doesn't exist at (.+)", str(error))
            if found:
                return found[1].strip()
            raise
    raise SystemExit("Playwright has a browser of its own here")


def main(job: dict[str, Any]) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=job["chromium"], args=job["flags"])
        context = browser.new_context(viewport=job["viewport"], device_scale_factor=job["scale"])
        page = context.new_page()
        for sheet in job["sheets"]:
            page.goto(sheet["url"])
            for shot in sheet["shots"]:
                page.locator(shot["selector"]).screenshot(path=shot["output"])
        browser.close()


if __name__ == "__main__":
    if sys.argv[1] == "--where":
        print(where())
    else:
        main(json.loads(Path(sys.argv[1]).read_text("utf-8")))
