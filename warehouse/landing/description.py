"""What a landing folder holds, in one small file beside it: `source.json`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from warehouse.landing import closed_days
from warehouse.landing.contract import CONTEXT_PREFIX, MAX_FIELDS, TableContract, table_contract
from warehouse.landing.service_time import HOUR_MS, ServiceZone
from warehouse.landing.writing import replace_text

FILE_NAME = "source.json"
RESERVED = ("_partition", "_row", "_file")  #: columns that the reader adds to every table


#: table → the setting that names its chosen categorical columns
FIELD_SETTINGS = {
    "users": "user_fields",
    "items": "item_fields",
    "exposures": "context_fields",
    "demographics": "demographic_fields",
}


#: table → the setting that names its column of content vectors
VECTOR_SETTINGS = {"users": "user_vector", "items": "item_vector"}


class SourceDescription(BaseModel):
    """A source's zone, days and chosen columns. Stored as `<landing>/source.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  #: of the source, as tables and runs show it
    simulated: bool = Field(default=False, description="whether the rows were made by the simulator")
    zone: str = Field(default="UTC", description="service time: UTC or a fixed offset such as Etc/GMT-8")
    local_zone: str | None = Field(
        default=None,
        description="IANA zone in which people live (America/New_York): heatmaps have its days and hours. "
        "None: the service zone. Its days must not end later than those of `zone`",
    )
    first_day: str = Field(description="first day with a partition, a day key of service time")
    shop_first_day: str | None = Field(
        default=None,
        description="first day of purchases and points, where a shop's year begins before the feed's "
        "`first_day`; None: the same day",
    )
    external_first_day: str | None = Field(
        default=None,
        description="first day of external clicks, where what accounts did elsewhere is known from before "
        "the feed's `first_day`; None: the same day",
    )
    last_day: str = Field(description="last day with a partition, included")
    closed: bool = Field(
        default=False,
        description="whether the logs have ended, as an archive's: no partition comes after `last_day`",
    )
    #: categorical columns of users that models see, six at most
    user_fields: tuple[str, ...] = Field(default=(), max_length=MAX_FIELDS)
    #: categorical columns of items that models see, six at most
    item_fields: tuple[str, ...] = Field(default=(), max_length=MAX_FIELDS)
    user_vector: str | None = Field(
        default=None, description="column of users with a list of floats each, all equally long"
    )
    item_vector: str | None = Field(
        default=None,
        description="column of items with a list of floats each, all equally long: a text's or image's "
        "embedding",
    )
    context_fields: tuple[str, ...] = ()  #: ctx_* columns of exposures that models see
    domains: tuple[str, ...] = Field(default=(), description="external applications; empty: any is taken")
    demographic_fields: tuple[str, ...] = ()  #: categorical columns of demographics
    demographic_numbers: tuple[str, ...] = ()  #: numeric columns of demographics
    points: Literal["balances", "amounts"] = Field(
        default="balances",
        description="what the amounts of points are: `balances` after each event (an hour takes the last "
        "one) or `amounts` moved by it (an hour takes their sum)",
    )
    closed_days: tuple[str, ...] = Field(
        default=(),
        description="days on which the shop is closed: weekdays (`saturday`), dates (`2026-12-25`), days of "
        "every year (`12-25`), ranges (`12-24..01-03`). Few purchases or none are right there, and a day "
        "without files is not missing",
    )
    gate: dict[str, float] = Field(
        default={}, description="limits of the quality gate that differ from its defaults, by name"
    )

    @field_validator("zone")
    @classmethod
    def _fixed_offset(cls, value: str) -> str:
        ServiceZone(value)
        return value

    @field_validator("closed_days")
    @classmethod
    def _days(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        closed_days.check(value)
        return value

    @field_validator("context_fields")
    @classmethod
    def _prefixed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [name for name in value if not name.startswith(CONTEXT_PREFIX)]
        if wrong:
            raise ValueError(
                f"context fields begin with {CONTEXT_PREFIX!r}; these do not: {', '.join(wrong)}"
            )
        return value

    @field_validator("local_zone")
    @classmethod
    def _iana(cls, value: str | None) -> str | None:
        try:
            return value if value is None else ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"local_zone {value!r} is no zone of the IANA database, such as America/New_York"
            ) from error

    @model_validator(mode="after")
    def _local_days_end_in_time(self) -> SourceDescription:
        """A service day must hold the local day of its date: else a day's partition lacks its evening."""
        if self.local_zone is None:
            return self
        year = int(self.last_day[:4])
        moments = [
            datetime(y, month, 1, tzinfo=UTC) for y in (year - 1, year, year + 1) for month in range(1, 13)
        ]
        offsets = [self.local.utcoffset(moment.astimezone(self.local)) for moment in moments]
        least_ms = min(int(offset.total_seconds() * 1000) for offset in offsets if offset is not None)
        if least_ms < self.service_zone.offset_ms:
            hours = least_ms // HOUR_MS
            raise ValueError(
                f"days of local_zone {self.local_zone} end later than those of zone {self.zone}: use "
                f"Etc/GMT{-hours:+d} as zone, its standard time (folders date= are cut by it)"
            )
        return self

    @model_validator(mode="after")
    def _fields_are_free_names(self) -> SourceDescription:
        """Chosen columns are none of the contract's or the reader's own, and differ in more than case."""
        for table, setting in FIELD_SETTINGS.items():
            names = [*getattr(self, setting), *(self.demographic_numbers if table == "demographics" else ())]
            vector = self.vector(table)
            names += [] if vector is None else [vector]
            own = {column.name.casefold() for column in table_contract(table).columns}
            seen: dict[str, str] = {}
            for name in names:
                if name.casefold() in own:
                    raise ValueError(
                        f"{setting}: {name!r} is a column of the contract of {table}, read anyway and no "
                        "category: take it out"
                    )
                if name in RESERVED or not name.strip():
                    raise ValueError(f"{setting}: {name!r} cannot be the name of a chosen column: rename it")
                other = seen.setdefault(name.casefold(), name)
                if names.count(name) > 1:
                    raise ValueError(f"{setting}: column {name!r} of {table} is chosen twice: choose it once")
                if other != name:
                    raise ValueError(
                        f"{setting}: {other!r} and {name!r} of {table} differ in case alone: rename one"
                    )
        return self

    @model_validator(mode="after")
    def _days_in_order(self) -> SourceDescription:
        zone = ServiceZone(self.zone)
        if zone.day_start_ms(self.first_day) > zone.day_start_ms(self.last_day):
            raise ValueError(f"first_day {self.first_day} lies after last_day {self.last_day}")
        return self

    @property
    def service_zone(self) -> ServiceZone:
        """The zone in which this source's partitions are cut."""
        return ServiceZone(self.zone)

    @property
    def local(self) -> ZoneInfo:
        """The zone in which people live: local days and hours."""
        return ZoneInfo(self.local_zone or self.zone)

    def fields(self, table: str) -> tuple[str, ...]:
        """The categorical columns of a table that are kept: those of the contract, then the chosen ones."""
        setting = FIELD_SETTINGS.get(table)
        return table_contract(table).coded + (getattr(self, setting) if setting else ())

    def numbers(self, table: str) -> tuple[str, ...]:
        """The chosen numeric columns of a table."""
        return self.demographic_numbers if table == "demographics" else ()

    def vector(self, table: str) -> str | None:
        """The chosen column of content vectors of a table."""
        setting = VECTOR_SETTINGS.get(table)
        name: str | None = getattr(self, setting) if setting else None
        return name

    def chosen(self, table: str) -> tuple[str, ...]:
        """What a load's record says of the columns it was read with: a change asks for loading again."""
        vector = self.vector(table)
        named = self.fields(table) + tuple(f"{name} (number)" for name in self.numbers(table))
        return named + (() if vector is None else (f"{vector} (vector)",))

    def contract(self, table: str) -> TableContract:
        """The landing contract of a table with this source's chosen columns."""
        return table_contract(table).with_fields(self.fields(table), self.numbers(table), self.vector(table))

    def save(self, landing: Path) -> None:
        """Write `<landing>/source.json`, whole or not at all."""
        replace_text(landing / FILE_NAME, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, landing: Path) -> SourceDescription:
        """Read `<landing>/source.json`; FileNotFoundError names the path, ValueError what does not fit."""
        path = landing / FILE_NAME
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is missing: fill the landing folder first, or describe your own one"
            )
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8-sig"))
        except ValidationError as error:
            raise ValueError(f"{path} does not describe a source:\n{_reasons(error)}") from error
        except ValueError as error:
            raise ValueError(f"{path} is no UTF-8 text: {error}") from error


def _reasons(error: ValidationError) -> str:
    """What does not fit, a line each."""
    lines = []
    for reason in error.errors(include_url=False, include_input=False):
        where = ".".join(map(str, reason["loc"]))
        text = reason["msg"].removeprefix("Value error, ")
        lines.append(f"  {where}: {text}" if where else f"  {text}")
    return "\n".join(lines)


def zone_of(landing: Path) -> ServiceZone:
    """The service zone of a landing folder: what `source.json` says, UTC where there is none."""
    return (
        SourceDescription.load(landing).service_zone if (landing / FILE_NAME).exists() else ServiceZone("UTC")
    )
