"""What a serving process remembers of the warehouse: dense numbers of ids and values, and descriptions.

It is read in one go and the file is closed again, because a reader of DuckDB keeps loads out: a request is
answered from memory. Memory and reading grow with the users and items of the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from assets.ranking.account_vectors import read_account_vectors, with_account_vectors
from assets.ranking.reading import descriptions_before
from models.ranking.features.event_log import MISSING, Entities, EventLog, Exposures, ExternalClicks
from warehouse.landing.service_time import HOUR_MS

if TYPE_CHECKING:
    from assets.ranking.serving_request import CandidateRows
    from models.profiling.account_vectors import AccountVectors
    from warehouse.home import Deployment
    from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class NumberedTexts:
    """Texts with their dense numbers; one that is unknown gets a number that nobody has."""

    texts: pd.Index
    numbers: np.ndarray  #: int64 [n] of `texts`
    unused: int  #: the first number that nobody has

    @classmethod
    def of(cls, texts: Sequence[str], numbers: np.ndarray) -> NumberedTexts:
        """These texts, whose numbers are int64 [n]."""
        return cls(pd.Index(texts, dtype=object), numbers, int(numbers.max(initial=-1)) + 1)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Numbers of texts, object [N] → int64 [N]; MISSING where the text is None."""
        codes, distinct = pd.factorize(values)
        at = self.texts.get_indexer(pd.Index(distinct, dtype=object))
        unknown = at < 0
        numbers = np.empty(len(distinct), np.int64)
        numbers[~unknown] = self.numbers[at[~unknown]]
        numbers[unknown] = self.unused + np.arange(unknown.sum())
        return np.append(numbers, MISSING)[codes]


@dataclass(frozen=True)
class ServingCatalogue:
    """The ids, context values and descriptions that count in one service hour."""

    user_numbers: NumberedTexts
    item_numbers: NumberedTexts
    values: Sequence[NumberedTexts]  #: of each context column
    users: Entities
    items: Entities
    accounts: AccountVectors | None  #: where the deployment says `one_account`
    zone_offset_ms: int

    @classmethod
    def read(
        cls, warehouse: Warehouse, deployment: Deployment, hour: str, context: Sequence[str]
    ) -> ServingCatalogue:
        """What the warehouse holds now; descriptions are those that were valid before the hour's end.

        Args:
            warehouse: open.
            deployment: of its home.
            hour: in which candidates are shown.
            context: names of the context columns.
        """
        zone = deployment.service_zone
        users, items = descriptions_before(warehouse, zone.hour_start_ms(hour) + HOUR_MS)
        codes = [warehouse.category_names("exposures", name) for name in context]
        return cls(
            _numbered(warehouse, "user"),
            _numbered(warehouse, "item"),
            [NumberedTexts.of(names, np.arange(len(names))) for names in codes],
            users,
            items,
            read_account_vectors(warehouse, zone, hour[:10]) if deployment.one_account else None,
            zone.offset_ms,
        )

    def strangers(self, entities: Entities, numbers: NumberedTexts) -> int:
        """How many of a log's users or items have a number that nobody has."""
        return int((entities.index >= numbers.unused).sum())

    def log_of(self, rows: CandidateRows, index: np.ndarray, start_ms: int) -> EventLog:
        """The candidates at `index`, all of the hour that begins at `start_ms`, as a log without labels."""
        user, item = self.user_numbers(rows.user_id[index]), self.item_numbers(rows.item_id[index])
        codes = [numbers(values[index]) for numbers, values in zip(self.values, rows.context, strict=True)]
        users = _mentioned(self.users, user)
        if self.accounts is not None:
            users = with_account_vectors(users, self.accounts)
        nobody = np.empty(0, np.int64)
        return EventLog(
            Exposures(
                user,
                item,
                rows.shown_at[index],
                np.zeros(len(index), bool),
                np.zeros(len(index), np.float32),
                np.stack(codes, axis=1) if codes else np.empty((len(index), 0), np.int64),
                rows.request[index],
            ),
            ExternalClicks(nobody, nobody, nobody, nobody, nobody),
            users,
            _mentioned(self.items, item),
            start_ms,
            start_ms + HOUR_MS,
            self.zone_offset_ms,
        )


def _numbered(warehouse: Warehouse, kind: str) -> NumberedTexts:
    query = f"SELECT {kind}_id, {kind}_index::BIGINT FROM {kind}_index"
    columns = list(warehouse.connection.execute(query).fetchnumpy().values())
    return NumberedTexts.of(np.ma.getdata(columns[0]).tolist(), np.ma.getdata(columns[1]))


def _mentioned(entities: Entities, index: np.ndarray) -> Entities:
    """Those that `index` mentions; who is not described has no field, no time and no vector."""
    distinct = np.unique(index)
    at = np.minimum(np.searchsorted(entities.index, distinct), max(len(entities) - 1, 0))
    known = np.zeros(len(distinct), bool) if not len(entities) else entities.index[at] == distinct
    fields = np.full((len(distinct), entities.fields.shape[1]), MISSING, np.int64)
    published = np.full(len(distinct), MISSING, np.int64)
    vectors = np.full((len(distinct), entities.vectors.shape[1]), np.nan, np.float32)
    fields[known], published[known] = entities.fields[at[known]], entities.published_at[at[known]]
    vectors[known] = entities.vectors[at[known]]
    return Entities(distinct, fields, published, vectors)
