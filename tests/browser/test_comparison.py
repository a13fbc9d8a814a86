"""A comparison in MLflow, in a real browser: tick all, Compare, and parallel coordinates are there."""

from __future__ import annotations

import importlib.util

import pytest

from assets.experiments.comparison.tracking import record
from tests.assets.experiments.random_comparison import random_comparison
from tests.browser.servers import chromium_page, free_ports, needs_browser
from tests.demo_home import ROOT
from warehouse.home import Home

pytestmark = needs_browser
SYSTEMS = ("deepfm", "lightgbm", "lsttm")


@pytest.fixture(scope="module")
def pictures():
    """docs/build_pictures.py, which takes this page's picture for the documentation."""
    spec = importlib.util.spec_from_file_location("build_pictures", ROOT / "docs" / "build_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_runs_ticked_and_compared_are_parallel_coordinates(pictures, tmp_path, monkeypatch):
    for name in ("HOURFOLD_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    folder = Home.current().mlflow
    record(folder, random_comparison(SYSTEMS))
    experiment = pictures.newest_comparison(folder)
    port = free_ports(1)[0] - 1
    with pictures.serving("MLflow", "/health", port) as url, chromium_page() as page:
        pictures.compare_all(page, url, experiment)
        page.get_by_role("heading", name="Comparing 6 Runs from 1 Experiment").wait_for()
        plot = page.locator(".parcoords").first
        for axis in ("family", "seed", "system", "auc"):
            plot.get_by_text(axis, exact=True).first.wait_for()
        for value in ("baseline", "practice", *SYSTEMS):
            plot.get_by_text(value, exact=True).first.wait_for()
        page.get_by_text("simulated comparison").first.wait_for()
        clip = pictures.drawn(page)
        assert clip["width"] > 700 and clip["height"] > 400
