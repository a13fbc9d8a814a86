"""Writes docs/images/ from a home in which `hourfold demo` has run: the asset graph and AUC by hour.

Run `python docs/build_pictures.py` with HOURFOLD_HOME as for the demo. Needs an installed Chromium,
fetches nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

IMAGES = Path(__file__).resolve().parent / "images"
PORT = 3939
"""Port of the Dagster pages while the picture is taken."""
GRAPH = {"x": 420, "y": 130, "width": 1680, "height": 760}
"""The part of the page that holds the graph, in its pixels."""
SETTLE_SECONDS = 4
"""The graph is laid out, and moves there, in its own time."""


def main() -> int:
    """Write both pictures."""
    sys.path.insert(0, str(IMAGES.parents[1]))
    from orchestration.cli.ui import server_commands
    from warehouse.home import Deployment, Home

    home = Home.current()
    reports = Deployment.load(home).paths(home).reports
    plots = sorted(reports.glob("auc_by_hour_*.png"))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not plots or browser is None:
        print(f"Nothing to draw from: {reports} needs a day's plot (hourfold demo), and the path a Chromium.")
        return 1
    IMAGES.mkdir(exist_ok=True)
    shutil.copyfile(plots[-1], IMAGES / "auc-by-hour.png")
    server = subprocess.Popen(server_commands("127.0.0.1", PORT, PORT + 1)["Dagster"])
    try:
        asset_graph(browser, f"http://127.0.0.1:{PORT}")
    finally:
        server.terminate()
        server.wait()
    return 0


def asset_graph(browser: str, url: str) -> None:
    """Photograph the lineage of all assets."""
    from playwright.sync_api import sync_playwright

    wait_for(f"{url}/server_info")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=flags)
        page = chromium.new_page(viewport={"width": 2300, "height": 1000}, device_scale_factor=0.75)
        page.set_default_timeout(120_000)
        page.goto(f"{url}/asset-groups")
        for group in ("logs", "ranking"):
            # The first is the name in the list at the side, the last the folded group in the graph.
            page.get_by_text(group, exact=True).first.wait_for()
            page.get_by_text(group, exact=True).last.click()
            time.sleep(SETTLE_SECONDS)
        page.reload()  # fits the unfolded graph into the page
        page.get_by_text("promotion", exact=True).last.wait_for()
        page.get_by_text("Hide navigation").click()
        time.sleep(SETTLE_SECONDS)
        page.screenshot(path=IMAGES / "asset-graph.png", clip=GRAPH)
        chromium.close()


def wait_for(url: str, seconds: float = 240) -> None:
    """Wait until the address answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
