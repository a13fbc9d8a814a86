"""Purchases as columns, made for tens of millions of them: some 33 bytes each, and passes block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

MISSING = -1  #: code of an unknown brand, genre or category
ROWS_AT_ONCE = 1 << 21  #: purchases of a block of users, about
MOST_BLOCKS = 256  #: a block's number is a byte
_COLUMNS = ("user", "day", "at_ms", "brand", "genre", "price", "cancelled")


@dataclass(frozen=True)
class GenrePaths:
    """A genre column that answers like int64 [n, L], and holds one code a row: that of the whole path."""

    path: np.ndarray  #: int32 [n] position in `levels`
    levels: np.ndarray  #: int64 [paths, L] number of each path at each level

    def __len__(self) -> int:
        return len(self.path)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, L)."""
        return len(self.path), self.levels.shape[1]

    def __getitem__(self, key: Any) -> Any:
        """`[rows, level]`: numbers, as an array has them; `[rows]`: their column; `[row]`: its levels."""
        if isinstance(key, tuple):
            rows, level = key
            return self.levels[:, level][self.path[rows]]
        path = self.path[key]
        return self.levels[path] if np.ndim(path) == 0 else GenrePaths(path, self.levels)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.levels[self.path].astype(dtype or np.int64, copy=False)


@dataclass(frozen=True)
class PurchaseLog:
    """Purchases, sorted by (`day`, `at_ms`).

    `user` is int64 because arrays are indexed with it, and so that products with it do not overflow; of
    `brand` they would: write `user * brands + brand`.
    """

    user: np.ndarray  #: int64 [n] position of the user
    day: np.ndarray  #: int32 [n] local day since 1970-01-01
    at_ms: np.ndarray  #: int64 [n] UTC instant; one user's purchases at one instant are one basket
    brand: np.ndarray  #: int32 [n] position in `brand_names`, MISSING without one
    #: int64 [n, L] position in `genre_names[level]`; a path that ends early repeats itself
    genre: GenrePaths | np.ndarray
    price: np.ndarray  #: float32 [n]
    cancelled: np.ndarray  #: bool [n]
    brand_names: tuple[str, ...]
    genre_names: tuple[tuple[str, ...], ...]  #: one tuple a level, full paths (`a`, `a/b`, `a/b/c`)

    def __len__(self) -> int:
        return len(self.user)

    @property
    def nbytes(self) -> int:
        """Memory of all rows."""
        genre = self.genre.path if isinstance(self.genre, GenrePaths) else self.genre
        columns = (genre, *(getattr(self, name) for name in _COLUMNS if name != "genre"))
        return sum(column.nbytes for column in columns)

    def between(self, start_day: int, end_day: int) -> PurchaseLog:
        """Purchases of the local days `[start_day, end_day)`; names are kept whole."""
        low, high = np.searchsorted(self.day, [start_day, end_day])
        return self.rows(slice(int(low), int(high)))

    def before(self, day: int) -> PurchaseLog:
        """Purchases that happened before local day `day`."""
        return self.rows(slice(0, int(np.searchsorted(self.day, day))))

    def rows(self, rows: slice | np.ndarray) -> PurchaseLog:
        """Some purchases: a slice (nothing is copied), positions int64 [m] ascending, or bool [n]."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def of_users(self, members: np.ndarray, users: int) -> PurchaseLog:
        """The purchases of `members` (int64 [N] positions among U `users`, ascending), numbered 0 … N−1."""
        number = np.full(users, MISSING)
        number[members] = np.arange(len(members))
        return self.renumbered(number)

    def renumbered(self, number: np.ndarray) -> PurchaseLog:
        """The same users under other numbers, int64 [U]; purchases of users numbered MISSING are left out."""
        own = self.rows(np.flatnonzero(number[self.user] != MISSING))
        return replace(own, user=number[own.user])

    def genre_at(self, level: int) -> np.ndarray:
        """The genre of every purchase at one level (from 0, at most the deepest), int64 [n]."""
        return np.asarray(self.genre[:, min(level, self.genre.shape[1] - 1)])

    def by_users(self, users: int) -> Iterator[tuple[int, int, PurchaseLog]]:
        """`(start, stop, purchases of the users [start, stop))` for all of U `users`, block by block.

        A block's users are numbered from 0, its purchases stay in order of time. What is computed a user at a
        time is the same as of the whole log, in the memory of a block.
        """
        blocks = min(-(-len(self) // ROWS_AT_ONCE), MOST_BLOCKS)
        if blocks <= 1:
            yield 0, users, self
            return
        bits = (-(-users // blocks) - 1).bit_length()
        block = np.empty(len(self), dtype=np.uint8)
        np.right_shift(self.user, bits, out=block, casting="unsafe")
        for number in range(-(-users >> bits) if users else 0):
            start = number << bits
            own = self.rows(np.flatnonzero(block == number))
            yield start, min(start + (1 << bits), users), replace(own, user=own.user - start)


def first_of_pairs(user: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows by (user, value), those of a pair in the order in which they stand; and where pairs begin.

    Args:
        user: int [n], from 0.
        value: int [n].

    Returns:
        int64 [n] order, bool [n] in that order: whether a row is the first of its pair.
    """
    order = stable_order(user, value)
    u, v = user[order], value[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (u[1:] != u[:-1]) | (v[1:] != v[:-1])
    return order, first


def stable_order(user: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Positions by (user, value), ties as they stand, int64 [n]."""
    if not len(user):
        return np.zeros(0, dtype=np.int64)
    low, span = int(value.min()), int(value.max()) - int(value.min()) + 1
    bits = (len(user) - 1).bit_length()
    if (int(user.max()) + 1) * span >= 1 << (63 - bits):
        return np.lexsort((value, user))
    # With the position in the low bits a plain sort in place is a stable one, and several times as fast.
    packed = (user.astype(np.int64) * span + (value - low)) << bits
    packed |= np.arange(len(user))
    packed.sort()
    packed &= (1 << bits) - 1
    return packed
