"""The factorised click graph against a dense singular value decomposition, and its point in time."""

from dataclasses import replace

import pytest
import torch

from models.ranking.features.event_log import DAY_MS, EventDays
from models.ranking.lsttm.click_factors import Factors, FactorSettings, factorise
from models.ranking.lsttm.factored_days import FactoredDays, mornings
from tests.models.ranking.toy import future_changed, toy_log

SETTINGS = FactorSettings(width=6, rounds=30, warm_rounds=30)


def clicks(seed, users=60, items=40, n=500):
    generator = torch.Generator().manual_seed(seed)
    user = torch.randint(users, (n,), generator=generator)
    # Tastes in blocks, so that there is something to factorise.
    item = (user % 4) * (items // 4) + torch.randint(items // 4, (n,), generator=generator)
    return user, item, (users, items)


def dense(user, item, sizes, settings):
    matrix = torch.zeros(sizes)
    matrix[user, item] = 1
    weight = (matrix.sum(1, keepdim=True) + settings.user_shrinkage) * (
        matrix.sum(0, keepdim=True) + settings.item_shrinkage
    )
    return matrix / weight.sqrt()


@pytest.mark.parametrize("warm", [False, True])
def test_products_are_those_of_the_truncated_decomposition(warm):
    user, item, sizes = clicks(0)
    before = factorise(*clicks(1)[:2], sizes, SETTINGS, None) if warm else None
    found = factorise(user, item, sizes, SETTINGS, before)
    left, values, right = torch.linalg.svd(dense(user, item, sizes, SETTINGS).double(), full_matrices=False)
    best = (left[:, :6] * values[:6]) @ right[:6]
    torch.testing.assert_close(found.users @ found.items.T, best.float(), atol=2e-4, rtol=0)


def test_axes_are_turned_towards_the_day_before():
    user, item, sizes = clicks(0)
    before = factorise(user[:450], item[:450], sizes, SETTINGS, None)
    turned = factorise(user, item, sizes, SETTINGS, before)
    mirrored = Factors(-before.users, -before.items)
    other = factorise(user, item, sizes, SETTINGS, mirrored)
    assert (turned.items - before.items).norm() < 0.5 * before.items.norm()
    torch.testing.assert_close(other.items, -turned.items, atol=1e-4, rtol=0)


def test_no_click_leaves_zeros_and_few_users_fit():
    nobody = torch.empty(0, dtype=torch.int64)
    assert not factorise(nobody, nobody, (3, 5), SETTINGS, None).users.any()
    few = factorise(torch.tensor([0, 1]), torch.tensor([0, 2]), (2, 3), SETTINGS, None)
    assert few.users.shape == (2, 6) and torch.isfinite(few.users).all() and few.users.any()


def test_clicks_of_a_day_change_the_vectors_of_later_days_alone():
    log = toy_log()
    changed, _ = future_changed(log, 30)  # on the second day
    first = log.start_ms // DAY_MS
    days = range(first, first + 3)
    for (day, one), (_, other) in zip(
        mornings(SETTINGS, log, days), mornings(SETTINGS, changed, days), strict=True
    ):
        users, items = len(one.users), len(one.items)
        before, after = one.users @ one.items.T, (other.users @ other.items.T)[:users, :items]
        assert torch.allclose(before, after, atol=1e-4) == (day < first + 2)
        assert before.any() == (day > first)


def test_instances_read_the_vectors_of_their_morning():
    log = toy_log()
    settings = FactorSettings(width=4, days=1)
    days = FactoredDays.of(settings, EventDays.of(log))  # a day and a half: the day to rank is the second
    found = dict(mornings(settings, log, range(days.first_day, days.first_day + 2)))
    e = log.exposures
    read = days.vectors(e.user, e.item, e.shown_at)
    assert read.shape == (len(e), 2, 4)
    day = torch.from_numpy(e.shown_at // DAY_MS)
    for number, factors in found.items():
        of_day = day == number
        raw = factors.users[torch.from_numpy(e.user)[of_day]]
        # A dimension's scale is shared by all days: its ratio is one number.
        scale = read[of_day, 0].norm(dim=0) / raw.norm(dim=0).clamp_min(1e-12)
        torch.testing.assert_close(read[of_day, 0], raw * scale, atol=1e-4, rtol=1e-4)
    late = days.vectors(e.user[-5:], e.item[-5:], e.shown_at[-5:] + 7 * DAY_MS)
    assert torch.equal(late, days.vectors(e.user[-5:], e.item[-5:], e.shown_at[-5:]))
    assert not days.vectors(e.user[:5], e.item[:5], e.shown_at[:5] - 7 * DAY_MS).any()


def test_who_never_clicked_has_no_vector():
    """The last users and items of a log may have been shown, and never clicked."""
    log = toy_log()
    e = log.exposures
    clicked = e.clicked & (e.item < e.item.max() - 3) & (e.user < e.user.max() - 3)
    kept = (log.external.item < e.item.max() - 3) & (log.external.user < e.user.max() - 3)
    external = type(log.external)(**{name: column[kept] for name, column in vars(log.external).items()})
    quiet = replace(log, exposures=replace(e, clicked=clicked), external=external)
    found = FactoredDays.of(FactorSettings(width=4, days=3), EventDays.of(quiet)).vectors(
        e.user, e.item, e.shown_at
    )
    assert found.any() and not found[torch.from_numpy(e.item == e.item.max()), 1].any()


def test_vectors_survive_the_disk(tmp_path):
    log = toy_log()
    days = FactoredDays.of(FactorSettings(width=4, days=2), EventDays.of(log))
    days.save(tmp_path / "factors")
    again = FactoredDays.load(tmp_path / "factors")
    e = log.exposures
    assert torch.equal(days.vectors(e.user, e.item, e.shown_at), again.vectors(e.user, e.item, e.shown_at))
    assert days.vectors(e.user, e.item, e.shown_at).any()
