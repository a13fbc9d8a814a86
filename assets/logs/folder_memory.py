"""What the rows of a folder that were judged before would have left in a warehouse: the gate asks for it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import numpy as np
import pandas as pd

_PURCHASE = ["user_id", "genre", "brand"]
_IDS = {"users": "user_id", "items": "item_id"}


class FolderMemory:
    """Stands in for a warehouse while a folder is judged and nothing is written.

    Ids of users and items are held as text, those of exposures as 64-bit hashes, purchases as the first of
    each user, genre and brand.
    """

    def __init__(self) -> None:
        self.known: dict[str, set[str]] = {table: set() for table in _IDS}
        self._statistics: dict[str, list[pd.DataFrame]] = {}
        self._exposures = np.empty(0, np.uint64)
        self._purchases = pd.DataFrame(columns=[*_PURCHASE, "purchased_at"])

    def opened(self) -> AbstractContextManager[Any]:
        """Itself, as `judging.judge` opens a warehouse."""
        return nullcontext(self)

    def remember(self, table: str, passed: pd.DataFrame, statistics: pd.DataFrame) -> None:
        """Take in the rows of one call that the gate kept, and the statistics of its sound partitions."""
        self._statistics.setdefault(table, []).append(statistics)
        if table in _IDS:
            self.known[table].update(passed[_IDS[table]])
        elif table == "exposures":
            hashes = pd.util.hash_array(passed["exposure_id"].to_numpy(object))
            self._exposures = np.union1d(self._exposures, hashes)
        elif table == "purchases":
            bought = passed.loc[~passed["cancelled"].astype(bool), [*_PURCHASE, "purchased_at"]]
            joined = pd.concat([self._purchases, bought]) if len(self._purchases) else bought
            self._purchases = joined.groupby(_PURCHASE, dropna=False, as_index=False)["purchased_at"].min()

    def state(self, tables: Collection[str], replaced: tuple[str, Collection[str]]) -> str:
        """Nobody else writes."""
        del tables, replaced
        return ""

    def known_ids(self, table: str, ids: Collection[str]) -> set[str]:
        """Those of `ids` that have a dimension row."""
        return self.known[table].intersection(ids)

    def described(self, table: str) -> int:
        """How many ids have a dimension row."""
        return len(self.known[table])

    def vector_width(self, table: str, column: str) -> int | None:
        """How long the vectors of the earlier calls are; None where they had none."""
        del column
        widths = [
            rows["vector_width"].dropna()
            for rows in self._statistics.get(table, ())
            if "vector_width" in rows
        ]
        known = np.concatenate([np.empty(0), *widths])
        return int(known[0]) if len(known) else None

    def history(
        self, table: str, except_partitions: Collection[str], **limits: object
    ) -> pd.DataFrame | None:
        """The gate's statistics of former batches, one row a partition; of all times, which does no harm."""
        del limits
        former = self._statistics.get(table)
        if not former:
            return None
        rows = pd.concat(former)
        return rows[~rows.index.isin(list(except_partitions))]

    def loaded(self, table: str, partitions: Collection[str]) -> pd.DataFrame:
        """Nothing has been loaded before: partition, rows_in."""
        del table, partitions
        return pd.DataFrame({"partition": pd.Series(dtype="str"), "rows_in": pd.Series(dtype="int64")})

    def existing_exposure_ids(self, ids: Collection[str], except_partitions: Collection[str]) -> set[str]:
        """Those of `ids` that were in an earlier call."""
        del except_partitions
        values = np.asarray(ids, dtype=object)
        return set(values[np.isin(pd.util.hash_array(values), self._exposures)])

    def first_purchases(self, queries: pd.DataFrame, except_partitions: Collection[str]) -> np.ndarray:
        """Epoch ms of each query's first purchase, a missing brand being any; NaN where there is none."""
        del except_partitions
        own = queries[["user", "genre", "brand"]].set_axis(_PURCHASE, axis=1).reset_index(drop=True)
        exact = own.merge(self._purchases, on=_PURCHASE, how="left")["purchased_at"]
        any_brand = self._purchases.groupby(_PURCHASE[:2], as_index=False)["purchased_at"].min()
        any_brand = own.merge(any_brand, on=_PURCHASE[:2], how="left")["purchased_at"]
        first = exact.where(own["brand"].notna(), any_brand)
        return cast(np.ndarray, first.to_numpy(np.float64, na_value=np.nan))
