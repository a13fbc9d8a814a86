"""The profiling assets on a shop of purchases alone: heatmaps, models, the audience of a request."""

import json
import os

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from assets.common import model_registry
from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.common.tracking import PROFILING
from assets.profiling import profilers
from assets.profiling.audience.followed import FollowedAudiences
from assets.profiling.audience.verdict import LABELS
from assets.profiling.audience_outcomes import audience_outcomes_asset
from assets.profiling.few_shot_job import REQUESTS, few_shot_job_asset
from assets.profiling.heatmaps_asset import as_of, time_heatmaps_asset
from assets.profiling.meta_profile_asset import meta_profile_asset
from tests.assets.profiling import shop_on_disk
from tests.assets.profiling.profiler_stand_in import ENTRY
from tests.models.profiling.toy import AS_OF

pytestmark = pytest.mark.slow

DAY = str(np.datetime64(AS_OF - 1, "D"))  #: the partition before the toy's as-of date
EARLIER = str(np.datetime64(AS_OF - 31, "D"))
BRAND = "brand1"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return shop_on_disk.shop(tmp_path_factory)


@pytest.fixture(scope="module")
def instance():
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch, shop):
    monkeypatch.setattr(profilers, "PROFILERS", {"meta_profile_prior": ENTRY})
    monkeypatch.setitem(os.environ, "HOURFOLD_HOME", str(shop[0].root))


OPEN = "still open, with the day on which they are due"
AS_OF_KEY = str(np.datetime64(AS_OF, "D"))


def materialized(shop, instance, asset, key):
    home, _ = shop
    root = str(home.root)
    return dg.materialize(
        [asset],
        partition_key=key,
        instance=instance,
        resources={
            "home": HomeResource(root=root),
            "warehouse": WarehouseResource(root=root),
            "tracking": TrackingResource(root=root),
            "progress": ProgressReport(),
        },
        raise_on_error=False,
    )


def ran(shop, instance, asset, key, fails=False):
    result = materialized(shop, instance, asset, key)
    assert result.success is not fails
    if fails:
        (failed,) = [event for event in result.all_events if event.is_step_failure]
        return failed.step_failure_data.user_failure_data.description
    (made,) = [event.materialization for event in result.get_asset_materialization_events()]
    return made.metadata


def partitions(shop):
    return Partitions.of(shop[1], last_day=shop_on_disk.LAST_DAY)


def asked(shop, name="spring", **changes):
    """Put a request with the brand's customers before the as-of date."""
    home, deployment = shop
    folder = deployment.paths(home).requests
    folder.mkdir(exist_ok=True)
    bought = shop_on_disk.purchases()
    known = bought[(bought["brand"] == BRAND) & (bought["day"] <= DAY)]["user_id"].drop_duplicates()
    known.to_frame().to_csv(folder / f"{name}.csv", index=False)
    values = {"customers": f"{name}.csv", "as_of": as_of(DAY), "top": 20, "horizon_days": 30} | changes
    (folder / f"{name}.json").write_text(json.dumps(values))
    return set(known)


def test_a_partition_is_the_day_before_its_as_of_date():
    assert as_of("2017-12-31") == "2018-01-01"


def test_heatmaps_of_a_day_tell_what_was_encoded(shop, instance):
    page = ran(shop, instance, time_heatmaps_asset(partitions(shop)), DAY)
    assert page["as of"].value == as_of(DAY)
    assert page["last day with events"].value <= DAY
    assert page["users"].value > 100 and page["segments encoded"].value > 0
    assert "data:image/png;base64," in page["a user's year"].value
    assert page["cells of that user"].value > 5
    again = ran(shop, instance, time_heatmaps_asset(partitions(shop)), DAY)
    assert again["segments encoded"].value == 0, "what stands is kept"


def test_models_are_versions_and_the_alias_is_the_newest_by_date(shop, instance):
    page = ran(shop, instance, meta_profile_asset(partitions(shop)), DAY)
    assert "data:image/png;base64," in page["meta_profile_prior: loss"].value
    ran(shop, instance, meta_profile_asset(partitions(shop)), EARLIER)
    tracking = TrackingResource(root=str(shop[0].root)).open(PROFILING)
    version = model_registry.at_alias(tracking, "meta_profile_prior")
    assert version.name == "profiling-landing"
    assert version.tags["as_of"] == as_of(DAY), "an older one that is trained later does not take its place"
    versions = tracking.client.search_model_versions("name='profiling-landing'")
    assert {one.tags["as_of"] for one in versions} >= {as_of(DAY), as_of(EARLIER)}


def test_a_request_becomes_an_audience_and_a_second_run_finds_its_run(shop, instance):
    customers = asked(shop)
    instance.add_dynamic_partitions(REQUESTS.name, ["spring"])
    page = ran(shop, instance, few_shot_job_asset(), "spring")
    folder = shop[1].paths(shop[0]).reports / "audiences" / "spring"
    rows = pd.read_parquet(folder / "audience.parquet")
    assert len(rows) == 20 and not set(rows["user_id"]) & customers
    assert page["model"].value == f"meta_profile_prior of {as_of(DAY)}"
    assert str(folder / "audience.html") in page["page"].value
    assert "data:image/png;base64," in page["lift curve"].value
    assert page["known customers"].value == len(customers)
    said = page["what to expect"].value
    assert (
        "as a random one (between" in said
        and "order, not a probability" in page["what the score means"].value
    )
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = ran(shop, instance, few_shot_job_asset(), "spring")
    assert again["mlflow_run"].value == page["mlflow_run"].value
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    tracking = TrackingResource(root=str(shop[0].root)).open(PROFILING)
    (run,) = tracking.client.search_runs([tracking.experiment], filter_string="tags.kind = 'audience'")
    assert run.data.params["top"] == "20" and run.data.params["customers"] == "spring.csv"
    assert run.data.tags["model_as_of"] == as_of(DAY) and run.data.tags["model_version"].isdigit()
    assert run.data.metrics["expected_lift"] == pytest.approx(page["expected lift"].value)
    assert said.replace("\n\n", " ") in run.data.tags["what_to_expect"]
    assert LABELS[run.data.tags["told_apart_from_chance"]] == page["told apart from chance"].value
    low, high = (run.data.metrics[f"expected_lift_{end}"] for end in ("low", "high"))
    assert low <= run.data.metrics["expected_lift"] <= high
    names = {artifact.path for artifact in tracking.client.list_artifacts(run.info.run_id)}
    assert names == {"page", "rows", "summary", "lift"}


def test_a_training_has_its_backtest_on_its_run(shop, instance):
    page = ran(shop, instance, meta_profile_asset(partitions(shop)), DAY)
    assert 0.5 < page["meta_profile_prior: auroc"].value < 1, "the toy's users have tastes"
    assert "newcomers between" in page["meta_profile_prior: backtest"].value
    tracking = TrackingResource(root=str(shop[0].root)).open(PROFILING)
    runs = tracking.client.search_runs([tracking.experiment], filter_string="tags.kind = 'training'")
    (run,) = [one for one in runs if one.data.tags["partition"] == as_of(DAY)]
    for figure in ("aupr", "auroc"):
        assert run.data.metrics[figure] == pytest.approx(page[f"meta_profile_prior: {figure}"].value)
    assert run.data.metrics["aupr"] > run.data.metrics["base_rate"]
    assert run.data.tags["backtest_model_as_of"] < as_of(DAY), "the model that ranks knows nothing later"


def test_a_first_training_says_why_it_has_no_backtest(shop, instance):
    early = str(np.datetime64(shop_on_disk.FIRST_DAY, "D") + 4)
    page = ran(shop, instance, meta_profile_asset(partitions(shop)), early)
    assert "none: the log has 5 days before" in page["meta_profile_prior: backtest"].value
    assert "meta_profile_prior: auroc" not in page


def outcomes(shop, instance, day, fails=False):
    return ran(shop, instance, audience_outcomes_asset(partitions(shop)), day)


def test_what_came_true_is_recorded_once_the_horizon_has_ended(shop, instance):
    asked(shop, "followed")
    instance.add_dynamic_partitions(REQUESTS.name, ["followed"])
    page = ran(shop, instance, few_shot_job_asset(), "followed")
    due = str(np.datetime64(AS_OF + 30, "D"))
    assert due in page["outcome"].value
    run_id = page["mlflow_run"].value
    early = outcomes(shop, instance, str(np.datetime64(AS_OF + 28, "D")))
    assert (
        early["outcomes recorded"].value == 0 and f"followed, as of {AS_OF_KEY}: {due}" in early[OPEN].value
    )
    late = outcomes(shop, instance, str(np.datetime64(AS_OF + 29, "D")))
    assert "followed, as of" in late["outcomes"].value and late[OPEN].value == "none"
    came = FollowedAudiences.of(shop[1].paths(shop[0])).known(run_id)
    bought = shop_on_disk.purchases()
    first = bought[bought["brand"] == BRAND].groupby("user_id")["day"].min()
    known = set(bought.loc[bought["day"] <= DAY, "user_id"])
    newcomers = {user for user, day in first.items() if DAY < day < due} & known
    rows = pd.read_parquet(shop[1].paths(shop[0]).reports / "audiences" / "followed" / "audience.parquet")
    assert came.newcomers == len(newcomers) > 0
    assert came.reached == len(newcomers & set(rows["user_id"]))
    assert came.candidates == len(known) - page["known customers"].value
    tracking = TrackingResource(root=str(shop[0].root)).open(PROFILING)
    measured = tracking.client.get_run(run_id).data.metrics
    assert measured["auroc"] == pytest.approx(came.auroc) and measured["aupr"] == pytest.approx(came.aupr)
    assert measured["lift"] == pytest.approx((came.reached / came.newcomers) / (20 / came.candidates))
    assert "expected_lift" in measured, "side by side on one run"
    again = outcomes(shop, instance, str(np.datetime64(AS_OF + 31, "D")))
    assert again["outcomes recorded"].value == 0, "judged once"


def test_an_outcome_without_its_purchases_is_called_overdue(shop, instance):
    last = str(np.datetime64(shop_on_disk.LAST_DAY, "D") + 1)
    asked(shop, "waiting", as_of=last)
    instance.add_dynamic_partitions(REQUESTS.name, ["waiting"])
    ran(shop, instance, few_shot_job_asset(), "waiting")
    open_ended = Partitions.of(shop[1], last_day=None)
    day = str(np.datetime64(shop_on_disk.LAST_DAY, "D") + 45)
    result = materialized(shop, instance, audience_outcomes_asset(open_ended), day)
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed and check.severity is dg.AssetCheckSeverity.WARN
    assert "waiting" in check.description and "ingest them" in check.description


def test_a_request_that_cannot_be_answered_says_what_to_do(shop, instance):
    asked(shop, "late", as_of="2031-01-01")
    instance.add_dynamic_partitions(REQUESTS.name, ["late", "gone"])
    message = ran(shop, instance, few_shot_job_asset(), "late", fails=True)
    assert "few_shot_job[late]" in message and "2031-01-01" in message and "What to do" in message
    assert not (shop[1].paths(shop[0]).reports / "audiences" / "late").exists()
    assert "into the folder again" in ran(shop, instance, few_shot_job_asset(), "gone", fails=True)
