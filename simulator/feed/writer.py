"""From the simulated world to the landing folder: Parquet files, the same bytes for the same settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulator.feed.clicks import DEVICES
from simulator.feed.external import External
from simulator.feed.items import DOMAINS, KINDS, LENGTHS, TONES
from simulator.feed.users import FIELDS, user_ids
from simulator.feed.world import SLOT_BITS, SimulatedHour, World
from warehouse.landing.service_time import HOUR_MS, ServiceZone
from warehouse.landing.writing import replace_file

ZONE = "UTC"
CONTEXT_FIELDS = ("ctx_device", "ctx_position", "ctx_impression")
VECTOR = "content_vector"  #: the column of items' content vectors
TIME = pa.timestamp("ms", tz="UTC")
_POSITIONS = (*(f"{n:02d}" for n in range(1, 9)), "09-12", "13-16", "17+")
_POSITION_CODE = np.array([*range(8), *[8] * 4, *[9] * 4, *[10] * 16])
_NUMBERS = ("first", "second", "third", "later")


def context_codes(device: np.ndarray, position: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Codes of CONTEXT_FIELDS, int64 [E, 3]: what a log tells of where an exposure stood."""
    return np.stack(
        [device, _POSITION_CODE[position - 1], np.minimum(number, len(_NUMBERS)) - 1], axis=1
    ).astype(np.int64)


class Writer:
    """Writes the files of one simulated world below `landing`."""

    def __init__(self, landing: Path, world: World, first_day: str) -> None:
        self.landing, self.world = landing, world
        self.zone = ServiceZone(ZONE)
        self.start_ms = self.zone.day_start_ms(first_day)

    def before(self, day: int) -> None:
        """Who and what there was on a day before the log: its accounts and the other applications' items."""
        self._users(day, self.world.users.arrived_on(0))
        self._write(f"items/{self._key(day * 24)[:10]}T00.parquet", self._catalogue())

    def users(self, day: int) -> None:
        """`users/<day>.parquet`: arrived on that day; the first day's file holds the earlier ones too."""
        self._users(day, self.world.users.arrived_on(day))

    def _users(self, day: int, rows: np.ndarray) -> None:
        columns: dict[str, pa.Array] = {"user_id": pa.array(user_ids(rows))}
        for name, values in FIELDS.items():
            columns[name] = _category(self.world.users.fields[name][rows], values)
        self._write(f"users/{self._key(day * 24)[:10]}.parquet", columns)

    def items(self, hour: int) -> None:
        """`items/<day>T<hour>.parquet`: published in the hour; the first file holds all earlier ones too."""
        news = self.world.items
        lower = -np.inf if hour == 0 else hour
        rows = np.flatnonzero((news.published >= lower) & (news.published < hour + 1))
        columns = self._news(rows)
        if hour == 0:
            columns = {
                name: pa.concat_arrays([columns[name], more]) for name, more in self._catalogue().items()
            }
        day, clock = self._date_hour(hour)
        self._write(f"items/{day}T{clock}.parquet", columns)

    def hour(self, played: SimulatedHour) -> dict[str, dict[str, pa.Array]]:
        """Columns of the hour's two event tables, in the order of the landing contract."""
        return {"exposures": self._exposures(played), "external_clicks": self.external(played.external)}

    def events(self, table: str, hour: int, columns: dict[str, pa.Array]) -> None:
        """`<table>/date=/hour=/part-0.parquet`."""
        self._write(f"{table}/{self.partition(hour)}/part-0.parquet", columns)

    def truth(self, played: SimulatedHour) -> None:
        """`truth/…`: the click probabilities, outside the landing contract and never loaded."""
        columns = {"exposure_id": pa.array(played.exposure), "probability": pa.array(played.probability)}
        self.events("truth", played.hour, columns)

    def partition(self, hour: int) -> str:
        """`date=YYYY-MM-DD/hour=HH` of an hour since the first day's start."""
        day, clock = self._date_hour(hour)
        return f"date={day}/hour={clock}"

    def _exposures(self, played: SimulatedHour) -> dict[str, pa.Array]:
        context = context_codes(played.device, played.position, played.number)
        return {
            "exposure_id": pa.array(played.exposure),
            "user_id": pa.array(user_ids(played.user)),
            "item_id": _news_ids(played.item),
            "shown_at": self._time(played.at),
            "clicked": pa.array(played.clicked),
            "dwell_seconds": pa.array(np.round(played.dwell, 1), mask=~played.clicked),
            "request_id": pa.array(played.exposure >> SLOT_BITS),
            "ctx_device": _category(context[:, 0], DEVICES),
            "ctx_position": _category(context[:, 1], _POSITIONS),
            "ctx_impression": _category(context[:, 2], _NUMBERS),
        }

    def external(self, external: External) -> dict[str, pa.Array]:
        """Columns of external clicks."""
        return {
            "user_id": pa.array(user_ids(external.user)),
            "item_id": self._catalogue_ids(external.item),
            "domain": _category(self.world.catalogue.domain[external.item], DOMAINS),
            "occurred_at": self._time(external.occurred),
            "received_at": self._time(external.received),
        }

    def _news(self, rows: np.ndarray) -> dict[str, pa.Array]:
        news = self.world.items
        return {
            "item_id": _news_ids(rows),
            "published_at": self._time(news.published[rows]),
            "topic": _numbered("topic", news.topic[rows]),
            "subtopic": _numbered("subtopic", news.subtopic[rows]),
            "provider": _numbered("provider", news.provider[rows]),
            "kind": _category(news.kind[rows], KINDS),
            "length": _category(news.length[rows], LENGTHS),
            "tone": _category(news.tone[rows], TONES),
            VECTOR: _vectors(self.world.content.news(news, rows)),
        }

    def _catalogue(self) -> dict[str, pa.Array]:
        catalogue = self.world.catalogue
        count = len(catalogue)
        empty = pa.nulls(count, pa.string())
        return {
            "item_id": self._catalogue_ids(np.arange(count)),
            "published_at": pa.nulls(count, TIME),
            "topic": _numbered("topic", catalogue.topic),
            "subtopic": empty,
            "provider": _numbered("house", catalogue.provider),
            "kind": _category(catalogue.domain, DOMAINS),
            "length": empty,
            "tone": empty,
            VECTOR: _vectors(self.world.content.catalogue(catalogue)),
        }

    def _catalogue_ids(self, rows: np.ndarray) -> pa.Array:
        domain = _category(self.world.catalogue.domain[rows], DOMAINS)
        return pc.binary_join_element_wise(domain, _padded(rows), "-")

    def _time(self, hours: np.ndarray) -> pa.Array:
        return pa.array(self.start_ms + np.floor(hours * HOUR_MS).astype(np.int64)).cast(TIME)

    def _key(self, hour: int) -> str:
        return self.zone.hour_key(self.start_ms + hour * HOUR_MS)

    def _date_hour(self, hour: int) -> tuple[str, str]:
        key = self._key(hour)
        return key[:10], key[11:13]

    def _write(self, relative: str, columns: dict[str, pa.Array]) -> None:
        write_parquet(self.landing / relative, columns)


def write_parquet(path: Path, columns: dict[str, pa.Array]) -> None:
    """One file, whole or not at all; columns of a dictionary are written as what they stand for."""
    table = pa.table(columns)
    coded = any(pa.types.is_dictionary(field.type) for field in table.schema)
    # Without Arrow's own schema in the file, a reader meets plain text.
    with replace_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", store_schema=not coded)


def _category(codes: np.ndarray, values: tuple[str, ...]) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(codes.astype(np.int32)))


def _vectors(vectors: np.ndarray) -> pa.Array:
    width = vectors.shape[1]
    offsets = pa.array(np.arange(len(vectors) + 1, dtype=np.int32) * width)
    return pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel()))


def _numbered(prefix: str, codes: np.ndarray) -> pa.Array:
    values = tuple(f"{prefix}_{n:02d}" for n in range(int(codes.max(initial=0)) + 1))
    return _category(codes, values)


def _news_ids(rows: np.ndarray) -> pa.Array:
    """Ids of news: strings, unlike those of accounts, so that both kinds are met in every test."""
    return pc.binary_join_element_wise("n", _padded(rows), "")


def _padded(numbers: np.ndarray) -> pa.Array:
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 7, "0")
