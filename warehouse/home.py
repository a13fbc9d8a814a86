"""Where state lives: one home folder, and what the deployment in it was set up as."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from warehouse.keeping import KeepSettings
from warehouse.landing.description import FILE_NAME, SourceDescription
from warehouse.landing.service_time import ServiceZone
from warehouse.landing.writing import replace_text

ENV_FILE, HOME_VARIABLE = ".env", "HOURFOLD_HOME"

#: a baseline that sees as much, the paper's model, ours
SYSTEMS = ("deepfm_external", "lsttm", "lsttm_spectral")


@dataclass(frozen=True)
class SourceHome:
    """The folders of one source: what landed, the warehouse, the trained models and the reports."""

    root: Path

    @property
    def landing(self) -> Path:
        """Files as they came in."""
        return self.root / "landing"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.root / "warehouse.duckdb"

    @property
    def models(self) -> Path:
        """`daily/<system>/<day>/`, `hourly/<system>/<hour key with - for :>/`, `long_term/<day>/`."""
        return self.root / "models"

    @property
    def heatmaps(self) -> Path:
        """Time-heatmaps: vocabularies, segments, a manifest an as-of date (warehouse/heatmaps/store.py)."""
        return self.root / "heatmaps"

    @property
    def instances(self) -> Path:
        """What trainings read, `<version>/<day>/`: the exposures of each day, encoded once."""
        return self.root / "instances"

    @property
    def requests(self) -> Path:
        """Requests for audiences, a JSON file each, with the customers' files beside them."""
        return self.root / "requests"

    @property
    def reports(self) -> Path:
        """Pages and figures written by runs."""
        return self.root / "reports"


@dataclass(frozen=True)
class Home:
    """The one folder that holds all state: where HOURFOLD_HOME points, or `.env` here, else `var/` here."""

    root: Path

    @classmethod
    def current(cls) -> Home:
        """The home of this process, as an absolute path; nothing is created."""
        named = os.environ.get(HOME_VARIABLE) or home_in(Path(ENV_FILE)) or "var"
        return cls(Path(named).expanduser().resolve())

    @property
    def dagster(self) -> Path:
        """Dagster's instance folder."""
        return self.root / "dagster"

    @property
    def mlflow(self) -> Path:
        """MLflow's database and artifacts."""
        return self.root / "mlflow"

    def source(self, name: str) -> SourceHome:
        """The folders of the source `name`."""
        return SourceHome(self.root / "sources" / name)


def home_in(env_file: Path) -> Path | None:
    """The home that a `.env` names where the shell names none; None where the file names none either."""
    if not env_file.is_file():
        return None
    named = dotenv_values(env_file, interpolate=False).get(HOME_VARIABLE) or ""
    shell_first = f"${{{HOME_VARIABLE}:-"
    if named.startswith(shell_first):
        named = named.removeprefix(shell_first).removesuffix("}")
    return Path(named) if named else None


def sqlite_uri(path: Path) -> str:
    """The SQLAlchemy address of a SQLite file; `%`, `?`, `#` and such in its path are escaped.

    An escaped address names the driver too, because MLflow makes the folder of an address without one,
    unescaped.
    """
    plain = str(path)
    escaped = quote(plain)
    return f"sqlite:///{plain}" if escaped == plain else f"sqlite+pysqlite:///{escaped}"


class Deployment(BaseModel):
    """What this home was set up for: one source with its zone and first day, and perhaps another's shop."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = "simulator"  #: simulator, kuairand, complete-journey or landing
    zone: str = "UTC"  #: service time: UTC or a fixed offset such as Etc/GMT-8
    first_day: str = Field(default="2025-03-03", description="first day of logs, a day key of service time")
    shop_first_day: str | None = Field(
        default=None, description="first day of purchases and points where it lies before `first_day`"
    )
    shop: str | None = Field(
        default=None,
        description="source of purchases and all that is made of them, where it is another than `source`",
    )
    external_first_day: str | None = Field(
        default=None, description="first day of external clicks where it lies before `first_day`"
    )
    one_account: bool = Field(
        default=False, description="whether rankers read what users bought: feed and shop have the same ids"
    )
    systems: tuple[str, ...] = SYSTEMS  #: trained each day and adapted each hour
    size: Literal["real", "tiny"] = "real"  #: which configuration of each system
    workers: int | None = Field(
        default=None, ge=1, description="systems trained at a time; None: as cores and memory allow"
    )
    threads: int = Field(
        default=1, ge=1, description="threads a process computes with; more help only where little else runs"
    )
    device: str = "cpu"  #: torch device of training and scoring
    seed: int = 0  #: of every training
    landing: str | None = Field(
        default=None, description="the user's own landing folder; default: inside home"
    )
    live: bool = Field(
        default=False, description="whether schedules and sensors run hours and days by themselves"
    )
    keep: KeepSettings = Field(
        default=KeepSettings(), description="days for which each kind of what is made is kept"
    )

    @field_validator("zone")
    @classmethod
    def _fixed_offset(cls, value: str) -> str:
        ServiceZone(value)
        return value

    @model_validator(mode="after")
    def _same_ids(self) -> Deployment:
        if self.one_account and self.shop not in (None, self.source):
            raise ValueError(
                f"one_account is true, but purchases are those of {self.shop} and exposures those of "
                f"{self.source}: accounts of two sources are never joined; set one_account to false"
            )
        return self

    @property
    def service_zone(self) -> ServiceZone:
        """The zone in which hours and days are cut."""
        return ServiceZone(self.zone)

    @property
    def behaviours_first_day(self) -> str:
        """First day of anything that rankers read: of exposures, or of external clicks before them."""
        return min(self.first_day, self.external_first_day or self.first_day)

    def paths(self, home: Home) -> SourceHome:
        """The folders of this deployment's source."""
        return home.source(self.source)

    def landing_folder(self, home: Home) -> Path:
        """Where logs land: the user's own folder, or the one inside home."""
        return Path(self.landing) if self.landing else self.paths(home).landing

    def save(self, home: Home) -> None:
        """Write `<home>/deployment.json`, whole or not at all."""
        replace_text(home.root / "deployment.json", self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, home: Home) -> Deployment:
        """What `deployment.json` says; without one, the source that HOURFOLD_SOURCE names.

        Its zone and first day are those of its landing folder, or the usual ones where that is not filled
        yet.
        """
        path = home.root / "deployment.json"
        if path.exists():
            return cls.model_validate_json(path.read_text())
        return cls._of_source(home, os.environ.get("HOURFOLD_SOURCE") or "simulator")

    def of_shop(self, home: Home) -> Deployment:
        """The deployment as the profiler sees it: that of `shop`, where it has one, in its own zone."""
        if self.shop in (None, self.source):
            return self
        changes = self.model_dump(include={"size", "device", "seed", "systems", "live"})
        return self._of_source(home, str(self.shop)).model_copy(update=changes | {"keep": self.keep})

    @classmethod
    def _of_source(cls, home: Home, source: str) -> Deployment:
        """What a source's landing folder says, or the usual where it is not filled yet."""
        landing = home.source(source).landing
        if (landing / FILE_NAME).exists():
            described = SourceDescription.load(landing)
            return cls(
                source=source,
                zone=described.zone,
                first_day=described.first_day,
                shop_first_day=described.shop_first_day,
                external_first_day=described.external_first_day,
            )
        return cls(source=source, **_USUAL.get(source, {}))


def same_accounts(home: Home, source: str) -> bool:
    """Whether the home is deployed on this source, and says that its feed and shop have the same accounts."""
    deployment = Deployment.load(home)
    return deployment.one_account and deployment.source == source


_USUAL: dict[str, dict[str, Any]] = {
    "kuairand": {"zone": "Etc/GMT-8", "first_day": "2022-04-24"},
    "complete-journey": {"zone": "Etc/GMT+5", "first_day": "2017-01-01"},
}
