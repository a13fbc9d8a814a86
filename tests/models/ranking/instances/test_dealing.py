"""How chunks are cut and dealt over blocks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.ranking.instances.dealing import dealt, in_order
from models.ranking.instances.rows import chunks_of, hours_of

#: Instances of consecutive hours; some hold none.
counts = st.lists(st.integers(0, 60), min_size=1, max_size=40).filter(any)


def chunks(of, size):
    hours = np.repeat(np.arange(len(of)), of)
    return chunks_of(hours_of(hours * 3_600_000, 0), size)


@given(of=counts, size=st.integers(1, 20))
def test_chunks_hold_every_row_once_and_never_straddle_an_hour(of, size):
    hours = np.repeat(np.arange(len(of)), of)
    seen = []
    for hour, first, last in chunks(of, size).tolist():
        assert 0 < last - first <= size
        assert (hours[first:last] == hour).all()
        seen += range(first, last)
    assert seen == list(range(len(hours)))


@given(of=counts, size=st.integers(1, 300), chunk=st.integers(1, 20), seed=st.integers(0, 99))
def test_every_chunk_is_dealt_once_and_no_block_is_longer_than_its_size_and_a_chunk(of, size, chunk, seed):
    cut = chunks(of, chunk)
    blocks = dealt(cut, size, np.random.default_rng(seed))
    assert sorted(np.concatenate(blocks).tolist()) == list(range(len(cut)))
    assert len(blocks) == -(-sum(of) // size)
    for block in blocks:
        assert (np.diff(block) > 0).all()
        assert (cut[block, 2] - cut[block, 1]).sum() <= size + chunk


@given(of=counts, size=st.integers(1, 300), chunk=st.integers(1, 20))
def test_blocks_in_order_hold_whole_hours(of, size, chunk):
    cut = chunks(of, chunk)
    blocks = in_order(cut, size)
    assert np.concatenate(blocks).tolist() == list(range(len(cut)))
    hours = [set(cut[block, 0].tolist()) for block in blocks]
    assert sum(map(len, hours)) == len(set.union(*hours))
    for block, its in zip(blocks, hours, strict=True):
        assert (cut[block, 2] - cut[block, 1]).sum() <= size or len(its) == 1


def test_a_block_holds_a_part_of_every_hour_that_is_large_enough():
    cut = chunks([100] * 24, 5)
    blocks = dealt(cut, 300, np.random.default_rng(0))
    assert len(blocks) == 8
    assert all(set(cut[block, 0].tolist()) == set(range(24)) for block in blocks)


def test_another_epoch_is_dealt_anew_and_the_same_one_again():
    cut = chunks([50] * 10, 5)
    one, again, other = (dealt(cut, 100, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))
