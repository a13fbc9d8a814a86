"""What an account buys, as one short vector on axes that never move: for rankers of the same accounts.

    x_a = Σ_g  s(g) · log(1 + items of the account in g)   over the genres g with slot(g) = a

g runs over everything, the first and the second level of the genre path; slot and sign of a genre are hashed
from its name (feature hashing, Weinberger et al. 2009). There is nothing to fit, so that vectors of different
mornings can be compared, and a new genre changes no other's place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH = 64  #: numbers a vector
LEVELS = 2  #: of the genre path
GENRE_SEPARATOR = "/"


@dataclass(frozen=True)
class AccountVectors:
    """The vectors of those who bought anything."""

    user: np.ndarray  #: int64 [N], ascending
    values: np.ndarray  #: float32 [N, WIDTH]

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def of_counts(
        cls, user: np.ndarray, genre: np.ndarray, items: np.ndarray, paths: Sequence[str]
    ) -> AccountVectors:
        """From how many items each user bought of each genre.

        Args:
            user: int64 [n].
            genre: int64 [n] position in `paths`.
            items: int64 [n], positive.
            paths: the whole path of every genre.
        """
        known, row = np.unique(user, return_inverse=True)
        values = np.zeros(len(known) * WIDTH)
        for level in range(LEVELS + 1):
            part, slots, signs = _hashed(paths, level)
            cells, cell = np.unique(row * len(slots) + part[genre], return_inverse=True)
            amount = np.log1p(np.bincount(cell, weights=items, minlength=len(cells)))
            whose, which = np.divmod(cells, max(len(slots), 1))
            at = whose * WIDTH + slots[which]
            values += np.bincount(at, weights=signs[which] * amount, minlength=len(values))
        return cls(known, values.reshape(-1, WIDTH).astype(np.float32))

    @classmethod
    def together(cls, parts: Sequence[AccountVectors]) -> AccountVectors:
        """Those of parts whose users follow each other."""
        users = [np.empty(0, np.int64), *(part.user for part in parts)]
        values = [np.empty((0, WIDTH), np.float32), *(part.values for part in parts)]
        return cls(np.concatenate(users), np.concatenate(values))

    def of(self, users: np.ndarray) -> np.ndarray:
        """Vectors float32 [n, WIDTH] of `users` int64 [n]; NaN for who bought nothing."""
        out = np.full((len(users), WIDTH), np.nan, np.float32)
        if len(self.user):
            at = np.minimum(np.searchsorted(self.user, users), len(self.user) - 1)
            known = self.user[at] == users
            out[known] = self.values[at[known]]
        return out


def _hashed(paths: Sequence[str], level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of every path its part down to a level, int64 [paths]; of every part slot and sign, int64 [parts]."""
    names = [GENRE_SEPARATOR.join(path.split(GENRE_SEPARATOR)[:level]) for path in paths]
    parts, part = np.unique(np.array(names, dtype=str), return_inverse=True)
    digests = [hashlib.blake2b(f"{level} {name}".encode(), digest_size=8).digest() for name in parts.tolist()]
    numbers = np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)
    signs = 1 - 2 * (numbers >> np.uint64(63)).astype(np.int64)
    return part, (numbers % np.uint64(WIDTH)).astype(np.int64), signs
