"""Clicks as a modality of the profile: counted before the date, worth what source brands say."""

from dataclasses import replace

import numpy as np
import pytest

from models.metrics import auc
from models.profiling.brands import FirstPurchases
from models.profiling.clicks import CLICK_DAYS, MISSING, ClickLog, click_spaces
from models.profiling.prior import MetaProfilePrior
from tests.models.profiling.test_prior import SETTINGS, TARGET, USERS, customers_of
from tests.models.profiling.toy import AS_OF, toy_data, toy_log

DAYS = 120  #: of clicks, of which the last 20 lie after the as-of day


def clicks_of(kind: str, seed: int = 0) -> ClickLog:
    """Clicks of `DAYS` days: on the genre that a user buys most of (`telling`), or on any (`noise`)."""
    rng, log = np.random.default_rng(seed), toy_log(USERS).before(AS_OF)
    genres = len(log.genre_names[0])
    bought = np.bincount(log.user * genres + log.genre[:, 0], minlength=USERS * genres).reshape(USERS, genres)
    user = np.repeat(np.arange(USERS), 60)
    topic = bought.argmax(1)[user] if kind == "telling" else rng.integers(0, genres, len(user))
    stray = rng.random(len(user)) < 0.3
    topic = np.where(stray, rng.integers(0, genres, len(user)), topic)
    day = np.sort(AS_OF + 20 - DAYS + rng.integers(0, DAYS, len(user)))
    order = rng.permutation(len(user))
    ones = np.ones(len(user), np.int64)
    return ClickLog(user[order], day.astype(np.int32), topic[order], ones, log.genre_names[0])


@pytest.fixture(scope="module")
def data():
    return toy_data(users=USERS, bare=True)


def trained(data, clicks):
    read = replace(data, clicks=None if clicks is None else clicks.before(AS_OF))
    users = np.ones(len(data), bool)
    model = MetaProfilePrior.train(SETTINGS, read, users, excluded_brands=np.array([TARGET]), seed=0)
    return model, read


def test_columns_are_the_preferences_of_the_last_days():
    log = ClickLog(
        user=np.array([0, 1, 0, 0, 2]),
        day=np.array([1, 10, 10, 9 + CLICK_DAYS, 10 + CLICK_DAYS], np.int32),
        topic=np.array([0, 1, MISSING, 0, 0]),
        clicks=np.array([5, 2, 3, 4, 7]),
        topics=("a", "b"),
    )
    counts = log.counts(10 + CLICK_DAYS, 4)
    np.testing.assert_array_equal(counts, [[4, 0, 3], [0, 2, 0], [0, 0, 0], [0, 0, 0]])
    share, by_user = np.array([4, 2, 3]) / 9, np.array([7, 2, 0, 0])[:, None]
    expected = (counts - by_user * share) / np.sqrt(by_user + 5)
    np.testing.assert_allclose(log.columns(10 + CLICK_DAYS, 4), expected, atol=1e-12)
    assert not log.columns(10 + CLICK_DAYS, 4)[2:].any(), "who clicked nothing lies at zero"
    earlier = log.before(10)
    assert len(earlier) == 1 and earlier.counts(10, 4)[0].tolist() == [5, 0, 0]
    some = log.of_users(np.array([0, 2]), 4)
    assert some.user.tolist() == [0, 0, 0, 1] and some.clicks.tolist() == [5, 3, 4, 7]


def test_data_of_a_date_hold_no_later_click(data):
    log = clicks_of("telling")
    with pytest.raises(ValueError, match=rf"clicks reach local day {log.day[-1]}.*ClickLog.before"):
        replace(data, clicks=log)
    read = replace(data, clicks=log.before(AS_OF))
    assert read.held_back(AS_OF - 30).clicks.day.max() < AS_OF - 30 < read.clicks.day.max()
    members = np.arange(0, USERS, 3)
    taken = read.take(members).clicks
    np.testing.assert_array_equal(
        taken.counts(AS_OF, len(members)), read.clicks.counts(AS_OF, USERS)[members]
    )


def test_without_clicks_nothing_changes_and_there_is_no_space(data):
    assert click_spaces(None, AS_OF, np.ones(3, bool), False) == []
    model, read = trained(data, None)
    plain = MetaProfilePrior.train(
        SETTINGS, data, np.ones(USERS, bool), excluded_brands=np.array([TARGET]), seed=0
    )
    known = customers_of(data)
    np.testing.assert_array_equal(model.ready(read).score(known), plain.ready(data).score(known))
    assert not model.reads_clicks and len(model.ready(data).spaces) == 2
    with_clicks = replace(data, clicks=clicks_of("telling").before(AS_OF))
    np.testing.assert_array_equal(model.ready(with_clicks).score(known), plain.ready(data).score(known))


def test_clicks_that_tell_are_given_weight_and_find_more_newcomers(data):
    few = toy_log(USERS).rows(slice(None, None, 6))  # so few that they say little of a user's taste
    data = replace(data, purchases=few.before(AS_OF))
    newcomers = FirstPurchases.of(few, USERS).newcomers(AS_OF, AS_OF + 60)
    figures = {}
    for kind in (None, "telling", "noise"):
        model, read = trained(data, kind and clicks_of(kind))
        if kind is not None:
            assert len(model.taught.gains.gain(60)) == 3
            figures[f"gain {kind}"] = model.taught.gains.gain(60)[2]
        scorer, areas = model.ready(read), []
        for brand in range(0, 24, 2):
            members = customers_of(data, brand)
            others = np.setdiff1d(np.arange(USERS), members)
            if 0 < newcomers[brand, others].sum() < len(others):
                areas.append(auc(newcomers[brand, others], scorer.score(members)[others]))
        figures[kind] = np.mean(areas)
    assert figures["gain telling"] > 2 * figures["gain noise"]
    assert figures["telling"] > max(figures[None], figures["noise"]) + 0.004


def test_a_feed_younger_than_the_teaching_window_is_given_no_weight(data):
    log = clicks_of("telling")
    start = AS_OF - SETTINGS.horizon
    late = {name: getattr(log, name)[log.day >= start] for name in ("user", "day", "topic", "clicks")}
    young = replace(log, **late)
    assert len(young.before(AS_OF))
    model, read = trained(data, young)
    plain, bare = trained(data, None)
    assert model.taught.gains.gain(60)[2] == 0
    known = customers_of(data)
    np.testing.assert_allclose(model.ready(read).score(known), plain.ready(bare).score(known), rtol=1e-6)


def test_clicks_after_the_date_change_no_score_and_those_before_do(data):
    log, known = clicks_of("telling"), customers_of(data)
    model, read = trained(data, log)
    scores = model.ready(read).score(known)
    late = log.day >= AS_OF
    other = replace(log, topic=np.where(late, 0, log.topic), clicks=np.where(late, 9, log.clicks))
    assert (other.topic != log.topic).any()
    changed, again = trained(data, other)
    np.testing.assert_array_equal(changed.ready(again).score(known), scores)
    early = replace(log, topic=np.where(log.day < AS_OF - 5, log.topic, 0))
    moved, seen = trained(data, early)
    assert not np.array_equal(moved.ready(seen).score(known), scores)


def test_a_model_remembers_whether_it_reads_clicks(data, tmp_path):
    model, read = trained(data, clicks_of("telling"))
    model.save(tmp_path / "model")
    again, known = MetaProfilePrior.load(tmp_path / "model"), customers_of(data)
    assert again.reads_clicks
    np.testing.assert_array_equal(again.ready(read).score(known), model.ready(read).score(known))
    assert np.isfinite(again.ready(data).score(known)).all(), "clicks were switched off since: zero vectors"
