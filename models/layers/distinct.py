"""Distinct keys of a batch, at a cost in proportion to the batch."""

from __future__ import annotations

import threading

import numpy as np
import torch
from torch import Tensor

_MOST = 2**24  #: keys up to here are numbered in a table that a thread keeps; 64 MiB at most
_thread = threading.local()


def unique_keys(keys: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """`torch.unique(keys, return_inverse=True)` for int64 keys in `[0, limit)`.

    On a CPU no key is sorted that stands twice: keys are written into a table, by which one of each is known.
    """
    if keys.device.type == "cpu" and limit <= _MOST:
        distinct, inverse = numbered(keys.numpy(), limit)
        return torch.from_numpy(distinct), torch.from_numpy(inverse)
    if keys.device.type == "cpu" or limit > 8 * keys.numel():
        return torch.unique(keys, return_inverse=True)
    seen = torch.zeros(limit, dtype=torch.bool, device=keys.device)
    seen[keys.reshape(-1)] = True
    return seen.nonzero().squeeze(1), (torch.cumsum(seen, 0) - 1)[keys]


def numbered(keys: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct ones of int64 keys in `[0, limit)`, ascending, and each key's position among them."""
    if limit > _MOST:
        return np.unique(keys, return_inverse=True)
    flat = keys.reshape(-1)
    number = _table(limit)
    if limit <= 8 * len(flat):
        seen = np.zeros(limit, np.bool_)
        seen[flat] = True
        distinct = np.flatnonzero(seen)
    else:
        position = np.arange(len(flat))
        number[flat] = position  # of several with one key, the last
        distinct = flat[number[flat] == position]
        distinct.sort()
    number[distinct] = np.arange(len(distinct))
    return distinct, number[flat].astype(np.int64).reshape(keys.shape)


def _table(limit: int) -> np.ndarray:
    """int32 [at least limit], with anything in it."""
    table: np.ndarray | None = getattr(_thread, "table", None)
    if table is None or len(table) < limit:
        table = _thread.table = np.empty(limit, np.int32)
    return table
