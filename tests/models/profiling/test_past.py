"""The clock held back: nothing of a later day is left, and nothing of an earlier one is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.profiling.past import as_known_at
from tests.models.profiling.toy import AS_OF, toy_data, toy_heatmaps, toy_log

USERS, START = 60, AS_OF - 40


def test_it_is_the_data_of_that_day() -> None:
    data, then = toy_data(users=USERS), as_known_at(toy_data(users=USERS), START)
    log = toy_log(users=USERS).before(START)
    assert then.as_of_day == START and then.labels is None and len(then.purchases) == len(log)
    expected, heat = toy_heatmaps(log, START, USERS), then.modalities[0]
    for name in ("offsets", "day", "hour", "channel", "value"):
        np.testing.assert_array_equal(getattr(heat, name), getattr(expected, name))
    np.testing.assert_array_equal(then.known_before(START), data.known_before(START))


def test_what_happens_later_moves_nothing() -> None:
    data = toy_data(users=USERS)
    after = data.purchases.day >= START
    changed = replace(data.purchases, price=np.where(after, 9.0, data.purchases.price).astype(np.float32))
    heat = data.modalities[0]
    late = heat.day >= 365 - 40
    other = replace(
        data,
        purchases=changed,
        modalities=(replace(heat, value=np.where(late, 7.0, heat.value).astype(np.float32)),),
    )
    one, two = as_known_at(data, START), as_known_at(other, START)
    np.testing.assert_array_equal(one.purchases.price, two.purchases.price)
    np.testing.assert_array_equal(one.modalities[0].value, two.modalities[0].value)


def test_a_later_day_is_not_known() -> None:
    with pytest.raises(ValueError, match="do not know"):
        as_known_at(toy_data(users=USERS), AS_OF + 1)
