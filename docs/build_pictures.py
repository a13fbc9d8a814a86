"""Writes docs/images/ from what a home holds: the asset graph, AUC by hour, runs and a comparison in MLflow.

Run `python docs/build_pictures.py` with HOURFOLD_HOME as for `hourfold demo` or `hourfold compare`; a picture
whose material the home lacks is left as it is, and so is every picture not named behind the command. Needs an
installed Chromium, fetches nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = Path(__file__).resolve().parent / "images"
PORT = 3939
"""Port of the Dagster pages while the picture is taken; those of MLflow are on the next."""
RANKING = '+key:"promotion"'
"""The assets of the picture, as Dagster's selections name them."""
GRAPH = {"x": 420, "y": 130, "width": 1680, "height": 760}
"""The part of the page that holds the graph, in its pixels."""
CURVES = {"x": 200, "y": 98, "width": 1272, "height": 558}
"""The part of MLflow's page with the runs and the first charts."""
SETTLE_SECONDS = 4
"""The graph is laid out, and moves there, in its own time."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main(names: list[str]) -> int:
    """Write the pictures named, or all."""
    sys.path.insert(0, str(IMAGES.parents[1]))
    pictures = {
        "auc-by-hour": auc_by_hour,
        "asset-graph": asset_graph,
        "mlflow-auc-by-hour": curves_in_mlflow,
        "parallel-coordinates": comparison,
    }
    unknown = [name for name in names if name not in pictures]
    if unknown or next(filter(None, map(shutil.which, BROWSERS)), None) is None:
        print(f"Pictures: {', '.join(pictures)}; unknown: {', '.join(unknown) or 'none'}. Needs a Chromium.")
        return 2
    IMAGES.mkdir(exist_ok=True)
    made = [name for name in names or pictures if pictures[name]()]
    print(f"Drawn: {', '.join(made) or 'nothing: run hourfold demo or hourfold compare in this home first'}")
    return 0 if made else 1


def auc_by_hour() -> bool:
    """The latest day's plot of a deployment."""
    from warehouse.home import Deployment, Home

    home = Home.current()
    plots = sorted(Deployment.load(home).paths(home).reports.glob("auc_by_hour_*.svg"))
    if plots:
        shutil.copyfile(plots[-1], IMAGES / "auc-by-hour.svg")
    return bool(plots)


def asset_graph() -> bool:
    """The lineage of what the promoted ranker rests on."""
    from warehouse.home import Home

    if not (Home.current().root / "deployment.json").exists():
        return False
    with serving("Dagster", "/server_info") as url, chromium_page(2300, 1000, 0.75) as page:
        page.goto(f"{url}/asset-groups~{quote(RANKING)}/")
        for group in ("logs", "ranking"):
            # The first is the name in the list at the side, the last the folded group in the graph.
            page.get_by_text(group, exact=True).first.wait_for()
            page.get_by_text(group, exact=True).last.click()
            time.sleep(SETTLE_SECONDS)
        page.reload()  # fits the unfolded graph into the page
        page.get_by_text("promotion", exact=True).last.wait_for()
        page.get_by_text("Hide navigation").click()
        page.get_by_text("Loading").first.wait_for(state="detached")
        time.sleep(SETTLE_SECONDS)
        page.screenshot(path=IMAGES / "asset-graph.png", clip=GRAPH)
    return True


def curves_in_mlflow() -> bool:
    """What `hourfold ui` opens of MLflow: figures of a served day, AUC by hour of its systems overlaid."""
    from orchestration.cli.ui import runs_page

    path = runs_page()
    if not path:
        return False
    with serving("MLflow", "/health") as url, chromium_page(1500, 800, 1.0) as page:
        page.goto(url + path)
        page.get_by_text("auc_by_hour", exact=True).first.wait_for()
        close_assistant(page)
        time.sleep(SETTLE_SECONDS)
        page.screenshot(path=IMAGES / "mlflow-auc-by-hour.png", clip=CURVES)
    return True


def comparison() -> bool:
    """The runs of the newest comparison as parallel coordinates."""
    from warehouse.home import Home

    experiment = newest_comparison(Home.current().mlflow)
    if experiment is None:
        return False
    with serving("MLflow", "/health") as url, chromium_page(1500, 950, 1.0) as page:
        compare_all(page, url, experiment)
        time.sleep(SETTLE_SECONDS)
        page.screenshot(path=IMAGES / "parallel-coordinates.png", clip=drawn(page))
    return True


def newest_comparison(folder: Path) -> str | None:
    """Id of the experiment that was last written to, of those with a comparison's runs; None without any."""
    if not (folder / "mlflow.db").exists():
        return None
    from assets.common.tracking import Tracking
    from assets.experiments.comparison.tracking import KIND

    experiments = Tracking(folder, "", False).client.search_experiments()
    comparisons = [one for one in experiments if f" {KIND} " in one.name]
    newest = max(comparisons, key=lambda one: one.last_update_time, default=None)
    return newest.experiment_id if newest is not None else None


def compare_all(page: Page, url: str, experiment: str) -> None:
    """What a reader does: tick all runs of the experiment, then Compare."""
    page.goto(f"{url}/#/experiments/{experiment}/runs")
    page.get_by_text("matching runs").first.wait_for()
    close_assistant(page)
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Parallel Coordinates Plot").first.wait_for()
    page.locator(".parcoords").first.wait_for()


def close_assistant(page: Page) -> None:
    """Close the panel at the side, which opens by itself."""
    close = page.get_by_role("button", name="Close", exact=True)
    if close.count():
        close.first.click()


def drawn(page: Page) -> dict[str, float]:
    """The part of the page from the experiment's name to the plot's axes."""
    top = page.get_by_text("Parallel Coordinates Plot").first.bounding_box()
    plot = page.locator(".parcoords").first.bounding_box()
    assert top is not None and plot is not None, "the plot is not on the page"
    x, y = top["x"] - 12, top["y"] - 130
    right, below = plot["x"] + plot["width"] + 90, plot["y"] + plot["height"] + 16
    return {"x": x, "y": y, "width": right - x, "height": below - y}


@contextmanager
def serving(name: str, answers: str, port: int = PORT) -> Iterator[str]:
    """One server of `hourfold ui`, Dagster or MLflow, until the end of the block; gives its address."""
    from orchestration.cli.ui import server_commands

    ports = {"Dagster": port, "MLflow": port + 1}
    server = subprocess.Popen(server_commands("127.0.0.1", *ports.values(), port + 2)[name])
    try:
        wait_for(f"http://127.0.0.1:{ports[name]}{answers}")
        yield f"http://127.0.0.1:{ports[name]}"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def chromium_page(width: int, height: int, scale: float) -> Iterator[Page]:
    """A page of a browser without a window."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = chromium.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
        page.set_default_timeout(120_000)
        yield page
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
    sys.exit(main(sys.argv[1:]))
