"""External clicks from before the first exposure: seen by who reads them, harmless to who does not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from models.ranking.features.event_log import HOUR_MS, EventDays, rows
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.lsttm.factored_days import FactoredDays
from models.ranking.lsttm.random_walks import Clicks
from models.ranking.lsttm.typed_events import TypedSettings
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.systems.tree_inputs import EventIndex
from tests.models.ranking.toy import START, hour_of, toy_log

FIRST, LAST = 26, 32  #: hour of the first exposure, and the one to score


def with_history(log):
    """The feed begins a day and two hours after the external clicks."""
    begin = START + FIRST * HOUR_MS
    return replace(log, exposures=rows(log.exposures, log.exposures.shown_at >= begin))


def without_history(log):
    return log.between(START + FIRST * HOUR_MS, log.end_ms)


def scores(system, log):
    past = log.between(log.start_ms, START + LAST * HOUR_MS)
    return Ranker.train(SYSTEMS[system].tiny, past).score(hour_of(log, LAST))


@pytest.fixture(scope="module")
def log():
    return toy_log(hours=LAST + 1)


def test_a_ranker_of_external_clicks_sees_what_came_before_the_first_exposure(log):
    whole, late = with_history(log), without_history(log)
    assert len(whole.external) > len(late.external) and len(whole.exposures) == len(late.exposures)
    assert not np.array_equal(scores("deepfm_external", whole), scores("deepfm_external", late))


@pytest.mark.parametrize("system", ["item_rate", "deepfm", "lightgbm_codes"])
def test_an_earlier_beginning_changes_nothing_for_others(log, system):
    late = without_history(log)
    np.testing.assert_array_equal(scores(system, replace(late, start_ms=START)), scores(system, late))


def test_clicks_are_seen_from_their_receipt_on(log):
    """An external click of before the first exposure, received within the hour, moves no score of it."""
    whole = with_history(log)
    x = whole.external
    within = x.received_at >= START + LAST * HOUR_MS
    assert within.any()
    held_back = replace(x, occurred_at=np.where(within, START, x.occurred_at))
    np.testing.assert_array_equal(
        scores("deepfm_external", whole), scores("deepfm_external", replace(whole, external=held_back))
    )


def test_factors_begin_with_the_first_exposure_and_know_what_was_clicked_before(log):
    settings = FactorSettings()
    whole = FactoredDays.of(settings, EventDays.of(with_history(log)))
    assert whole.first_day == (START + FIRST * HOUR_MS) // (24 * HOUR_MS)
    late = FactoredDays.of(settings, EventDays.of(without_history(log)))
    assert whole.days == late.days
    assert len(whole.users.of_day(0).keys) and not len(late.users.of_day(0).keys), (
        "the first morning knew nothing"
    )


def test_counts_latest_events_and_the_long_term_graph_know_what_was_clicked_before(log):
    hour = hour_of(log, FIRST)
    counts, events, clicks = [], [], []
    for past in (with_history(log), without_history(log)):
        before = past.between(past.start_ms, START + FIRST * HOUR_MS)
        features = Features.of(FeatureSettings(), before) if len(before.external) else None
        features = features or Features.start(FeatureSettings(), past)
        codes = features.codes(hour.exposures, hour.users, hour.items)
        counts.append(
            codes.matrix()[:, [s.name.startswith("count_external_user") for s in codes.layout.specs]]
        )
        view = SimpleNamespace(items=features.items)
        index = EventIndex.of(TypedSettings(item_side=False), view, EventDays.of(before))
        e = hour.exposures
        sampled = index.sample(e.user[None], e.item[None], np.full((1, len(e)), hour.start_ms))
        events.append(sampled.build([]).mask.numpy())
        clicks.append(len(Clicks.of(before).user))
    assert counts[0].any(axis=0).sum() >= 8 and not counts[1].any()
    assert events[0].any(axis=-1).mean() > 0.9 and not events[1].any()
    assert clicks[0] > 0 == clicks[1]
