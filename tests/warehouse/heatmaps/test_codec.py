"""The text form of heatmaps, there and back."""

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from warehouse.heatmaps.codec import to_text
from warehouse.heatmaps.reading import CellColumns

CELL = st.tuples(st.integers(0, 364), st.integers(0, 23), st.integers(0, 2**16 - 1))
VALUE = st.floats(width=32, allow_nan=False)


def columns(users):
    """`CellColumns` of one dictionary {(day, hour, channel): value} a user."""
    cells = [(*key, user[key]) for user in users for key in sorted(user)]
    day, hour, channel, value = zip(*cells, strict=True) if cells else ((), (), (), ())
    offsets = np.concatenate([[0], np.cumsum([len(user) for user in users])]).astype(np.int64)
    whole = (np.array(column, dtype=np.int64) for column in (day, hour, channel))
    return CellColumns(offsets, *whole, np.array(value, dtype=np.float32))


def read_back(texts):
    """The cells of one text a user, by a plain reader of `day, hour, channel: value; …`."""
    users = []
    for text in texts:
        cells = [cell.split(": ") for cell in text.split("; ") if cell]
        users.append({tuple(map(int, where.split(", "))): float(value) for where, value in cells})
    return columns(users)


@given(st.lists(st.dictionaries(CELL, VALUE, max_size=6), max_size=5))
def test_there_and_back_bit_for_bit(users):
    cells = columns(users)
    back = read_back(to_text(cells))
    for name in ("offsets", "day", "hour", "channel"):
        np.testing.assert_array_equal(getattr(back, name), getattr(cells, name))
    np.testing.assert_array_equal(back.value.view(np.uint32), cells.value.view(np.uint32))
    assert to_text(back) == to_text(cells)


def test_the_form_is_the_papers():
    cells = columns([{(3, 23, 0): 0.1, (3, 4, 7): 12.0}, {}, {(364, 0, 65535): 1e-45}])
    assert to_text(cells) == ["3, 4, 7: 12; 3, 23, 0: 0.1", "", "364, 0, 65535: 1e-45"]


def test_many_users_take_no_loop():
    rng = np.random.default_rng(0)
    users, each = 2_000, 100
    hours = np.arange(each)
    cells = CellColumns(
        np.arange(users + 1) * each,
        np.tile(hours // 24, users),
        np.tile(hours % 24, users),
        rng.integers(0, 30, users * each),
        rng.lognormal(0, 2, users * each).astype(np.float32),
    )
    began = time.process_time()
    texts = to_text(cells)
    assert time.process_time() - began < 3
    np.testing.assert_array_equal(read_back(texts).value, cells.value)
