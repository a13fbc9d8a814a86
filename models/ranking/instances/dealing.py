"""How the chunks of a training are put into blocks, each of which is held in memory at a time."""

from __future__ import annotations

import heapq

import numpy as np


def dealt(chunks: np.ndarray, size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Deal every hour's chunks at random over as many blocks as instances of `size` make.

    Each chunk goes to the block that holds least so far, so that no block is longer than `size` and a chunk.
    An hour with twice as many (equal) chunks as there are blocks has a part in every block, and adjacent
    hours stand in the same blocks.

    Args:
        chunks: int64 [C, 3], hour, first and last row + 1 of each, in time order.
        size: instances of a block.
        generator: decides who is dealt what.

    Returns:
        Positions of each block's chunks, ascending.
    """
    lengths = (chunks[:, 2] - chunks[:, 1]).tolist()
    blocks = max(1, -(-sum(lengths) // size))
    if blocks == 1:
        return [np.arange(len(chunks))]
    members: list[list[int]] = [[] for _ in range(blocks)]
    # Of blocks that hold equally much, a random one is next.
    waiting = [(0, draw, block) for block, draw in enumerate(generator.random(blocks).tolist())]
    heapq.heapify(waiting)
    edges = np.flatnonzero(np.diff(chunks[:, 0])) + 1
    for hour in np.split(np.arange(len(chunks)), edges):
        order, draws = generator.permutation(hour).tolist(), generator.random(len(hour)).tolist()
        for chunk, draw in zip(order, draws, strict=True):
            held, _, block = waiting[0]
            members[block].append(chunk)
            heapq.heapreplace(waiting, (held + lengths[chunk], draw, block))
    return [np.sort(np.array(block, np.int64)) for block in members]


def in_order(chunks: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut chunks into blocks of whole hours, in time order, of at most `size` instances or one hour each.

    Args and returns: as `dealt`.
    """
    edges = np.flatnonzero(np.diff(chunks[:, 0])) + 1
    blocks: list[np.ndarray] = []
    held = 0
    for hour in np.split(np.arange(len(chunks)), edges):
        length = int((chunks[hour, 2] - chunks[hour, 1]).sum())
        if blocks and held + length <= size:
            blocks[-1] = np.concatenate([blocks[-1], hour])
            held += length
        else:
            blocks.append(hour)
            held = length
    return blocks
