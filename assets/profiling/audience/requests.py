"""What an analyst asks for: a file of customers, an as-of date and the size of the audience.

A request is a JSON file with the fields of `AudienceSettings`, or the options of `hourfold prospect`.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from assets.common.faults import BadRequest

MODELS = ("meta_profile_prior", "meta_profile")
ModelName = Literal["meta_profile_prior", "meta_profile"]
HORIZON_DAYS = 90
REQUEST_BYTES = 2**20
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")  #: a request's name is also a folder and a partition
NAME_RULE = "letters, digits, dots, dashes and underscores, 100 at most, the first a letter or digit"


class AudienceSettings(BaseModel):
    """One request for an audience."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    customers: str = Field(
        min_length=1,
        description="file with user ids: CSV, text, JSON lines or Parquet; of a request file, beside it",
    )
    as_of: str = Field(description="YYYY-MM-DD: what was known before that local day is used")
    top: int = Field(default=1000, ge=1, description="size of the audience")
    model: ModelName = Field(default="meta_profile_prior", description="which profiler ranks")
    keep_customers: bool = Field(default=False, description="rank the existing customers too")
    brand: str | None = Field(
        default=None, description="brand of the list, for its lift; without it found by its customers"
    )
    horizon_days: int = Field(
        default=HORIZON_DAYS,
        ge=7,
        le=365,
        description="days in which a newcomer counts, and that the lift holds back",
    )
    lift: bool = Field(default=True, description="estimate the expected lift")
    raw_csv: bool = Field(
        default=False,
        description="write ids into the CSV as they are; without it, one that a spreadsheet would take for a "
        "formula gets an apostrophe before it",
    )

    @field_validator("as_of")
    @classmethod
    def _a_day(cls, value: str) -> str:
        return as_day(value).isoformat()

    @property
    def held_back(self) -> str:
        """The earlier as-of date at which the same question is asked, to see what came of it."""
        return (as_day(self.as_of) - timedelta(days=self.horizon_days)).isoformat()


def as_day(text: str) -> date:
    """A date from `YYYY-MM-DD`; raises ValueError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date: write it as YYYY-MM-DD") from None


def day_number(text: str) -> int:
    """Local day since 1970-01-01."""
    return (as_day(text) - date(1970, 1, 1)).days


def load_request(path: Path) -> AudienceSettings:
    """The request in a JSON file; the customers' file lies in the same folder.

    Whoever may put a request into the folder may not have it read a file elsewhere: neither by a path nor
    by a link.

    Raises:
        BadRequest: the name, the JSON or a field does not fit, there is no file of customers, or one of the
            two lies outside of the folder.
    """
    if not NAME.match(path.stem):
        raise BadRequest(f"{path.name}: the name before .json must be {NAME_RULE}")
    if not _inside(path.parent, path):
        raise BadRequest(f"{path.name} is a link that leads out of {path.parent}: put the file itself there")
    if not path.is_file():
        raise BadRequest(f"{path.name} is no file")
    if path.stat().st_size > REQUEST_BYTES:
        raise BadRequest(f"{path.name} is larger than {REQUEST_BYTES:,} bytes, which no request needs")
    try:
        settings = AudienceSettings.model_validate_json(path.read_text())
    except (ValidationError, UnicodeDecodeError) as error:
        raise BadRequest(f"{path.name}: {_explained(error)}") from error
    customers = path.parent / settings.customers
    if not _inside(path.parent, customers):  # before it is looked at: whether it is there is not told either
        raise BadRequest(
            f"{path.name} names the customers' file {settings.customers}, which lies outside of {path.parent}"
            ": put the list beside the request and name it without a path"
        )
    if not customers.is_file():
        raise BadRequest(
            f"{path.name} names the customers' file {settings.customers}, and {customers} is not there: put "
            "it beside the request"
        )
    return settings.model_copy(update={"customers": str(customers)})


def _inside(folder: Path, path: Path) -> bool:
    """Whether a path leads into a folder, links followed; one that nobody can resolve does not."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # too long, a circle of links, a NUL
        return False


def _explained(error: Exception) -> str:
    """What is wrong with the JSON, a field each, without the library's own links."""
    if not isinstance(error, ValidationError):
        return f"not text in UTF-8 ({error})"
    problems = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'the file'}: {problem['msg']}"
        for problem in error.errors(include_url=False)
    ]
    return "; ".join(problems)
