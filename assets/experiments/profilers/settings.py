"""What a profile evaluation evaluates; the protocol itself is fixed (protocol.py)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from assets.common.options import ALL, Names, Seeds, Written, distinct
from assets.experiments.profilers.brand_list import lines_of
from assets.experiments.profilers.modality_names import MODALITIES
from assets.experiments.profilers.size_band import TABLE_BRANDS, SizeBand
from assets.experiments.record import Record, key_of

StudyName = Literal["brands", "labels", "imbalance", "ood"]
STUDIES: dict[str, tuple[StudyName, ...]] = {
    "brands": ("brands",),
    "studies": ("labels", "imbalance", "ood"),
    "all": ("brands", "labels", "imbalance", "ood"),
    "modalities": ("brands",),
    "nine-ways": ("ood",),
}
TARGETS = 8  #: of the studies, where nobody says how many
QUICK = ("quick",)  #: written for every system that does not train for each brand


def _asked(text: Any) -> Any:
    """A number of targets, or the lines of the file that names them."""
    if not isinstance(text, str):
        return text
    return int(text) if text.strip().isdecimal() else lines_of(Path(text.strip()).expanduser())


#: how many, or the lines of a list of brands: what moves a score is what the file says, not where it is
Targets = Annotated[
    Annotated[int, Field(ge=1)] | Annotated[tuple[str, ...], Field(min_length=1)],
    BeforeValidator(_asked),
    Written(str, "a number, or a file with one brand a line", str),
]


class ProfileEvalSettings(Record):
    """One evaluation of profilers: systems × targets × folds × seeds on one source."""

    source: Literal["complete-journey", "simulator", "landing"] = Field(
        description="where the logs come from"
    )
    as_of: str | None = Field(
        default=None, description="YYYY-MM-DD of the report; without it the latest that leaves the horizon"
    )
    horizon: int | None = Field(
        default=None, ge=1, description="days in which newcomers count; without it 92, less in a short log"
    )
    targets: Targets = Field(
        default=TARGETS, description="how many brands the studies take, or which brands all tables do"
    )
    size_band: str | None = Field(
        default=None,
        description="target brands by customers before the as-of date: 1.5%-15% of the users, or 40-800",
    )
    brands: int | None = Field(
        default=None,
        ge=1,
        description="target brands of the table of brands; without it 39, or all asked for",
    )
    top: int | None = Field(
        default=None,
        ge=1,
        description="test users that are the first of a ranking; without it 300, or 10 % where that is fewer",
    )
    draws: int = Field(default=100, ge=1, description="support draws of a target, 9-way 1-shot")
    seeds: Seeds = Field(default=(0,), min_length=1, description="seeds of trainings and label draws")
    table: Literal["brands", "studies", "all", "modalities", "nine-ways"] = Field(
        default="all",
        description="the table over brands, the three studies, both, what a modality adds, or the study of "
        "nine ways alone",
    )
    systems: Names = Field(
        default=("all",),
        validate_default=True,
        min_length=1,
        description="profilers and opponents, all, or quick: those that train for no brand",
    )
    size: Literal["real", "tiny"] = Field(default="real", description="which configuration of the networks")
    device: str = Field(default="cpu", description="torch device of training and scoring: cpu or cuda")
    development: bool = Field(
        default=False,
        description="one horizon earlier, other brands, other test users: where choices are made",
    )

    @field_validator("systems")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        from assets.experiments.profilers.systems import PROFILE_SYSTEMS

        of_modalities = info.data.get("table") == "modalities"
        group = [name for name in PROFILE_SYSTEMS if name.startswith(MODALITIES) == of_modalities]
        if not group:
            raise ValueError("no system of the study of modalities is registered (modality_purchases, …)")
        if value == ALL:
            return tuple(group)
        if value == QUICK:
            return tuple(name for name in group if not PROFILE_SYSTEMS[name].trains_on_brand)
        allowed = group if of_modalities else list(PROFILE_SYSTEMS)
        unknown = [name for name in value if name not in allowed]
        if unknown:
            where = " in the study of modalities" * of_modalities
            raise ValueError(f"unknown system {', '.join(unknown)}{where}; known: {', '.join(allowed)}")
        return value

    @field_validator("size_band")
    @classmethod
    def _band(cls, value: str | None) -> str | None:
        return None if value is None else SizeBand.read(value).written

    @model_validator(mode="after")
    def _one_choice(self) -> ProfileEvalSettings:
        if self.named and self.size_band is not None:
            raise ValueError("--targets FILE and --size-band both say which brands: give one of them")
        if self.named and self.brands is not None:
            raise ValueError("--targets FILE says which brands, and all are evaluated: leave --brands out")
        if not self.asked and (self.brands or 0) > TABLE_BRANDS:
            raise ValueError(
                f"the protocol's table has {TABLE_BRANDS} brands at most; more with --size-band or a file of "
                "--targets"
            )
        return self

    _distinct = field_validator("systems", "seeds")(distinct)

    @property
    def named(self) -> tuple[str, ...]:
        """The lines of a list of brands; none where targets are a number."""
        return () if isinstance(self.targets, int) else self.targets

    @property
    def asked(self) -> bool:
        """Whether a person says which brands are targets."""
        return bool(self.named) or self.size_band is not None

    @property
    def studied(self) -> int:
        """How many targets the studies take, the first."""
        return self.targets if isinstance(self.targets, int) else TARGETS

    @property
    def studies(self) -> tuple[StudyName, ...]:
        """The studies that `table` names."""
        return STUDIES[self.table]

    def key(self, data_hash: str, of_systems: Mapping[str, Mapping[str, str]]) -> str:
        """Twelve hex digits of all that moves a score, the code aside: the key of partial results."""
        return key_of(self.model_dump(mode="json"), data_hash, of_systems)
