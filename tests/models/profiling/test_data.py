"""Some users, or an earlier day, of what is known: the same as if it had been encoded so from the start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.profiling.data import DAYS, ProfileData, PurchaseLog, SparseHeatmaps, StoredModalities
from tests.models.profiling.later import ROWS
from tests.models.profiling.toy import AS_OF, toy_data, toy_heatmaps, toy_log

USERS = 60
CELLS = ("offsets", "day", "hour", "channel", "value")
SOME = np.array([0, 1, 7, 8, 30, 59])


def assert_same_heatmaps(one: SparseHeatmaps, other: SparseHeatmaps) -> None:
    assert (one.modality, one.channels) == (other.modality, other.channels)
    for name in CELLS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def assert_same_log(one: PurchaseLog, other: PurchaseLog) -> None:
    assert (one.brand_names, one.genre_names) == (other.brand_names, other.genre_names)
    for name in ROWS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)


def stored(data: ProfileData) -> tuple[ProfileData, list[str]]:
    """The same with modalities that are read when asked for, and what was read."""
    read: list[str] = []

    def one(name: str) -> SparseHeatmaps:
        read.append(name)
        heat = data.modality(name)
        assert heat is not None
        return heat

    def known(day: int) -> np.ndarray:
        first_day = data.as_of_day - DAYS
        cells = [heat.rows[heat.day < day - first_day] for heat in data.modalities]
        return np.unique(np.concatenate(cells))

    names = [heat.modality for heat in data.modalities]
    return replace(data, modalities=StoredModalities(names, one, known, "digest")), read


def of_users(log: PurchaseLog, users: np.ndarray) -> PurchaseLog:
    inside = np.isin(log.user, users)
    return replace(log.rows(inside), user=np.searchsorted(users, log.user[inside]))


def test_some_users_are_encoded_as_if_there_were_no_others():
    data = toy_data(users=USERS)
    some, log = data.take(SOME), of_users(data.purchases, SOME)
    assert some.user_ids.tolist() == [f"u{user:05d}" for user in SOME]
    assert_same_log(some.purchases, log)
    for modality in ("shopping", "points"):
        assert_same_heatmaps(some.modality(modality), toy_heatmaps(log, AS_OF, len(SOME), modality))
    np.testing.assert_array_equal(some.demographics.numeric, data.demographics.numeric[SOME])
    np.testing.assert_array_equal(some.demographics.categorical, data.demographics.categorical[SOME])
    assert some.demographics.categories == data.demographics.categories
    np.testing.assert_array_equal(some.labels.value, data.labels.value[SOME])
    assert some.labels.tasks == data.labels.tasks and some.as_of_day == data.as_of_day


def test_who_has_neither_survey_nor_label_can_be_taken_too():
    some = toy_data(users=USERS, bare=True).take(SOME)
    assert some.demographics is None and some.labels is None and len(some) == len(SOME)
    nobody = toy_data(users=USERS).take(np.zeros(0, dtype=np.int64))
    assert len(nobody) == 0 and len(nobody.purchases) == 0
    assert all(len(heat.value) == 0 for heat in nobody.modalities)


@pytest.mark.parametrize("days", [0, 1, 30, 59])
def test_an_earlier_day_is_encoded_as_it_was_then(days):
    data, then = toy_data(users=USERS), AS_OF - days
    back, fresh = data.held_back(then), toy_data(then, users=USERS)
    assert back.as_of_day == then
    assert_same_log(back.purchases, fresh.purchases)
    for modality in ("shopping", "points"):
        assert_same_heatmaps(back.modality(modality), fresh.modality(modality))
    assert back.labels is None and back.demographics is data.demographics


def test_images_reach_back_as_far_as_they_did():
    log = toy_log(users=USERS, days=900, per_user=200).before(AS_OF)
    days = 100
    back = toy_heatmaps(log, AS_OF, USERS).held_back(days)
    seen = log.between(AS_OF - DAYS, AS_OF - days)  # what the images of the later day hold
    assert len(seen) < len(log.between(AS_OF - days - DAYS, AS_OF - days))
    assert_same_heatmaps(back, toy_heatmaps(seen, AS_OF - days, USERS))
    assert back.day.min() == days and back.day.max() == DAYS - 1
    assert len(toy_heatmaps(log, AS_OF, USERS).held_back(DAYS).value) == 0


def test_cells_hold_their_types():
    heat = toy_heatmaps(toy_log(users=USERS).before(AS_OF), AS_OF, USERS)
    small = replace(
        heat,
        day=heat.day.astype(np.int16),
        hour=heat.hour.astype(np.uint8),
        channel=heat.channel.astype(np.uint16),
    )
    back = small.held_back(30)
    assert [getattr(back, name).dtype for name in CELLS[1:]] == [np.int16, np.uint8, np.uint16, np.float32]
    assert back.offsets.dtype == np.int64 and back.offsets[-1] == len(back.value)
    assert_same_heatmaps(back, heat.held_back(30))


@pytest.mark.parametrize("lazy", [False, True])
def test_some_users_of_an_earlier_day_in_either_order(lazy):
    data, then = toy_data(users=USERS), AS_OF - 45
    if lazy:
        data, _ = stored(data)
    one, other = data.take(SOME).held_back(then), data.held_back(then).take(SOME)
    assert_same_log(one.purchases, other.purchases)
    log = of_users(toy_log(users=USERS).before(then), SOME)
    for modality in ("shopping", "points"):
        for taken in (one, other):
            assert_same_heatmaps(taken.modality(modality), toy_heatmaps(log, then, len(SOME), modality))


def test_stored_modalities_are_read_when_asked_for_and_once():
    data, read = stored(toy_data(users=USERS))
    some = data.take(SOME)
    back = some.held_back(AS_OF - 30)
    assert len(back.modalities) == 2 and back.modalities.digest == "digest"
    back.known_before(AS_OF - 30)
    assert not read
    for _ in range(2):
        assert [heat.modality for heat in back.modalities] == ["shopping", "points"]
    some.modalities[0], data.modalities[1]
    assert read == ["shopping", "points"]


@pytest.mark.parametrize("lazy", [False, True])
def test_who_was_known_does_not_depend_on_the_day_that_asks(lazy):
    rich = toy_data(users=USERS)
    # A third of the users has cells and no purchase: only the images tell that they were known.
    few = replace(rich, purchases=rich.purchases.rows(rich.purchases.user % 3 > 0))
    # They come one after the other, so that every day has its answer.
    late = few.purchases.day >= AS_OF - 300 + 5 * few.purchases.user
    heat = rich.modalities[0]
    came = heat.day >= 65 + 5 * heat.rows
    offsets = np.concatenate([[0], np.cumsum(np.bincount(heat.rows[came], minlength=USERS))])
    shopping = replace(heat, offsets=offsets, **{name: getattr(heat, name)[came] for name in CELLS[1:]})
    data = replace(few, purchases=few.purchases.rows(late), modalities=(shopping,))
    if lazy:
        data, _ = stored(data)
    sizes = []
    for day in (AS_OF - 250, AS_OF - 100, AS_OF - 40, AS_OF - 20):
        known = data.known_before(day)
        sizes.append(int(known.sum()))
        assert known[::3].any()
        for back in (data.held_back(day), data.held_back(AS_OF - 10)):
            np.testing.assert_array_equal(back.known_before(day), known)
        np.testing.assert_array_equal(data.take(SOME).known_before(day), known[SOME])
        np.testing.assert_array_equal(data.take(SOME).held_back(day).known_before(day), known[SOME])
    assert sizes == sorted(sizes) and 0 < sizes[0] < sizes[-1] < USERS
