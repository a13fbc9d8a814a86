"""The daily graph through its asset: from the day before, the same again, blind to what comes later."""

from __future__ import annotations

import shutil

import dagster as dg
import numpy as np
import pytest

from assets.common.resources import ProgressReport
from assets.ranking.long_term_graph import trained
from assets.ranking.long_term_reading import beginning, open_long_term_days, read_clicks
from assets.ranking.states import StateRecord, States
from models.ranking.lsttm.long_term_state import LongTermState
from models.ranking.registry import long_term_settings
from tests.deployed import BASE, DAY

TINY = long_term_settings("tiny")


def train(ready, day):
    context = dg.build_asset_context(partition_key=day)
    about = trained(context, ready.resource, ready.warehouse, ready.tracking, ProgressReport())
    states = States(ready.models)
    return about, states.finished(states.long_term(day)).state_hash


@pytest.mark.slow
def test_a_day_goes_on_from_the_day_before_and_again_gives_the_same_bytes(ready):
    states = States(ready.models)
    first = states.finished(states.long_term(BASE)).state_hash
    about, second = train(ready, DAY)
    assert about["warm from"] == BASE and about["epochs"] == TINY.warm_epochs
    assert train(ready, DAY)[1] == second
    # What was loaded or trained since does not count for the day before.
    again, same = train(ready, BASE)
    assert again["warm from"] == "nothing: no earlier day is finished" and again["epochs"] == TINY.epochs
    assert same == first
    days = open_long_term_days(states, DAY, 8, ready.deployment.service_zone.offset_ms)
    of_base, of_day = (LongTermState.load(states.ranker_path(states.long_term(day))) for day in (BASE, DAY))
    zone = ready.deployment.service_zone
    users = np.arange(len(of_day.user_vectors))
    mornings = [zone.day_start_ms(BASE), zone.day_start_ms(DAY), zone.day_start_ms(DAY) + 24 * 3_600_000]
    none, base, day = (days.vectors(users, np.full(len(users), morning)) for morning in mornings)
    assert not none.any() and np.array_equal(day, of_day.user_vectors)
    assert np.array_equal(base[: len(of_base.user_vectors)], of_base.user_vectors)
    assert len(days.missing) == 7
    # Without the day before, the window's mornings are trained first, from scratch: to the same vectors.
    shutil.rmtree(states.long_term(BASE))
    cold, other = train(ready, DAY)
    assert cold["warm from"] == "nothing: no earlier day is finished" and other == second
    assert cold["earlier mornings trained"] == BASE and about["earlier mornings trained"] == "none"
    assert states.finished(states.long_term(BASE)).state_hash == first


@pytest.mark.slow
def test_clicks_are_read_through_the_day_and_no_further_back_than_the_window(ready):
    with ready.warehouse.open() as opened:
        base, _ = read_clicks(opened, ready.deployment, BASE, TINY)
        day, _ = read_clicks(opened, ready.deployment, DAY, TINY)
        one, _ = read_clicks(opened, ready.deployment, DAY, TINY.model_copy(update={"click_days": 1}))
        timed, _ = read_clicks(
            opened, ready.deployment, DAY, TINY.model_copy(update={"neighbor_sampling": "recency"})
        )
    assert 0 < len(base.user) < len(day.user)
    assert len(one.user) == len(day.user) - len(base.user)
    assert not len(day.time) and len(timed.time) == len(day.user)


def test_the_newest_finished_earlier_day_that_fits_is_where_training_begins(tmp_path):
    states = States(tmp_path)
    assert beginning(states, "2026-03-05", TINY, 0) == (None, "nothing: no earlier day is finished")
    for day in ("2026-03-02", "2026-03-04", "2026-03-06"):
        store(states, day)
    assert beginning(states, "2026-03-05", TINY, 0).about == "2026-03-04"
    assert beginning(states, "2026-03-04", TINY, 0).about == "2026-03-02", "a gap is bridged"
    assert beginning(states, "2026-03-02", TINY, 0).state is None, "a later day is never taken"
    other = TINY.model_copy(update={"negatives": 1})
    assert beginning(states, "2026-03-05", other, 0) == (None, "nothing: other settings on 2026-03-04")
    assert beginning(states, "2026-03-05", TINY, 1) == (None, "nothing: another seed on 2026-03-04")
    (states.long_term("2026-03-04") / "state.json").unlink()
    assert beginning(states, "2026-03-05", TINY, 0).about == "2026-03-02", "half a state does not count"
    old = states.long_term("2026-03-02")
    with states.write(old, states.finished(old)) as path:
        path.write_bytes(b"a file of an earlier version")
    assert "earlier version" in beginning(states, "2026-03-05", TINY, 0).about


def store(states, day):
    from assets.ranking.states import StateRecord
    from models.ranking.lsttm.long_term_graph import train_long_term
    from tests.models.ranking.lsttm.logs import random_log

    record = StateRecord(system="long_term_graph", partition=day, seed=0, settings={}, git_revision="")
    with states.write(states.long_term(day), record) as path:
        train_long_term(random_log(1), TINY, seed=0).save(path)


def test_what_a_killed_run_left_is_no_graph_to_begin_from(tmp_path):
    states = States(tmp_path)
    left = states.long_term(f".{BASE}.4194304.tmp")
    left.mkdir(parents=True)
    record = StateRecord(system="long_term", partition=BASE, seed=0, settings={}, git_revision="r")
    (left / "state.json").write_text(record.model_dump_json())
    assert beginning(states, DAY, TINY, 0).about == "nothing: no earlier day is finished"
