"""Every registered system on logs with next to nothing in them: train, score, adapt, save and load."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from models.ranking.features.event_log import HOUR_MS, Entities, EventLog, rows
from models.ranking.lsttm.long_term_graph import train_long_term
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS, long_term_settings
from tests.models.ranking.toy import START, toy_log

HOURS = 4  #: of a log; the last one is scored


def without_fields(entities: Entities) -> Entities:
    return replace(entities, fields=np.empty((len(entities), 0), np.int64))


def whole() -> EventLog:
    return toy_log(hours=HOURS, per_hour=8, users=6, items=5)


def ids_only() -> EventLog:
    log = whole()
    exposures = replace(log.exposures, context=np.empty((len(log.exposures), 0), np.int64))
    return replace(log, exposures=exposures, users=without_fields(log.users), items=without_fields(log.items))


def users_with_ids_only() -> EventLog:
    log = whole()
    return replace(log, users=without_fields(log.users))


def items_with_ids_only() -> EventLog:
    log = whole()
    return replace(log, items=without_fields(log.items))


def one_hour() -> EventLog:
    log = whole()
    e, x = log.exposures, log.external
    late = e.shown_at // HOUR_MS * HOUR_MS >= START + (HOURS - 1) * HOUR_MS
    first = e.shown_at < START + HOUR_MS
    return replace(
        log,
        exposures=rows(e, first | late),
        external=rows(x, x.received_at < START + HOUR_MS),
    )


def one_exposure() -> EventLog:
    log = whole()
    e = log.exposures
    late = e.shown_at >= START + (HOURS - 1) * HOUR_MS
    late[0] = True
    return replace(log, exposures=rows(e, late), external=rows(log.external, slice(0)))


def clicks(always: bool) -> EventLog:
    log = whole()
    return replace(log, exposures=replace(log.exposures, clicked=np.full(len(log.exposures), always)))


def no_clicks_at_all() -> EventLog:
    log = clicks(False)
    return replace(log, external=rows(log.external, slice(0)))


def one_user_and_item() -> EventLog:
    log = whole()
    e, x = log.exposures, log.external
    return replace(
        log,
        exposures=replace(e, user=np.zeros_like(e.user), item=np.zeros_like(e.item)),
        external=replace(x, user=np.zeros_like(x.user), item=np.zeros_like(x.item)),
        users=rows(log.users, slice(1)),
        items=rows(log.items, slice(1)),
    )


LOGS = {
    "ids only": ids_only,
    "users with ids only": users_with_ids_only,
    "items with ids only": items_with_ids_only,
    "one user and item": one_user_and_item,
    "one hour": one_hour,
    "one exposure": one_exposure,
    "no clicks of any kind": no_clicks_at_all,
    "all clicks": lambda: clicks(True),
}


@pytest.mark.parametrize("log", LOGS)
def test_the_long_term_graph_too(log):
    past = LOGS[log]().between(START, START + (HOURS - 1) * HOUR_MS)
    state = train_long_term(past, long_term_settings("tiny"), seed=0)
    assert np.isfinite(state.user_vectors).all() and np.isfinite(state.item_vectors).all()


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_lives_through_a_degenerate_log(system, log, tmp_path):
    events = LOGS[log]()
    past = events.between(START, START + (HOURS - 1) * HOUR_MS)
    hour = events.between(START + (HOURS - 1) * HOUR_MS, START + HOURS * HOUR_MS)
    settings = SYSTEMS[system].tiny
    long_term = SimpleNamespace(user_vectors=np.zeros((len(past.users), 16), np.float32))
    ranker = Ranker.train(settings, past, long_term=long_term)
    ranker.save(tmp_path / "daily")
    loaded = Ranker.load(tmp_path / "daily")
    scores = ranker.score(hour)
    assert len(scores) == len(hour.exposures) > 0
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(loaded.score(hour), scores)
    ranker.adapt(hour)
    ranker.save_hour(tmp_path / "hour")
    again = Ranker.load_hour(tmp_path / "daily", tmp_path / "hour")
    later = replace(hour, start_ms=hour.end_ms, end_ms=hour.end_ms + HOUR_MS)
    later = replace(later, exposures=replace(hour.exposures, shown_at=hour.exposures.shown_at + HOUR_MS))
    later = replace(later, external=rows(hour.external, slice(0)))
    np.testing.assert_array_equal(again.score(later), ranker.score(later))
