"""Hours as Dagster runs on the home's own instance: what a good hour leaves, and what a rejected one does
not.
"""

import dagster as dg
import pandas as pd
import pytest

from assets.common import model_registry
from assets.ranking.states import States
from orchestration.jobs import HOURLY, LOGS
from orchestration.report import report_day
from orchestration.run import run_day, run_ingest
from orchestration.session import RunFailed, Session
from tests.deployed import BASE, DAY, HOURS

pytestmark = pytest.mark.slow
SYSTEMS = ("deepfm_external", "lsttm")  # one with a gate and one without; the others take the same path


@pytest.fixture
def session(ready):
    with Session(ready.deployment.model_copy(update={"systems": SYSTEMS}), ready.home) as opened:
        yield opened


@pytest.fixture
def instance(session):
    """The home's instance as another process would open it."""
    with dg.DagsterInstance.from_config(str(session.home.dagster)) as opened:
        yield opened


def _rows(ready, hour):
    with ready.warehouse.open() as opened:
        loaded = opened.loaded("exposures").set_index("partition")
        opened.check_invariant()
    return loaded.loc[hour].to_dict()


def _break(ready, hour):
    """Every exposure an hour early: all rows fall to a row rule, and so many break a batch rule."""
    (path,) = (ready.landing / "exposures" / f"date={hour[:10]}" / f"hour={hour[11:13]}").glob("*.parquet")
    frame = pd.read_parquet(path)
    frame["shown_at"] -= pd.Timedelta(hours=1)
    frame.to_parquet(path, index=False)


def _events(instance, asset):
    found = instance.fetch_materializations(dg.AssetKey(asset), limit=50).records
    return {record.partition_key: record.asset_materialization for record in found}


def test_an_hour_is_a_run_with_its_figures_on_the_pages(ready, session, instance):
    session.run(HOURLY, HOURS[0])
    session.run(HOURLY, HOURS[1])
    for asset in ("exposures", "external_clicks", "hourly_ranker", "hourly_auc"):
        assert set(_events(instance, asset)) == set(HOURS[:2]), asset
    page = _events(instance, "hourly_auc")[HOURS[1]].metadata
    assert "data:image/svg+xml;base64," in page["AUC by hour"].value
    assert "data:image/svg+xml;base64," in page["gate weights"].value
    assert page["deepfm_external: base_partition"].value == BASE
    page = _events(instance, "hourly_ranker")[HOURS[1]].metadata
    assert page["lsttm: from_state"].value == HOURS[0]
    assert page["lsttm: state_hash"].value
    runs = instance.get_runs(filters=dg.RunsFilter(job_name=HOURLY))
    assert sorted(run.tags["dagster/partition"] for run in runs) == HOURS[:2]
    assert session.spent.runs == 2
    assert {"read", "gate", "load", "compute", "write", "record"} <= set(session.spent.work)
    assert session.spent.orchestration > 0
    report = report_day(session, DAY)
    assert set(report.auc_by_hour["deepfm_external"]) == {0, 1}
    assert report.base_partitions == dict.fromkeys(SYSTEMS, BASE)
    assert report.simulated
    assert report.plot.read_text().startswith("<svg")
    exposures = sum(_rows(ready, hour)["kept"] for hour in HOURS[:2])
    assert report.pooled["lsttm"]["exposures"] == exposures


def test_a_rejected_hour_is_blocked_and_leaves_the_state_before(ready, session, instance):
    good, bad = HOURS[:2]
    session.run(HOURLY, good)
    states = States(ready.models)
    before = states.finished(states.hourly("deepfm_external", good)), _rows(ready, bad)
    _break(ready, bad)
    with pytest.raises(RunFailed, match="What to do") as caught:
        session.run(HOURLY, bad)
    assert bad in str(caught.value)
    assert (states.finished(states.hourly("deepfm_external", good)), _rows(ready, bad)) == before
    assert states.record(states.hourly("deepfm_external", bad)) is None
    for asset in ("exposures", "hourly_ranker", "hourly_auc"):
        assert set(_events(instance, asset)) == {good}, f"{asset} ran for a rejected hour"


def test_a_range_is_one_run_and_only_its_sound_hours_are_loaded(ready, session, instance):
    _break(ready, HOURS[1])
    former = _rows(ready, HOURS[1])
    with pytest.raises(RunFailed, match="What to do"):
        session.run(LOGS, HOURS[0], HOURS[2])
    assert set(_events(instance, "exposures")) == {HOURS[0], HOURS[2]}
    assert _rows(ready, HOURS[1]) == former
    assert len(instance.get_runs(filters=dg.RunsFilter(job_name=LOGS))) == 1


def test_what_is_loaded_is_not_loaded_again(session):
    run_ingest(session, BASE, BASE)
    assert session.spent.runs == 0


def test_the_first_day_has_nothing_to_begin_from(session):
    with pytest.raises(ValueError, match="no day before"):
        run_day(session, BASE)


def test_the_night_left_a_champion(ready):
    tracking = ready.tracking.open()
    champion = model_registry.at_alias(tracking, model_registry.CHAMPION)
    assert champion.tags["day"] == BASE
    assert champion.tags["decision"] == "first champion"
    assert champion.name == "ranking-simulated"
    versions = tracking.client.search_model_versions(f"name='{champion.name}'")
    assert {version.tags["system"] for version in versions} == set(ready.deployment.systems)
