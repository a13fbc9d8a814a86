"""The online A/B test on tiny simulated worlds: what arms see, that effects are found, and going on."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from assets.experiments.ab import play as ab_play
from assets.experiments.ab.play import ArmRun, run_play, split
from assets.experiments.ab.report import lifts, visits
from assets.experiments.ab.results import ABResult
from assets.experiments.ab.run import ab_test
from assets.experiments.ab.settings import ABSettings
from assets.experiments.ab.simulated_log import SimulatedLog
from assets.experiments.frame import Finished
from assets.experiments.number_format import percent
from models.ranking.features.event_log import DAY_MS, HOUR_MS
from orchestration.cli import app
from simulator import SimulatorSettings
from simulator.feed.fill import fill
from simulator.feed.serving import Serving
from simulator.feed.users import FIRST_ID
from simulator.feed.world import World
from tests.assets.experiments.random_comparison import random_ab
from warehouse.landing.service_time import ServiceZone

RULES = ABSettings(arms=("random", "truth"), size="tiny", days=2, users=1200, draws=500, bounds=False)
TRAINED = ABSettings(arms=("deepfm", "policy"), size="tiny", days=2, first_day="2025-03-04", explore=0.1)
START_MS = ServiceZone("UTC").day_start_ms("2025-03-03")


def played(play):
    days = []
    run_play(play, lambda emitted: days.append(emitted) if isinstance(emitted, Finished) else None)
    return days


def exposures(day):
    (columns,) = day.arrays.values()
    return columns


def same(one, other):
    one, other = exposures(one), exposures(other)
    return all(np.array_equal(one[name], other[name], equal_nan=name == "dwell") for name in one)


@pytest.fixture(scope="module")
def by_rules(tmp_path_factory):
    out = tmp_path_factory.mktemp("ab") / "ab.json"
    return ab_test(RULES, out), out


@pytest.fixture(scope="module")
def trained():
    """A tiny DeepFM on the users of its arm, for two days."""
    return played(ArmRun(TRAINED, "deepfm", 0))


def test_the_truth_beats_chance_on_every_metric(by_rules):
    result, _ = by_rules
    for entry in result.metrics:
        assert (entry.arm, entry.base) == ("truth", "random")
        assert entry.lift > 0.1 and entry.low > 0 and entry.p_value < 0.01, entry.metric


def test_the_result_says_what_it_is_and_its_sums_agree(by_rules):
    result, out = by_rules
    stored = json.loads(out.read_text())
    assert result.document() == stored and ABResult.model_validate(stored) == result
    assert stored["settings"]["test_days"] == list(RULES.test_days) and stored["settings"]["of"] == {}
    assert result.simulated is True and result.aa is None and result.valid is True
    assert result.world.settings_hash == RULES.simulation().settings_hash()
    assert len(result.days) == 4 and len(result.hours) == 2 * 2 * 24
    for arm in result.arms:
        (pooled,) = (row for row in result.pooled if row.arm == arm)
        for rows in (result.days, result.hours):
            assert sum(row.clicks for row in rows if row.arm == arm) == pooled.clicks
        days = [row.users for row in result.days if row.arm == arm]
        assert max(days) < pooled.users < sum(days)
        assert pooled.acn == pooled.clicks / pooled.users
    assert not out.with_name("ab.json.partial").exists()


def test_an_a_a_run_finds_nothing_and_pairs_find_more(tmp_path):
    settings = RULES.model_copy(update={"aa": True, "days": 1, "bounds": True})
    result = ab_test(settings, tmp_path / "ab.json")
    for entry in result.aa.metrics:
        assert entry.base == "random" and entry.p_value > 0.001
    assert result.aa.srm.users.keys() == {"random", "random on the users of truth (A/A)"}
    pairs = {entry.metric: entry for entry in result.aa.paired}
    for entry in result.metrics:
        pair = pairs[entry.metric]
        assert pair.arm_value == entry.arm_value and pair.low > 0
        # Lifts are relative to a base, and the two bases differ: widths in the metric's own unit.
        assert (pair.high - pair.low) * pair.base_value < (entry.high - entry.low) * entry.base_value
    ctr = {row.arm: row.ctr for row in result.bounds}
    assert ctr["random"] < ctr["policy"] < ctr["truth"]
    assert all(row.users == sum(result.srm.users.values()) for row in result.bounds)


def test_the_paired_figure_is_the_headline_and_the_unpaired_one_is_named():
    result = random_ab()
    text = lifts(result)
    paired, unpaired = result.lift("ctr", paired=True), result.lift("ctr")
    assert text.startswith("**Paired**")
    for entry, after in ((paired, "**Paired**"), (unpaired, "unpaired ")):
        assert percent(entry.lift) in text.partition(after)[2].partition("\n")[0]
    assert text.index("**Paired**") < text.index("**Unpaired**") < text.index("(A/A)")
    alone = lifts(result.model_copy(update={"aa": None}))
    assert alone.startswith("There is no paired figure") and "(A/A)" not in alone


def test_visits_are_called_exogenous_where_the_log_shows_it(tmp_path):
    settings = RULES.model_copy(update={"aa": True, "days": 1})
    result = ab_test(settings, tmp_path / "ab.json")
    ctr, acn = (result.lift(metric, paired=True) for metric in ("ctr", "acn"))
    assert acn.lift == pytest.approx(ctr.lift, rel=0.02), "as many exposures in both worlds"
    assert "no second witness" in visits(result)
    row = result.aa.pooled[1]
    more = row.model_copy(update={"exposures": row.exposures * 2})
    responding = result.aa.model_copy(update={"pooled": (result.aa.pooled[0], more)})
    assert visits(result.model_copy(update={"aa": responding})) == ""


def test_a_broken_split_is_flagged(tmp_path, monkeypatch):
    monkeypatch.setattr(ab_play, "split", lambda salt, users, arms: (users % 10 < 3).astype(int))
    result = ab_test(RULES.model_copy(update={"days": 1}), tmp_path / "ab.json")
    assert result.valid is False and result.srm.p_value < 0.001


def test_users_are_split_evenly_for_good_and_anew_by_another_salt():
    users = np.arange(30_000)
    arm = split("a", users, 3)
    assert np.abs(np.bincount(arm) - 10_000).max() < 400
    assert np.array_equal(arm[7:9], split("a", users[7:9], 3))
    assert 0.3 < np.mean(arm == split("b", users, 3)) < 0.37


def test_the_same_system_on_the_same_users_does_the_same_to_the_bit(trained):
    again = played(ArmRun(TRAINED.model_copy(update={"days": 1}), "deepfm", 0))
    assert same(trained[0], again[0])


def test_a_killed_arm_goes_on_as_if_nothing_had_happened(trained, tmp_path):
    path = tmp_path / "day.npz"
    np.savez(path, **exposures(trained[0]))
    rest = played(ArmRun(TRAINED, "deepfm", 0, (path,)))
    assert [row.day for day in rest for row in day.rows] == ["2025-03-05"]
    assert same(rest[0], trained[1])


def test_a_killed_test_keeps_its_days_and_ends_the_same(by_rules, tmp_path):
    class KilledError(Exception):
        pass

    def kill(stage, done, total):
        if stage == "days played" and done == 3:
            raise KilledError

    out, told = tmp_path / "ab.json", []
    with pytest.raises(KilledError):
        ab_test(RULES, out, progress=kill)
    # With two workers: what is left is done in a process of its own, and comes out the same.
    result = ab_test(RULES, out, workers=2, progress=lambda *step: told.append(step))
    assert told[0] == ("days played", 3, 4)
    assert {step[0][:17] for step in told[1:]} == {"2025-03-06 truth@", "days played"}
    for name in ("days", "hours", "metrics", "srm", "resplits"):
        assert getattr(result, name) == getattr(by_rules[0], name)


class Recorder:
    """An arm that shows what it is given, and remembers what it was told."""

    learns = True

    def __init__(self, logs):
        self.logs, self.told, self.learned = logs, [], []

    def retrain(self, log, report):
        self.told.append(log)

    def scores(self, requests):
        log = self.logs.candidates(requests)
        assert not log.exposures.clicked.any() and not len(log.external)
        assert (log.exposures.context[:, 1] == 0).all()
        assert log.end_ms - log.start_ms == HOUR_MS
        return np.zeros(requests.item.shape)

    def learn(self, played):
        self.learned.append(self.logs.hour(played))


def test_an_arm_learns_from_the_shared_log_and_its_own_users_alone(monkeypatch):
    made = []

    def recorder(play, logs, audience):
        made.append(Recorder(logs))
        return made[-1]

    monkeypatch.setattr(ab_play, "_arm", recorder)
    played(ArmRun(TRAINED, "policy", 1))
    (arm,) = made
    first, second = (log.exposures for log in arm.told)
    assert [log.end_ms for log in arm.told] == [START_MS + DAY_MS, START_MS + 2 * DAY_MS]
    assert all((np.diff(log.exposures.shown_at) >= 0).all() for log in arm.told)
    assert second.shown_at.max() < START_MS + 2 * DAY_MS
    assert set(split(TRAINED.salt, first.user, 2)) == {0, 1}
    assert np.array_equal(second.user[: len(first)], first.user)
    assert set(split(TRAINED.salt, second.user[len(first) :], 2)) == {1}
    since = arm.told[1].external.received_at >= START_MS + DAY_MS
    assert set(split(TRAINED.salt, arm.told[1].external.user[since], 2)) == {0, 1}
    hours = [hour.exposures for hour in arm.learned[:24]]
    assert np.array_equal(np.concatenate([hour.item for hour in hours]), second.item[len(first) :])
    assert (arm.told[0].items.published_at < START_MS + DAY_MS).all()


def test_the_log_is_what_the_landing_files_say(tmp_path):
    """Straight from the world, or by way of files: the same events."""
    settings = SimulatorSettings.tiny(days=1)
    fill(tmp_path, settings)
    world = World(settings)
    hours = list(world.hours())
    log = SimulatedLog(world).history(hours, [hour.external for hour in hours], 24)

    def read(table):
        files = sorted((tmp_path / table).rglob("*.parquet"))
        frames = [pq.ParquetFile(file).read().to_pandas() for file in files]
        return pd.concat(frames, ignore_index=True)

    def ms(instants):
        return instants.dt.as_unit("ms").astype("int64").to_numpy()

    def one_to_one(codes, values):
        pairs = set(zip(codes.tolist(), map(str, values), strict=True))
        return len(pairs) == len({code for code, _ in pairs}) == len({value for _, value in pairs})

    shown, external, items = read("exposures"), read("external_clicks"), read("items")
    assert np.array_equal(log.exposures.user, shown["user_id"] - FIRST_ID)
    assert np.array_equal(log.exposures.shown_at, ms(shown["shown_at"]))
    assert np.array_equal(log.exposures.clicked, shown["clicked"])
    assert np.array_equal(
        log.exposures.dwell_seconds, shown["dwell_seconds"].astype(np.float32), equal_nan=True
    )
    assert one_to_one(log.exposures.item, shown["item_id"])
    assert one_to_one(log.exposures.request, shown["request_id"])
    for column, name in enumerate(("ctx_device", "ctx_position", "ctx_impression")):
        assert one_to_one(log.exposures.context[:, column], shown[name])
    assert np.array_equal(log.external.received_at, ms(external["received_at"]))
    assert one_to_one(log.external.item, external["item_id"])
    assert one_to_one(log.external.domain, external["domain"])
    catalogue = len(world.catalogue)
    news = np.array([name[0] == "n" and name[1:].isdigit() for name in items["item_id"]])
    order = np.concatenate([np.flatnonzero(~news), np.flatnonzero(news)])
    assert news.sum() == len(log.items) - catalogue
    assert np.array_equal(log.items.published_at[catalogue:], ms(items["published_at"][news]))
    for column, name in enumerate(("topic", "subtopic", "provider", "kind", "length", "tone")):
        assert one_to_one(log.items.fields[:, column], items[name].iloc[order]), name
    assert np.array_equal(log.items.vectors, np.stack(items["content_vector"].iloc[order]))


def test_candidates_of_an_impression_are_one_request():
    serving = Serving(World(SimulatorSettings.tiny(days=1)), 40)
    requests = serving.next()
    while not len(requests):
        requests = serving.next()
    log = SimulatedLog(serving.world).candidates(requests)
    offered = requests.item >= 0
    numbers = np.broadcast_to(requests.impression[:, None], offered.shape)[offered]
    assert np.array_equal(log.exposures.request, numbers)
    assert log.items.vectors.shape == (len(log.items), 32) and np.isfinite(log.items.vectors).all()


def test_the_command_says_that_users_are_simulated(tmp_path):
    out = tmp_path / "ab.json"
    line = f"ab --arms random,truth --days 1 --tiny --no-bounds --aa --no-record --out {out}"
    ran = CliRunner().invoke(app, line.split(), env={"HOURFOLD_HOME": str(tmp_path), "COLUMNS": "160"})
    assert ran.exit_code == 0, ran.output
    assert ran.output.count("imulated users") >= 3
    assert "HCR (users who clicked)" in ran.output and "as split" in ran.output
    assert json.loads(out.read_text())["simulated"] is True


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"arms": ("deepfm",)}, "at least 2"),
        ({"arms": ("deepfm", "deepfm")}, "arms must differ"),
        ({"candidates": 10}, "greater than or equal to 30"),
    ],
)
def test_impossible_tests_are_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        ABSettings.model_validate({"arms": ("deepfm", "truth")} | wrong)


def test_a_test_needs_a_day_before_it_and_systems_that_exist(tmp_path):
    with pytest.raises(ValueError, match="a day later"):
        ab_test(RULES.model_copy(update={"first_day": "2025-03-03"}), tmp_path / "ab.json")
    with pytest.raises(ValueError, match="unknown system nothing"):
        ab_test(RULES.model_copy(update={"arms": ("nothing", "truth")}), tmp_path / "ab.json")


def test_what_moves_no_exposure_does_not_discard_finished_days():
    assert RULES.key({}) == RULES.model_copy(update={"draws": 900, "aa": True}).key({})
    assert RULES.key({}) != RULES.model_copy(update={"salt": "other"}).key({})
    assert RULES.key({}) != RULES.key({"deepfm": {"seed": "1"}})


@pytest.mark.parametrize("broken", ["fm", "deepfm"], ids=["an arm", "the base"])
def test_an_arm_whose_scores_are_no_numbers_is_left_out(tmp_path, monkeypatch, broken):
    from assets.experiments.ab.arms import RankerArm
    from models.ranking.day import ServedDay

    plain = ServedDay.score

    def score(self, hour):
        scored = plain(self, hour)
        if self.ranker.settings.kind == broken:
            scored.details["probability"][::2] = np.nan
        return scored

    monkeypatch.setattr(ServedDay, "score", score)
    monkeypatch.setattr(RankerArm, "learn", lambda self, played: None)
    asked = TRAINED.model_copy(update={"arms": ("deepfm", "fm", "policy"), "days": 1, "bounds": False})
    out = tmp_path / "ab.json"
    if broken == "deepfm":
        with pytest.raises(ValueError, match=r"the base .* deepfm: 2025-03-04: .* not finite"):
            ab_test(asked, out)
        return
    result = ab_test(asked, out)
    assert list(result.failed) == ["fm"] and "not finite" in result.failed["fm"]
    assert result.arms == ("deepfm", "policy") and {row.arm for row in result.metrics} == {"policy"}
    without = ab_test(asked.model_copy(update={"arms": ("deepfm", "fm", "policy")}), tmp_path / "again.json")
    assert without.pooled == result.pooled
    assert ABResult.model_validate(json.loads(out.read_text())) == result
