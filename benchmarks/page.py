"""How big the page of a run on 60,000 items is, and how long a browser takes to open it.

A run with every analyzer on ratings that it makes up itself; the page is opened in headless
Chromium five times. "Opened" is the browser's own load event, "drawn" the moment at which the
charts below the fold are drawn too, in idle time. The ratio is to an empty page opened in the same
browser.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RECIPE = """
title: Every analyzer on 60,000 items
data: {use: synthetic, users: 3000, items: 60000, ratings: 300000}
split: {use: random, valid: 0.2}
models:
  - {use: pmf, name: pmf, loss: {use: mse, range: [0.5, 5.5]}, train: {epochs: 1, batch_size: 4096}}
  - {use: pmf, name: ordinal, loss: ordinal, train: {epochs: 1, batch_size: 4096}}
analyzers:
  - data-overview
  - learning-curve
  - prediction-vs-actual
  - slices
  - bias-ranking
  - embedding-map
  - {use: embedding-map, name: map-of-users, side: user}
  - nearest-items
  - explain
  - calibration
  - representation
  - recommendation-lists
"""
ROUNDS = 5


PLOTS = "[...document.querySelectorAll('figure.chart .plot')]"
DRAWN = f"{PLOTS}.every((plot) => plot.querySelector('svg'))"


def opened(browser: Any, path: Path) -> tuple[float, float]:
    """Seconds until the load event, and until every chart is drawn."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    started = time.perf_counter()
    page.goto(path.as_uri(), wait_until="load")
    loaded = time.perf_counter() - started
    while not page.evaluate(DRAWN):
        time.sleep(0.02)
    drawn = time.perf_counter() - started
    page.close()
    return loaded, drawn


def main() -> None:
    """Size and seconds of the page."""
    from playwright.sync_api import sync_playwright

    import cfplug

    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        sys.exit("there is no Chromium on this machine")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        recipe = Path(scratch) / "page.yaml"
        recipe.write_text(RECIPE, encoding="utf-8")
        run = cfplug.run(recipe, out=scratch)
        report, empty = run.path / "report.html", Path(scratch) / "empty.html"
        empty.write_text("<!doctype html><title>empty</title>", encoding="utf-8")
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=found, args=options)
        opened(browser, empty)  # the browser itself starts here
        times = [(opened(browser, empty)[0], *opened(browser, report)) for _ in range(ROUNDS)]
        browser.close()
        size = report.stat().st_size / 2**20
        figures = [statistics.median(column) for column in zip(*times, strict=True)]
    nothing, loaded, drawn = figures
    charts = sum(len(section.charts) for section in run.sections)
    print(f"{len(run.sections)} sections, {charts} charts: {size:.1f} MiB (at most 10)")
    print(
        f"opened in {loaded:.2f} s (at most 2), "
        f"{loaded / nothing:.0f} times an empty page's {nothing:.3f} s"
    )
    print(f"all charts drawn after {drawn:.2f} s")


if __name__ == "__main__":
    main()
