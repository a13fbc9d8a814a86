"""`dagster dev` and `mlflow ui`, typed in the root without a variable: a demo in a real browser."""

from __future__ import annotations

import re
import time

import pandas as pd
import pytest

from assets.ranking.run_colour import TAG, colour_tag
from orchestration.cli.ui import CHARTS
from tests.browser.plain import copied_root, typed
from tests.browser.servers import chromium_page, needs_browser
from tests.demo_home import demo_of_session

DAY = "2025-03-05"
RUN_SECONDS = 240

pytestmark = needs_browser


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A root whose home was moved there after the demo."""
    root = tmp_path_factory.mktemp("checkout") / "root"
    copied_root(root, demo_of_session(tmp_path_factory).home)
    return root


@pytest.fixture(scope="module")
def dagster(root):
    with typed(root, "dagster", "dev", answers="/server_info") as url:
        yield url


@pytest.fixture(scope="module")
def page():
    with chromium_page() as opened:
        yield opened


def launch(page, dagster: str, asset: str, partition: str) -> None:
    """What a person does: Materialize on the asset's page, the partition, Launch."""
    page.goto(f"{dagster}/assets/{asset}?view=partitions")
    page.get_by_text(partition, exact=True).first.wait_for()
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").first.fill(partition)
    dialog.get_by_role("textbox").first.press("Enter")
    dialog.get_by_role("button", name="Launch 1 run").click()
    dialog.wait_for(state="detached")


def ended(page, dagster: str, asset: str, before: set[str]) -> tuple[str, str]:
    """Id and status of the run that was launched after those of `before`, once it is over."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        fresh = {run: status for run, status in runs(page, dagster).items() if run not in before}
        over = [(run, status) for run, status in fresh.items() if status in ("SUCCESS", "FAILURE")]
        if over:
            return over[0]
        time.sleep(1)
    raise AssertionError(f"the run of {asset} does not end: {fresh}")


def runs(page, dagster: str) -> dict[str, str]:
    """Status of every run, as the page's own interface tells it."""
    query = "{runsOrError(limit: 200) {... on Runs {results {runId status}}}}"
    answer = page.request.post(f"{dagster}/graphql", data={"query": query}).json()
    return {run["runId"]: run["status"] for run in answer["data"]["runsOrError"]["results"]}


def test_dagster_dev_shows_the_hours_of_the_demo(page, dagster):
    page.goto(f"{dagster}/assets/hourly_auc?view=partitions")
    page.get_by_text(f"{DAY}-23:00", exact=True).first.wait_for()
    page.get_by_text("Materialized (24)").wait_for()
    assert len(runs(page, dagster)) > 24


def test_an_hour_is_backfilled_from_the_page(page, dagster):
    before = set(runs(page, dagster))
    launch(page, dagster, "hourly_auc", f"{DAY}-07:00")
    run, status = ended(page, dagster, "hourly_auc", before)
    assert status == "SUCCESS"
    page.goto(f"{dagster}/assets/hourly_auc?view=partitions&partition={DAY}-07:00")
    page.get_by_text(run[:8]).first.wait_for()
    for entry in ("deepfm_external: auc", "deepfm_external: aupr", "deepfm_external: MLflow hour"):
        page.get_by_text(entry, exact=True).first.wait_for()


def test_a_red_check_shows_its_numbers(page, dagster, root):
    hour = root / "var/sources/simulator/landing/exposures" / f"date={DAY}" / "hour=23"
    (file,) = hour.glob("*.parquet")
    broken = pd.read_parquet(file)
    broken.loc[broken.index[: len(broken) * 3 // 4], "item_id"] = None
    broken.to_parquet(file, index=False)
    before = set(runs(page, dagster))
    launch(page, dagster, "exposures", f"{DAY}-23:00")
    assert ended(page, dagster, "exposures", before)[1] == "FAILURE"
    page.goto(f"{dagster}/assets/exposures?view=checks&checkDetail=share_quarantined")
    page.get_by_text(re.compile(r"\d+ of \d+ rows quarantined")).first.wait_for()
    page.get_by_text("column 'item_id'").first.wait_for()
    for number in ("high", "observed"):
        page.get_by_text(number, exact=True).first.wait_for()


def test_mlflow_ui_shows_auc_by_hour_of_the_systems_overlaid(page, root):
    with typed(root, "mlflow", "ui", "--workers", "1", answers="/health") as mlflow:
        search = page.request.get(f"{mlflow}/api/2.0/mlflow/experiments/get-by-name?experiment_name=ranking")
        experiment = search.json()["experiment"]["experiment_id"]
        page.goto(f"{mlflow}/#/experiments/{experiment}/runs?{CHARTS}")
        for system in ("deepfm_external", "lsttm_spectral"):
            page.get_by_text(f"{DAY} {system} day (simulated)").first.wait_for()
        chart = page.locator(
            '[data-testid="experiment-view-compare-runs-card"]', has_text="auc_by_hour"
        ).first
        chart.locator("svg.main-svg").first.wait_for()
        lines = chart.locator(".scatterlayer path.js-line")
        lines.nth(1).wait_for()
        colours = {line.evaluate("line => getComputedStyle(line).stroke") for line in lines.all()}
        wanted = {colour_tag(system, DAY)[TAG] for system in ("deepfm_external", "lsttm_spectral")}
        assert {as_hex(colour) for colour in colours} == wanted, "a curve a system, in its colour"


def as_hex(colour: str) -> str:
    """`rgb(1, 2, 3)` as `#010203`."""
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour))
