"""Which hours must be ranked: those whose state was made from other logs than are loaded now."""

import dagster as dg
import pytest

from assets.ranking.states import StateRecord, States, since
from orchestration.ranking_due import SCORES, STATE, ranking_due

BASE, DAY = "2026-03-02", "2026-03-03"
HOURS = [f"{DAY}-{hour:02d}:00" for hour in range(5)]
LOADED = {hour: f"logs of {hour}" for hour in HOURS}


class Ranked:
    """A models folder and an instance in which hours were ranked."""

    def __init__(self, root):
        self.states, self.instance = States(root), dg.DagsterInstance.ephemeral()

    def train(self, day=BASE, content="model"):
        with self.states.write(self.states.daily("deepfm", day), self._record(day)) as path:
            path.write_text(content)

    def rank(self, hour, loaded, scored=True):
        base = self.states.newest_base("deepfm", hour[:10])
        record = self._record(
            hour,
            base_partition=base.partition,
            base_hash=base.state_hash,
            hours=since(loaded, base.partition, hour),
        )
        with self.states.write(self.states.hourly("deepfm", hour), record) as path:
            path.write_text(hour)
        for asset in (STATE, SCORES) if scored else (STATE,):
            self.instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=hour))

    def due(self, loaded, hours=HOURS):
        return ranking_due(self.instance, self.states, ("deepfm",), hours, loaded)

    @staticmethod
    def _record(partition, **more):
        return StateRecord(
            system="deepfm", partition=partition, seed=0, settings={}, git_revision="r", **more
        )


@pytest.fixture
def ranked(tmp_path):
    ranked = Ranked(tmp_path)
    ranked.train()
    for hour in HOURS:
        ranked.rank(hour, LOADED)
    return ranked


def test_what_is_ranked_on_these_logs_is_not_due(ranked):
    assert ranked.due(LOADED).hours == []
    assert ranked.due(dict(LOADED)).hours == [], "loaded again with the same content is no news"


@pytest.mark.parametrize("other", ["another content", None], ids=["corrected", "late"])
def test_a_late_or_corrected_hour_is_due_with_all_that_follow(ranked, other):
    if other is None:
        without = {hour: mark for hour, mark in LOADED.items() if hour != HOURS[1]}
        for hour in (HOURS[2], HOURS[3], HOURS[4]):
            ranked.rank(hour, without)
        assert ranked.due(without, list(without)).hours == []
        assert ranked.due(LOADED).hours == HOURS[2:], "hour 1 was ranked before; those after it lacked it"
        return
    due = ranked.due(LOADED | {HOURS[2]: other})
    assert due.hours == HOURS[2:]
    assert due.digests != ranked.due(LOADED | {HOURS[2]: "a third"}).digests


def test_a_base_that_comes_late_or_is_trained_again_changes_no_hour(ranked):
    ranked.train(content="trained again")
    assert ranked.due(LOADED).hours == []


def test_without_a_base_nothing_is_due(tmp_path):
    ranked = Ranked(tmp_path)
    due = ranked.due(LOADED)
    assert due.hours == [] and list(due.without_base) == HOURS
    ranked.train(DAY)
    assert ranked.due(LOADED).hours == [], "a model of the same day has seen it"
    ranked.train(BASE)
    assert ranked.due(LOADED).hours == HOURS


def test_a_state_whose_run_died_before_the_scores_is_due(ranked):
    ranked.rank(HOURS[3], LOADED, scored=False)
    assert ranked.due(LOADED).hours == [HOURS[3]]


def test_a_system_without_any_model_holds_the_others_back_in_nothing(ranked):
    both = ("deepfm", "lsttm")
    assert ranking_due(ranked.instance, ranked.states, both, HOURS, LOADED).hours == []
    late = LOADED | {HOURS[2]: "another content"}
    due = ranking_due(ranked.instance, ranked.states, both, HOURS, late)
    assert due.hours == HOURS[2:] and due.without_base == ()
