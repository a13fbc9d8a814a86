"""The pages of Dagster and MLflow after a demo, seen in a real browser: groups, figures, plots, runs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from orchestration.cli.ui import runs_page
from tests.demo_home import ROOT, Demo, demo_of_session

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
BROWSER = os.environ.get("HOURFOLD_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
START_SECONDS, PAGE_MS = 240, 90_000
DAY = "2025-03-05"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(BROWSER is None, reason=f"no browser on the path ({', '.join(BROWSERS)})"),
]


@dataclass(frozen=True)
class Servers:
    """`hourfold ui` on two free ports."""

    process: subprocess.Popen[bytes]
    dagster: str
    mlflow: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    return demo_of_session(tmp_path_factory)


@pytest.fixture(scope="module")
def servers(demo) -> Iterator[Servers]:
    ports = free_ports(2)
    arguments = ["ui", "--dagster-port", str(ports[0]), "--mlflow-port", str(ports[1])]
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", *arguments], cwd=ROOT, env=demo.environment()
    )
    found = Servers(process, *(f"http://127.0.0.1:{port}" for port in ports))
    try:
        answered(f"{found.dagster}/server_info", process)
        answered(f"{found.mlflow}/health", process)
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, "one Ctrl-C ends both servers"
    for url in (found.dagster, found.mlflow):
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(url, timeout=5)


@pytest.fixture(scope="module")
def page(servers):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(PAGE_MS)
        yield page
        browser.close()


def test_dagster_shows_both_groups_and_no_dialogue_in_front(page, servers):
    page.goto(f"{servers.dagster}/asset-groups")
    for group in ("logs", "ranking"):
        page.get_by_text(group, exact=True).first.wait_for()
    assert not page.get_by_text("Join the Dagster community").count()


def test_an_asset_page_tells_description_owner_kinds_and_figures(page, servers):
    page.goto(f"{servers.dagster}/assets/hourly_auc")
    page.get_by_text("AUC of the hour for each system").first.wait_for()
    for text in ("ranking", "DuckDB", "PyTorch", "deepfm: auc", "lsttm: auc", "deepfm: base_partition"):
        page.get_by_text(text, exact=False).first.wait_for()


@pytest.mark.parametrize(
    "asset, plot",
    [("hourly_auc", "AUC by hour"), ("daily_ranker", "loss"), ("exposures", "quarantine by rule")],
)
def test_an_asset_page_shows_its_plot(page, servers, asset, plot):
    page.goto(f"{servers.dagster}/assets/{asset}")
    row = page.get_by_role("row").filter(has=page.get_by_text(plot, exact=True)).first
    row.get_by_text("Show Markdown").click()
    image = page.locator('img[src^="data:image/png"]').first
    image.wait_for()
    assert image.evaluate("image => image.naturalWidth") > 300
    page.keyboard.press("Escape")


def test_dagster_shows_the_hours_as_runs_of_their_own(page, servers):
    page.goto(f"{servers.dagster}/runs")
    page.get_by_text(f"{DAY}-23:00").first.wait_for()
    assert page.get_by_text("Success").count() > 10


def test_mlflow_shows_a_run_a_day_and_its_hours(page, servers, demo, monkeypatch):
    monkeypatch.setenv("HOURFOLD_HOME", str(demo.home))
    assert runs_page().endswith("/runs")
    page.goto(servers.mlflow + runs_page())
    page.get_by_text(f"simulated deepfm day {DAY}").first.wait_for()
    page.get_by_text(f"simulated lsttm day {DAY}").first.wait_for()


def test_mlflow_shows_the_registered_model_and_its_champion(page, servers):
    page.goto(f"{servers.mlflow}/#/models")
    page.get_by_role("link", name="ranking-simulated").first.wait_for()
    page.get_by_text("champion").first.wait_for()


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on; all are held while they are drawn, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def answered(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the address answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, "hourfold ui ended by itself"
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.5)
