"""The size of a report page with 100 entries, and the time until its charts are drawn.

Writes a page of 100 entries with histograms and timelines as of 5,000 frames, opens it in headless
Chromium several times, each in a new browser, and prints milliseconds since the navigation began:
until the AP-FPS chart is drawn, and until all charts are drawn.

    python benchmarks/page.py [--entries 100] [--times 5] [--out page.html]
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from posemark.report.write import write
from report_rows import seed_measured, timed

FRAMES = 5_000
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
DONE = "return document.documentElement.dataset.drawn === 'all'"
MARKS = "return performance.getEntriesByType('mark').map((each) => [each.name, each.startTime])"


def rows(entries):
    """Return the post's 25 entries repeatedly, each time a little faster."""
    found = []
    while len(found) < entries:
        turn = len(found) // 25
        found += [_varied(row, turn) for row in seed_measured()]
    return found[:entries]


def _varied(row, turn):
    name = f"{row.entry}-{turn}" if turn else row.entry
    made = replace(
        row, entry=name, letter=None if turn else row.letter, frames=FRAMES, persons=2 * FRAMES
    )
    made = replace(made, fps_pose=row.fps_pose * 1.07**turn)
    return timed(made, {"verdict": row.verdict}, blocks=60)


def milliseconds(path):
    """Return when each chart was drawn, by its name, in a browser of its own."""
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        browser = webdriver.Chrome(options=options, service=service)
        try:
            browser.get("about:blank")
            browser.get(path.as_uri())
            WebDriverWait(browser, 60).until(lambda page: page.execute_script(DONE))
            return dict(browser.execute_script(MARKS))
        finally:
            browser.quit()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=100)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--out", type=Path, default=None)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = wanted.out or Path(folder) / "page.html"
        write(rows(wanted.entries), path)
        print(f"{wanted.entries} entries x {FRAMES:,} frames: {path.stat().st_size / 1e6:.2f} MB")
        runs = [milliseconds(path.resolve()) for _ in range(wanted.times)]
    firsts = [run["drawn ap-fps"] for run in runs]
    wholes = [max(run.values()) for run in runs]
    print(
        f"first chart: {spread(firsts)} ms; all charts: {spread(wholes)} ms after navigation began"
    )
    print(json.dumps({name: round(ms) for name, ms in runs[-1].items()}))


def spread(values):
    low, high = min(values), max(values)
    return f"median {statistics.median(values):.0f} ({low:.0f} to {high:.0f}, {len(values)} runs)"


if __name__ == "__main__":
    main()
