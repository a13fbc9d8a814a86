"""A clean-up of a whole small home: what goes, what stays and why, and that a dry run touches nothing."""

import shutil

import dagster as dg
import pytest

from assets.common import clock, model_registry
from assets.common.resources import HomeResource
from assets.ranking.states import States
from assets.upkeep.cleaning import Cleaning
from assets.upkeep.needs import WindowDays, window_of
from tests.assets.upkeep.small_home import (
    KEEP,
    LAST,
    SYSTEMS,
    VERSION,
    days,
    names,
    small_home,
    tracking_of,
    warehouse_of,
    write_daily,
    write_hour,
)
from warehouse.home import Deployment, Home
from warehouse.landing.service_time import ServiceZone
from warehouse.store.results import Metric

NOW = ServiceZone("UTC").day_start_ms(LAST) + 30 * 3_600_000


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now_ms", lambda: NOW)


@pytest.fixture(autouse=True)
def _short_window(monkeypatch):
    monkeypatch.setattr("assets.upkeep.cleaning.window_of", lambda *_: WindowDays(2, 2))


def clean(home: HomeResource, dry_run=False):
    return Cleaning(
        home, warehouse_of(home), tracking_of(home), dg.DagsterInstance.ephemeral(), dry_run
    ).run()


def listing(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def register(home, system, day, alias=None):
    tracking, states = tracking_of(home), States(home.paths.models)
    folder = states.daily(system, day)
    run = tracking.client.create_run(tracking.experiment).info.run_id
    version = model_registry.register(
        tracking, system, day, folder, run, states.finished(folder).state_hash, {}
    )
    if alias:
        model_registry.point(tracking, alias, version, {})
    return version


def test_each_kind_keeps_its_days(tmp_path):
    home, all_days = small_home(tmp_path / "home", 12, KEEP), days(12)
    (home.paths.reports / f"auc_by_hour_{all_days[0]}.png").write_text("as pictures were once")
    outcome = clean(home)
    models = home.paths.models
    for system in SYSTEMS:
        # Hours are of the day after their base: four days of them lean on four models.
        assert names(models / "daily" / system) == all_days[-4:]
        assert sorted({name[:10] for name in names(models / "hourly" / system)})[0] == all_days[-3]
        assert names(models / "checkpoints" / system) == all_days[-1:]
    assert names(models / "long_term") == all_days[-5:]
    assert names(home.paths.instances / VERSION) == all_days[-6:]
    stated = [day for day in all_days[-6:] if (home.paths.instances / VERSION / day / "state").exists()]
    assert stated == all_days[-5:]
    assert names(home.paths.reports) == [f"auc_by_hour_{day}.svg" for day in all_days[-2:]]
    assert names(home.paths.landing) == ["source.json"]
    assert outcome.freed["daily_models"][0] == 2 * 8
    assert outcome.freed["instances"] == (6, 6 * 1302)
    assert outcome.stays["daily_models"] == {"base of a stored hour": 2}
    assert not list(home.home.root.rglob(".trash/*"))


def test_an_old_hour_stays_while_a_kept_one_leans_on_it(tmp_path):
    """As after nights without a training: the hours of days lean on those of the days before."""
    home = small_home(tmp_path / "home", 12, KEEP)
    states, system = States(home.paths.models), SYSTEMS[0]
    base = states.finished(states.daily(system, days(12)[0]))
    chain = [f"{day}-07:00" for day in days(12)[1:-1:2]]
    for number, hour in enumerate(chain):
        write_hour(states, base, hour, chain[:number])
    old = [hour for hour in chain if hour[:10] < days(3)[0]]
    assert len(old) == 4
    outcome = clean(home)
    assert outcome.stays["hourly_states"] == {"a stored hour leans on it": len(old)}
    kept = names(states.root / "hourly" / system)
    assert kept[: len(old)] == [hour.replace(":", "-") for hour in old], "and nothing else that old"
    assert days(12)[0] in names(states.root / "daily" / system), "the chain's base"
    shutil.rmtree(states.hourly(system, chain[-1]))
    clean(home)
    assert names(states.root / "hourly" / system)[0][:10] == days(3)[0]
    assert all(states.record(link) for key in chain for link in states.leans_on(states.hourly(system, key)))


def test_a_dry_run_says_the_same_and_touches_nothing(tmp_path):
    home = small_home(tmp_path / "home", 12, KEEP)
    tracking_of(home).client.search_experiments()
    before = listing(home.home.root)
    said = clean(home, dry_run=True)
    assert listing(home.home.root) == before
    assert said.total[0] > 50
    assert clean(home).freed == said.freed
    assert clean(home).total == (0, 0)


def test_champion_and_aliases_stay_with_their_graphs(tmp_path):
    home = small_home(tmp_path / "home", 12, KEEP)
    all_days = days(12)
    register(home, SYSTEMS[0], all_days[0], "champion")
    register(home, SYSTEMS[1], all_days[1], "mine")
    gone = register(home, SYSTEMS[0], all_days[2])
    outcome = clean(home)
    models = home.paths.models
    assert names(models / "daily" / SYSTEMS[0])[0] == all_days[0]
    assert names(models / "daily" / SYSTEMS[1])[0] == all_days[1]
    assert names(models / "long_term")[:2] == all_days[:2]
    assert outcome.stays["daily_models"]["champion"] == 1
    assert outcome.stays["daily_models"]["alias mine of ranking-simulated"] == 1
    assert outcome.stays["long_term_graphs"]["graph of champion"] == 1
    tracking = tracking_of(home)
    assert model_registry.at_alias(tracking, "champion").tags["day"] == all_days[0]
    left = tracking.client.search_model_versions("name='ranking-simulated'")
    assert str(gone) not in {str(version.version) for version in left}


def test_a_registry_that_does_not_answer_stops_everything(tmp_path, monkeypatch):
    home = small_home(tmp_path / "home", 12, KEEP)
    before = listing(home.paths.root)

    def refuses(_tracking):
        raise ConnectionError("no answer")

    monkeypatch.setattr(model_registry, "aliased", refuses)
    with pytest.raises(ConnectionError):
        clean(home)
    assert listing(home.paths.root) == before


def test_the_newest_that_can_be_read_stays_beside_a_damaged_one(tmp_path):
    keep = KEEP.model_copy(update={"daily_models": 1, "hourly_states": 4})
    home = small_home(tmp_path / "home", 1, keep)
    states = States(home.paths.models)
    for day in days(9)[:8]:
        write_daily(states, SYSTEMS[0], day)
    for damaged in days(2):
        states.ranker_path(states.daily(SYSTEMS[0], damaged)).write_bytes(b"other bytes")
    clean(home)
    assert names(home.paths.models / "daily" / SYSTEMS[0]) == days(3)


def test_the_window_of_the_next_training_stays(tmp_path, monkeypatch):
    home = small_home(tmp_path / "home", 12, KEEP.model_copy(update={"instances": 1, "long_term_graphs": 1}))
    monkeypatch.setattr("assets.upkeep.cleaning.window_of", lambda *_: WindowDays(8, 9))
    outcome = clean(home)
    assert names(home.paths.instances / VERSION) == days(9)
    assert names(home.paths.models / "long_term") == days(9)
    assert outcome.stays["instances"] == {"window of the next training": 8}


def test_a_system_that_reads_everything_keeps_all_instances(tmp_path, monkeypatch):
    home = small_home(tmp_path / "home", 12, KEEP)
    monkeypatch.setattr("assets.upkeep.cleaning.window_of", lambda *_: WindowDays(None, None))
    clean(home)
    assert names(home.paths.instances / VERSION) == days(12)


def test_the_window_is_that_of_the_systems_with_their_tuned_settings():
    deployment = Deployment(systems=("deepfm",))
    tuned = {"deepfm": {"training.window_days": 5, "training.click_days": 7}}
    assert window_of(deployment, tuned) == WindowDays(5, 7)
    assert window_of(deployment, {"deepfm": {"training.window_days": None}}) == WindowDays(None, None)
    # Neighbours, and the factors of the click graph, are made from more days than are trained on. A night
    # that misses one of their days encodes it again.
    assert window_of(deployment, {}) == WindowDays(8, 28)
    factors = {"training.click_days": 9}
    assert window_of(Deployment(systems=("lsttm_spectral",)), {"lsttm_spectral": factors}) == WindowDays(
        8, 28
    )
    assert window_of(Deployment(systems=("deepfm", "lsttm_spectral")), {}) == WindowDays(8, 28)


def test_a_system_that_is_no_longer_run_goes_with_its_days(tmp_path):
    home = small_home(tmp_path / "home", 12, KEEP)
    states = States(home.paths.models)
    for day in days(12)[:3]:
        write_daily(states, "deepfm", day)
    clean(home)
    assert names(states.root / "daily" / "deepfm") == []


def test_results_of_the_warehouse_keep_their_days(tmp_path):
    keep = KEEP.model_copy(update={"predictions": 2, "metrics": None})
    home = small_home(tmp_path / "home", 1, keep)
    with warehouse_of(home).open(read_only=False) as opened:
        for day in days(4):
            opened.write_predictions("s", "v", f"{day}-05:00", ["x"], [0.5])
            opened.write_metrics([Metric("auc", "s", day, 0.5), Metric("auc", "s", "2099-01-01", 0.5)])
    outcome = clean(home)
    assert outcome.freed["predictions (rows)"] == (2, 0)
    with warehouse_of(home).open() as opened:
        assert list(opened.read_predictions("s")["partition"]) == [f"{day}-05:00" for day in days(2)]
        assert len(opened.read_metrics("auc")) == 5


def test_leftovers_of_killed_runs_go_after_a_day(tmp_path):
    import os

    home = small_home(tmp_path / "home", 1, KEEP)
    daily = home.paths.models / "daily" / SYSTEMS[0]
    old, young, alive = (
        daily / name
        for name in (".2026-03-01.4194304.tmp", ".2026-03-02.4194304.old", f".2026-03-03.{os.getpid()}.tmp")
    )
    for folder in (old, young, alive):
        folder.mkdir()
        (folder / "part").write_text("half")
    for folder in (old, alive):
        os.utime(folder, (1, 1))
    index = home.paths.warehouse.with_name(f"{home.paths.warehouse.name}.ids.0123.part")
    index.write_text("half")
    os.utime(index, (1, 1))
    outcome = clean(home)
    assert outcome.freed["leftovers of killed runs"][0] == 2
    assert not old.exists() and not index.exists() and young.exists() and alive.exists()


def test_settings_of_keeping_are_read_from_the_home(tmp_path):
    home = small_home(tmp_path / "home", 1, KEEP)
    assert Deployment.load(Home(home.home.root)).keep == KEEP
    assert Deployment().keep.daily_models == 14
