"""Partitions are loaded together as far as the weight of their files allows."""

from __future__ import annotations

from assets.logs.portions import PACKED, portions


def test_a_portion_ends_where_the_next_partition_would_be_too_much(tmp_path):
    files = {}
    for key, size in (("a", 40), ("b", 50), ("c", 30), ("d", 500), ("e", 1)):
        files[key] = [tmp_path / f"{key}.csv"]
        files[key][0].write_bytes(b"x" * size)
    assert list(portions("abcde", files, 9, most_bytes=100)) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert list(portions("abcde", files, 2, most_bytes=10_000)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(portions([], files, 2)) == []


def test_a_shared_file_counts_once_in_a_portion_and_packed_ones_count_more(tmp_path):
    shared, packed = tmp_path / "day.csv", tmp_path / "day.parquet"
    shared.write_bytes(b"x" * 60)
    packed.write_bytes(b"x" * 10)
    hours = {str(hour): [shared] for hour in range(4)}
    assert list(portions(list(hours), hours, 9, most_bytes=100)) == [["0", "1", "2", "3"]]
    alone = {"a": [packed], "b": [shared], "c": [tmp_path / "gone.csv"]}
    assert list(portions("abc", alone, 9, most_bytes=60 + 10 * PACKED)) == [["a", "b", "c"]]
    assert list(portions("abc", alone, 9, most_bytes=59 + 10 * PACKED)) == [["a"], ["b", "c"]]
