"""The factorised click graph against a dense singular value decomposition, and its point in time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.ranking.features.event_log import DAY_MS, EventDays
from models.ranking.lsttm.click_factors import Factors, FactorSettings, NodeVectors, factorise
from models.ranking.lsttm.factored_days import FactoredDays
from models.ranking.lsttm.mornings import Mornings
from tests.models.ranking.toy import START, future_changed, toy_log

SETTINGS = FactorSettings(width=6, rounds=30, warm_rounds=30)
USERS, ITEMS = np.arange(60), np.arange(40)


def clicks(seed, n=500):
    rng = np.random.default_rng(seed)
    user = rng.integers(0, len(USERS), n)
    # Tastes in blocks, so that there is something to factorise.
    item = (user % 4) * (len(ITEMS) // 4) + rng.integers(0, len(ITEMS) // 4, n)
    return user, item


def dense(user, item, settings):
    matrix = np.zeros((len(USERS), len(ITEMS)))
    matrix[user, item] = 1
    weight = (matrix.sum(1, keepdims=True) + settings.user_shrinkage) * (
        matrix.sum(0, keepdims=True) + settings.item_shrinkage
    )
    return matrix / np.sqrt(weight)


def products(factors, users=USERS, items=ITEMS):
    return factors.users.of(users) @ factors.items.of(items).T


@pytest.mark.parametrize("warm", [False, True])
def test_products_are_those_of_the_truncated_decomposition(warm):
    user, item = clicks(0)
    before = factorise(*clicks(1), SETTINGS, None) if warm else None
    factors = factorise(user, item, SETTINGS, before)
    left, values, right = np.linalg.svd(dense(user, item, SETTINGS), full_matrices=False)
    best = (left[:, :6] * values[:6]) @ right[:6]
    np.testing.assert_allclose(products(factors), best, atol=2e-4)


def test_indices_far_apart_cost_and_change_nothing():
    user, item = clicks(0)
    near, far = (factorise(user * k, item * k, SETTINGS, None) for k in (1, 1000))
    np.testing.assert_array_equal(far.users.index, near.users.index * 1000)
    np.testing.assert_array_equal(far.users.values, near.users.values)


def test_axes_are_turned_towards_the_day_before():
    user, item = clicks(0)
    before = factorise(user[:450], item[:450], SETTINGS, None)
    turned = factorise(user, item, SETTINGS, before)
    mirrored = Factors(*(NodeVectors(part.index, -part.values) for part in vars(before).values()))
    other = factorise(user, item, SETTINGS, mirrored)
    moved = turned.items.of(ITEMS) - before.items.of(ITEMS)
    assert np.linalg.norm(moved) < 0.5 * np.linalg.norm(before.items.values)
    np.testing.assert_allclose(other.items.values, -turned.items.values, atol=1e-4)


def test_a_morning_that_shares_no_item_with_the_one_before_starts_anew():
    user, item = clicks(0)
    alone = factorise(user, item, SETTINGS, None)
    after = factorise(user, item, SETTINGS, factorise(user, item + 100, SETTINGS, None))
    np.testing.assert_array_equal(after.items.values, alone.items.values)


def test_no_click_leaves_nothing_and_few_users_fit():
    nobody = np.empty(0, np.int64)
    assert not factorise(nobody, nobody, SETTINGS, None).users.of(USERS).any()
    few = factorise(np.array([0, 1]), np.array([0, 2]), SETTINGS, None)
    assert few.users.values.shape == (2, 6) and np.isfinite(few.users.values).all() and few.users.values.any()


def test_clicks_of_a_day_change_the_vectors_of_later_days_alone():
    log = toy_log()
    changed, _ = future_changed(log, 24)  # all of the second day
    first = START // DAY_MS
    of_both = [Mornings(SETTINGS, EventDays.of(one)).of(range(first, first + 3)) for one in (log, changed)]
    for (day, one), (_, other) in zip(*of_both, strict=True):
        same = [
            np.array_equal(getattr(one.factors, s).values, getattr(other.factors, s).values)
            for s in ("users", "items")
        ]
        assert same == [day < first + 2] * 2
        assert products(one.factors).any() == (day > first)


def test_clicks_count_for_so_many_days():
    log = toy_log(hours=96)
    day = START // DAY_MS + 4
    short = FactorSettings(width=4, click_days=1)
    ((_, morning),) = Mornings(short, EventDays.of(log)).of(range(day, day + 1))
    late = EventDays.of(log.between(log.end_ms - DAY_MS, log.end_ms))
    ((_, alone),) = Mornings(short, late).of(range(day, day + 1))
    ((_, whole),) = Mornings(FactorSettings(width=4), late).of(range(day, day + 1))
    np.testing.assert_array_equal(morning.factors.users.values, alone.factors.users.values)
    np.testing.assert_array_equal(morning.factors.users.values, whole.factors.users.values)
    assert len(alone.clicks) == 1


def test_instances_read_the_vectors_of_their_morning():
    log = toy_log()
    settings = FactorSettings(width=4, days=1)
    days = FactoredDays.of(settings, EventDays.of(log))  # a day and a half: the day to rank is the second
    mornings = Mornings(settings, EventDays.of(log)).of(range(days.first_day, days.first_day + 2))
    e = log.exposures
    read = days.vectors(e.user, e.item, e.shown_at)
    assert read.shape == (len(e), 2, 4)
    for number, morning in mornings:
        of_day = e.shown_at // DAY_MS == number
        raw = morning.factors.users.of(e.user[of_day]) * days.scales[0]
        np.testing.assert_array_equal(read[of_day, 0], raw.astype(np.float32))
    assert read.any()
    late = days.vectors(e.user[-5:], e.item[-5:], e.shown_at[-5:] + 7 * DAY_MS)
    assert torch.equal(late, days.vectors(e.user[-5:], e.item[-5:], e.shown_at[-5:]))
    assert not days.vectors(e.user[:5], e.item[:5], e.shown_at[:5] - 7 * DAY_MS).any()


def test_a_window_holds_its_own_days():
    events = EventDays.of(toy_log(hours=96))
    settings = FactorSettings(width=4, days=3)
    whole, short = FactoredDays.of(settings, events), FactoredDays.of(settings, events, window_days=2)
    assert (whole.days, short.days) == (4, 3)
    assert short.first_day == whole.first_day + 1
    for day in range(3):
        one, other = whole.users.of_day(day + 1), short.users.of_day(day)
        np.testing.assert_array_equal(one.keys, other.keys)
        np.testing.assert_array_equal(one.values, other.values)


def test_a_dimension_weighs_as_much_as_another():
    events = EventDays.of(toy_log(hours=72))
    days = FactoredDays.of(FactorSettings(width=4), events)
    for side, scale in zip((days.users, days.items), days.scales, strict=True):
        np.testing.assert_allclose(np.square(side.values * scale).mean(0), 1, rtol=1e-5)


def test_who_never_clicked_has_no_vector():
    """The last users and items of a log may have been shown, and never clicked."""
    log = toy_log()
    e = log.exposures
    clicked = e.clicked & (e.item < e.item.max() - 3) & (e.user < e.user.max() - 3)
    kept = (log.external.item < e.item.max() - 3) & (log.external.user < e.user.max() - 3)
    external = type(log.external)(**{name: column[kept] for name, column in vars(log.external).items()})
    quiet = replace(log, exposures=replace(e, clicked=clicked), external=external)
    days = FactoredDays.of(FactorSettings(width=4, days=3), EventDays.of(quiet))
    read = days.vectors(e.user, e.item, e.shown_at)
    assert read.any() and not read[torch.from_numpy(e.item == e.item.max()), 1].any()


def test_the_day_to_rank_survives_the_disk(tmp_path):
    log = toy_log()
    days = FactoredDays.of(FactorSettings(width=4, days=2), EventDays.of(log))
    days.save(tmp_path / "factors")
    again = FactoredDays.load(tmp_path / "factors")
    e = log.exposures
    late = e.shown_at >= START + DAY_MS
    asked = e.user[late], e.item[late], e.shown_at[late]
    assert torch.equal(days.vectors(*asked), again.vectors(*asked))
    assert days.vectors(*asked).any()


def test_a_former_version_s_folder_is_read(tmp_path):
    """It held the vectors of all days, by day and index."""
    keys, values = (
        np.array([3, 7, (1 << 40) | 3, (1 << 40) | 9]),
        np.arange(8, dtype=np.float32).reshape(4, 2),
    )
    for side in ("users", "items"):
        np.save(tmp_path / f"{side}.keys.npy", keys)
        np.save(tmp_path / f"{side}.values.npy", values)
    np.save(tmp_path / "days.npy", np.array([100, 2, 0]))
    read = FactoredDays.load(tmp_path).vectors(np.array([3, 7]), np.array([9, 4]), np.full(2, 101 * DAY_MS))
    assert read.tolist() == [[[4, 5], [6, 7]], [[0, 0], [0, 0]]]
