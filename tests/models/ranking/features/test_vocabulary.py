import numpy as np
import pytest

from models.ranking.features.codes import FieldSpec, Layout
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import MISSING, Entities
from models.ranking.features.sorted_map import SortedMap, first_appearance
from models.ranking.features.vocabulary import UNSEEN, Vocabulary

LAYOUT = Layout(
    (
        FieldSpec("user_id", "user_id"),
        FieldSpec("item_id", "item_id"),
        FieldSpec("user_field0", "category"),
        FieldSpec("hour_of_day", "bins", 24),
    )
)
CODES = np.array([[7, 5, -1, 3], [2, 5, 9, 0], [7, UNSEEN, 9, 23]])


def test_codes_unseen_in_training_share_their_fields_oov_row():
    vocabulary = Vocabulary.fit(LAYOUT, CODES)
    rows = vocabulary.rows(CODES)
    # Fields lie one after another, each open one behind its OOV row, values by first appearance.
    assert rows.tolist() == [[1, 4, 6, 11], [2, 4, 7, 8], [1, 3, 7, 31]]
    assert vocabulary.size == 32
    strangers = vocabulary.rows(np.array([[3, 99, 4, 23], [UNSEEN, UNSEEN, UNSEEN, 0]]))
    assert strangers.tolist() == [[0, 3, 5, 31], [0, 3, 5, 8]]


def test_numbering_follows_appearance_not_the_size_of_an_index():
    renamed = CODES.copy()
    renamed[renamed[:, 0] == 7, 0] = 10**6
    np.testing.assert_array_equal(
        Vocabulary.fit(LAYOUT, CODES).rows(CODES), Vocabulary.fit(LAYOUT, renamed).rows(renamed)
    )


def test_newcomers_get_rows_at_the_end_and_keep_them():
    vocabulary = Vocabulary.fit(LAYOUT, CODES)
    assert vocabulary.grow(vocabulary.item_column, np.array([8, 5, 6, 8])).tolist() == [8, 6]
    assert vocabulary.grow(vocabulary.user_column, np.array([4])).tolist() == [4]
    assert vocabulary.grow(vocabulary.item_column, np.array([6])).tolist() == []
    assert vocabulary.item_rows(np.array([[5, 8], [6, 1]])).tolist() == [[4, 32], [33, 3]]
    assert vocabulary.user_rows(np.array([4, -1])).tolist() == [34, 0]
    groups = vocabulary.row_groups(np.arange(vocabulary.size))
    assert np.flatnonzero(groups == 0).tolist() == [3, 4, 32, 33]
    assert np.flatnonzero(groups == 1).tolist() == [0, 1, 2, 34]
    back = Vocabulary.from_arrays(LAYOUT, vocabulary.arrays())
    assert back.item_rows(np.array([6])).tolist() == [33] and back.size == 35


def test_sorted_map_finds_both_levels():
    known = SortedMap(np.array([2, 5, 9]), np.array([0, 1, 2]))
    known.append(np.array([7, 3]), np.array([3, 4]))
    known.append(np.array([1]), np.array([5]))
    assert known.get(np.array([[9, 3], [4, 1]])).tolist() == [[2, 4], [-1, 5]]
    assert known.arrays()["ids"].tolist() == [1, 2, 3, 5, 7, 9] and len(known) == 6
    assert SortedMap(np.empty(0, np.int64), np.empty(0, np.int64)).get(np.array([1])).tolist() == [-1]
    assert first_appearance(np.array([5, 2, 5, 9, 2])).tolist() == [5, 2, 9]


def test_the_first_received_version_of_an_entity_stays():
    table = EntityTable.of(Entities(np.array([1, 4]), np.array([[10], [40]]), np.array([100, 400])))
    late = Entities(np.array([1, 2]), np.array([[11], [20]]), np.array([101, 200]))
    fields, published = table.lookup(np.array([1, 2, 3]), late)
    assert fields[:, 0].tolist() == [10, 20, MISSING] and published.tolist() == [100, 200, MISSING]
    assert table.lookup(np.array([2]))[0].tolist() == [[MISSING]]
    table.append(np.array([2, 1, 2]), late)
    assert table.lookup(np.array([[2], [4]]))[0].tolist() == [[[20]], [[40]]]
    assert table.arrays()["fields"][:, 0].tolist() == [10, 20, 40]
    assert len(table) == 3


@pytest.mark.parametrize("shape", [(3,), (2, 2)])
def test_entity_look_ups_keep_their_shape(shape):
    table = EntityTable.of(Entities(np.arange(3), np.zeros((3, 6), np.int64), np.zeros(3, np.int64)))
    fields, published = table.lookup(np.zeros(shape, np.int64))
    assert fields.shape == (*shape, 6) and published.shape == shape
