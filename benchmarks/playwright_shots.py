"""The Playwright contender: opens pages and takes element screenshots, as its documentation shows.

Runs in the peers' environment, so it imports nothing of ours. Usage: python playwright_shots.py JOB.json
"""

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright  # type: ignore[import-not-found]  # only the peers have it


def main() -> None:
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
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
    main()
