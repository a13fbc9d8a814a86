"""What a landing folder holds, in one small file beside it: `source.json`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from warehouse.contract import CONTEXT_PREFIX, MAX_FIELDS, TableContract, table_contract
from warehouse.service_time import ServiceZone

FILE_NAME = "source.json"


class SourceDescription(BaseModel):
    """A source's zone, days and chosen columns. Stored as `<landing>/source.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  #: of the source, as tables and runs show it
    simulated: bool = Field(default=False, description="whether the rows were made by the simulator")
    zone: str = Field(default="UTC", description="service time: UTC or a fixed offset such as Etc/GMT-8")
    first_day: str = Field(description="first day with a partition, a day key of service time")
    last_day: str = Field(description="last day with a partition, included")
    #: categorical columns of users that models see, six at most
    user_fields: tuple[str, ...] = Field(default=(), max_length=MAX_FIELDS)
    #: categorical columns of items that models see, six at most
    item_fields: tuple[str, ...] = Field(default=(), max_length=MAX_FIELDS)
    context_fields: tuple[str, ...] = ()  #: ctx_* columns of exposures that models see
    domains: tuple[str, ...] = Field(default=(), description="external applications; empty: any is taken")

    @field_validator("zone")
    @classmethod
    def _fixed_offset(cls, value: str) -> str:
        ServiceZone(value)
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

    def fields(self, table: str) -> tuple[str, ...]:
        """The chosen categorical columns of a table: user, item or context fields; `domain` for external
        clicks.
        """
        return {
            "users": self.user_fields,
            "items": self.item_fields,
            "exposures": self.context_fields,
            "external_clicks": ("domain",),
        }[table]

    def contract(self, table: str) -> TableContract:
        """The landing contract of a table with this source's chosen columns."""
        return table_contract(table).with_fields(self.fields(table))

    def save(self, landing: Path) -> None:
        """Write `<landing>/source.json`, whole or not at all."""
        landing.mkdir(parents=True, exist_ok=True)
        fresh = landing / (FILE_NAME + ".new")
        fresh.write_text(self.model_dump_json(indent=2) + "\n")
        fresh.replace(landing / FILE_NAME)

    @classmethod
    def load(cls, landing: Path) -> SourceDescription:
        """Read `<landing>/source.json`; FileNotFoundError names the path, ValueError what does not fit."""
        path = landing / FILE_NAME
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is missing: fill the landing folder first, or describe your own one"
            )
        try:
            return cls.model_validate_json(path.read_text())
        except ValueError as error:
            raise ValueError(f"{path} does not describe a source: {error}") from error
