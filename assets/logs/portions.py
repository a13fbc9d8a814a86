"""Which partitions are read, judged and loaded together: as many as memory has room for.

The gate needs about two kilobytes of memory a row; rows are not counted before they are read, so files are
weighed: text by its bytes, compressed formats by six times theirs. A portion of `MOST_BYTES` is about half a
million purchases, some 1.5 GB.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

MOST_BYTES = 32 << 20  #: of text, in one run of the gate and one transaction
PACKED = 6  #: bytes of text in a byte of a compressed file, about
_TEXT = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson")


def portions(
    partitions: Sequence[str], files: Mapping[str, Sequence[Path]], most: int, *, most_bytes: int = MOST_BYTES
) -> Iterator[list[str]]:
    """Cut partitions into portions of at most `most` partitions and `most_bytes`, one partition at least.

    Args:
        partitions: keys, in the order of loading.
        files: the files of each; one that several partitions share counts once in a portion.
        most: partitions of a portion.
        most_bytes: weight of a portion's files.
    """
    portion: list[str] = []
    seen: set[Path] = set()
    total = 0
    for partition in partitions:
        fresh = [path for path in files.get(partition, ()) if path not in seen]
        weight = sum(map(_weight, fresh))
        if portion and (len(portion) == most or total + weight > most_bytes):
            yield portion
            # Judging leaves its frames in circles of objects, which Python would keep for many portions.
            gc.collect()
            portion, seen, total = [], set(), 0
            fresh = list(files.get(partition, ()))
            weight = sum(map(_weight, fresh))
        portion.append(partition)
        seen.update(fresh)
        total += weight
    if portion:
        yield portion


def _weight(path: Path) -> int:
    try:
        size = path.stat().st_size
    except FileNotFoundError:  # taken away since it was listed: reading will say so
        return 0
    return size if path.suffix.lower() in _TEXT else PACKED * size
