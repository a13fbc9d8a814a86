"""Fields held narrow, and rows of codes by dense look-up."""

import numpy as np
import pytest

from models.ranking.features.codes import FieldSpec, Layout
from models.ranking.features.field_matrix import FieldMatrix, MatrixColumns
from models.ranking.features.row_table import RowTable

USER, ITEM = FieldSpec("user_id", "user_id"), FieldSpec("item_id", "item_id")
HOUR, WEEKDAY = FieldSpec("hour_of_day", "bins", 24), FieldSpec("weekday", "bins", 7)


@pytest.mark.parametrize("specs", [(USER, ITEM, HOUR, WEEKDAY), (HOUR, USER, WEEKDAY, ITEM), (USER, ITEM)])
def test_it_reads_like_the_wide_matrix(specs):
    layout, rng = Layout(specs), np.random.default_rng(0)
    wide = rng.integers(0, 7, (50, len(specs)))
    is_open = np.array([spec.kind != "bins" for spec in specs])
    offsets = np.arange(len(specs)) * 1000
    narrow = FieldMatrix(
        wide[:, is_open].astype(np.int32),
        wide[:, ~is_open].astype(np.uint8),
        MatrixColumns.of(layout, offsets),
    )
    expected = wide + np.where(is_open, 0, offsets)
    for index in (slice(None), rng.integers(0, 50, (2, 3, 4)), np.empty((1, 0), np.int64)):
        assert narrow[index].dtype == np.int64
        np.testing.assert_array_equal(narrow[index], expected[index])
    np.testing.assert_array_equal(narrow.part(slice(7, 20))[:], expected[7:20])
    for c in range(len(specs)):
        np.testing.assert_array_equal(narrow.column(c), expected[:, c])
    assert len(narrow) == 50


def test_rows_of_known_missing_unseen_and_late_codes():
    table = RowTable.of(np.array([5, -1, 2]), 100)
    asked = np.array([[5, -1, 2], [-2, 3, 10**6]])
    assert table.get(asked).tolist() == [[101, 102, 103], [100, 100, 100]]
    assert table.widest == 5
    table.append(np.array([3, 10**6]), np.array([900, 901]))
    assert table.get(asked).tolist() == [[101, 102, 103], [100, 900, 901]]
    again = RowTable(table.array())
    assert again.get(asked).tolist() == table.get(asked).tolist()
    table.forget()
    assert table.get(asked).tolist() == [[101, 102, 103], [100, 100, 100]]
    assert RowTable.of(np.empty(0, np.int64), 7).get(np.array([-2, -1, 0, 9])).tolist() == [7] * 4
