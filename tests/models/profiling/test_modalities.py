"""Modalities of a profile: their columns by hand, and nothing of the teaching window in any of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.profiling.data import DAYS, MISSING, Demographics, Labels
from models.profiling.modalities import (
    demographic_columns,
    heat_network,
    label_columns,
    point_columns,
    ready_with,
)
from models.profiling.modality import MODALITIES
from models.profiling.prior import MetaProfilePrior, MetaProfilePriorSettings, View, ViewSpace
from models.profiling.settings import TINY, ScheduleSettings, SourceTaskSettings
from models.profiling.teaching import TeachingWindow
from tests.models.profiling.toy import AS_OF, toy_data

USERS = 120
EVERYBODY = np.ones(USERS, dtype=bool)
SETTINGS = MetaProfilePriorSettings(
    spaces=(ViewSpace(views=(View(measure="days"),), width=8),),
    horizon=60,
    supports=(1, 5, 20),
    shrinkages=(0.1, 1.0),
    draws=1,
)
SHORT = TINY.model_copy(
    update={
        "schedule": ScheduleSettings(cyclical_steps=3, cycle=2, restart_steps=3, first_period=3),
        "sources": SourceTaskSettings(min_labelled=5),
    }
)
NOBODY = np.zeros(0, dtype=np.int64)


@pytest.fixture(scope="module")
def data():
    return toy_data(users=USERS)


@pytest.fixture(scope="module")
def network(data):
    return heat_network(SHORT, data, TeachingWindow.of(SETTINGS, data, EVERYBODY, 0), seed=0)


def scored(data, modalities, network=None) -> np.ndarray:
    ready = ready_with(modalities, SETTINGS, data, EVERYBODY, network, excluded_brands=NOBODY, seed=0)
    return ready.score(np.arange(0, USERS, 7))


def test_purchases_alone_are_what_the_default_system_knows(data):
    trained = MetaProfilePrior.train(SETTINGS, data, EVERYBODY, seed=0).ready(data, EVERYBODY)
    np.testing.assert_array_equal(scored(data, ("purchases",)), trained.score(np.arange(0, USERS, 7)))
    np.testing.assert_array_equal(scored(data, ()), trained.prior)


def test_all_together_are_scored(data, network):
    scores = scored(data, MODALITIES, network)
    assert np.isfinite(scores).all() and scores.std() > 0


def test_the_network_knows_nothing_of_the_teaching_window(data, network):
    window = TeachingWindow.of(SETTINGS, data, EVERYBODY, 0)
    assert network.as_of_day == window.start_day == AS_OF - 60
    rng = np.random.default_rng(0)
    after, log, heat = data.purchases.day >= window.start_day, data.purchases, data.modalities[0]
    late = heat.day >= DAYS - 60
    other = replace(
        data,
        purchases=replace(log, brand=np.where(after, rng.permutation(log.brand), log.brand)),
        modalities=(
            replace(heat, value=np.where(late, 7.0, heat.value).astype(np.float32)),
            *data.modalities[1:],
        ),
    )
    again = heat_network(SHORT, other, window, seed=0)
    earlier = [one.embed(shop.held_back(window.start_day)) for one, shop in ((network, data), (again, other))]
    np.testing.assert_array_equal(*earlier)
    assert not np.array_equal(network.embed(data), again.embed(other)), "at the as-of date it reads both"


def test_points_are_summed_over_three_windows(data):
    columns, heat = point_columns(data), data.modality("points")
    channels = len(heat.channels)
    assert columns.shape == (USERS, 3 * channels)
    for user, channel, number, length in ((3, 0, 0, 30), (50, 2, 1, 90), (99, 1, 2, DAYS)):
        rows = (heat.rows == user) & (heat.channel == channel) & (heat.day >= DAYS - length)
        expected = np.log1p(heat.value[rows].astype(np.float64).sum())
        np.testing.assert_allclose(columns[user, number * channels + channel], expected, rtol=1e-6)


def test_who_gave_no_answer_is_nobodys_likeness(data):
    numeric = np.array([[20.0], [40.0], [np.nan]], dtype=np.float32)
    people = Demographics(numeric, ("age",), np.array([[0], [MISSING], [1]]), ("home",), (("rent", "own"),))
    columns = demographic_columns(replace(data.take(np.arange(3)), demographics=people))
    np.testing.assert_allclose(columns, [[0.5, -0.5, -10.0], [0.0, 0.0, 10.0], [-0.5, 0.5, 0.0]])


def test_a_source_without_points_or_survey_says_nothing(data):
    bare = toy_data(users=USERS, bare=True)
    np.testing.assert_array_equal(scored(bare, ("points", "demographics")), scored(bare, ()))


def test_who_was_not_observed_is_nobodys_likeness_in_labels(data):
    value = np.array([[1.0, np.nan], [0.0, np.nan], [np.nan, 1.0]], dtype=np.float32)
    three = replace(data.take(np.arange(3)), labels=Labels(("coupon", "reply"), value))
    np.testing.assert_allclose(label_columns(three), [[0.5, 0.0], [-0.5, 0.0], [0.0, 0.0]])
    again = three.labels.take(np.array([2, MISSING, 0])).value
    np.testing.assert_array_equal(again, [value[2], [np.nan, np.nan], value[0]])


def labelled(data, value: np.ndarray):
    return replace(data, labels=Labels(("taste",), value.astype(np.float32)[:, None]))


def test_labels_are_taught_as_they_were_and_count_where_they_say_something(data):
    """A taste told as a label at both dates moves scores; unknown when the window began it moves none."""
    log = data.purchases
    rows = np.bincount(log.user * 6 + log.genre[:, 0], minlength=USERS * 6).reshape(USERS, 6)
    told = labelled(data, rows[:, :3].sum(1) > rows[:, 3:].sum(1))
    asked = {"excluded_brands": NOBODY, "seed": 0}
    then = ready_with(("labels",), SETTINGS, told, EVERYBODY, None, earlier=told.labels, **asked)
    assert len(then.spaces) == 1 and (then.gains.gain(20) > 0).all()
    score = then.score(np.arange(0, USERS, 7))
    assert not np.array_equal(score, scored(told, ()))
    late = ready_with(("labels",), SETTINGS, told, EVERYBODY, None, earlier=None, **asked)
    assert (late.gains.gain(20) == 0).all(), "what nobody knew when the window began has taught nothing"


def test_the_default_audience_model_reads_purchases_alone(data):
    blind = replace(data, modalities=(), demographics=None, labels=None)
    one, other = (
        MetaProfilePrior.train(SETTINGS, shop, EVERYBODY, seed=0).ready(shop, EVERYBODY)
        for shop in (data, blind)
    )
    customers = np.arange(0, USERS, 7)
    np.testing.assert_array_equal(one.score(customers), other.score(customers))
