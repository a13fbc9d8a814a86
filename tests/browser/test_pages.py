"""The pages of Dagster and MLflow after a demo, seen in a real browser: groups, figures, plots, runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestration.cli.ui import runs_page
from tests.browser.servers import Servers, chromium_page, needs_browser, serving, shows_picture
from tests.demo_home import Demo, demo_of_session

DAY = "2025-03-05"

pytestmark = needs_browser


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    return demo_of_session(tmp_path_factory)


@pytest.fixture(scope="module")
def servers(demo) -> Iterator[Servers]:
    with serving(demo.environment()) as found:
        yield found


@pytest.fixture(scope="module")
def page(servers):
    with chromium_page() as found:
        yield found


def test_dagster_shows_both_groups_and_no_dialogue_in_front(page, servers):
    page.goto(f"{servers.dagster}/asset-groups")
    for group in ("logs", "ranking"):
        page.get_by_text(group, exact=True).first.wait_for()
    assert not page.get_by_text("Join the Dagster community").count()


def test_an_asset_page_tells_description_owner_kinds_and_figures(page, servers):
    page.goto(f"{servers.dagster}/assets/hourly_auc")
    page.get_by_text("AUC of the hour for each system").first.wait_for()
    figures = ("deepfm_external: auc", "lsttm_spectral: auc", "deepfm_external: base_partition")
    for text in ("ranking", "DuckDB", "PyTorch", *figures):
        page.get_by_text(text, exact=False).first.wait_for()


@pytest.mark.parametrize(
    "asset, plot",
    [("hourly_auc", "AUC by hour"), ("daily_ranker", "loss")],
)
def test_an_asset_page_shows_its_plot(page, servers, asset, plot):
    shows_picture(page, f"{servers.dagster}/assets/{asset}", plot)


def test_an_hour_of_exposures_tells_its_own_counts(page, servers):
    page.goto(f"{servers.dagster}/assets/exposures?view=partitions&partition={DAY}-07:00")
    for entry in ("rows in", "kept", "quarantined", "share quarantined"):
        page.get_by_text(entry, exact=True).first.wait_for()


def test_dagster_shows_the_hours_as_runs_of_their_own(page, servers):
    page.goto(f"{servers.dagster}/runs")
    page.get_by_text(f"{DAY}-23:00").first.wait_for()
    assert page.get_by_text("Success").count() > 10


def test_mlflow_shows_a_run_a_day_and_its_hours(page, servers, demo, monkeypatch):
    monkeypatch.setenv("HOURFOLD_HOME", str(demo.home))
    assert "/runs?" in runs_page()
    page.goto(servers.mlflow + runs_page())
    page.get_by_text(f"{DAY} deepfm_external day (simulated)").first.wait_for()
    page.get_by_text(f"{DAY} lsttm_spectral day (simulated)").first.wait_for()


def test_mlflow_shows_the_registered_model_and_its_champion(page, servers):
    page.goto(f"{servers.mlflow}/#/models")
    page.get_by_role("link", name="ranking-simulated").first.wait_for()
    page.get_by_text("champion").first.wait_for()
