"""What a profile evaluation evaluates; the protocol itself is fixed (protocol.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from assets.common.options import ALL, Names, Seeds, distinct
from assets.experiments.record import Record, key_of

StudyName = Literal["brands", "labels", "imbalance", "ood"]
STUDIES: dict[str, tuple[StudyName, ...]] = {
    "brands": ("brands",),
    "studies": ("labels", "imbalance", "ood"),
    "all": ("brands", "labels", "imbalance", "ood"),
}


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
    targets: int = Field(default=8, ge=1, description="target brands of the studies")
    brands: int = Field(default=39, ge=1, le=39, description="target brands of the table of brands")
    draws: int = Field(default=100, ge=1, description="support draws of a target, 9-way 1-shot")
    seeds: Seeds = Field(default=(0,), min_length=1, description="seeds of trainings and label draws")
    systems: Names = Field(
        default=("all",), validate_default=True, min_length=1, description="profilers and opponents, or all"
    )
    table: Literal["brands", "studies", "all"] = Field(
        default="all", description="the table over brands, the three studies, or both"
    )
    size: Literal["real", "tiny"] = Field(default="real", description="which configuration of the networks")
    device: str = Field(default="cpu", description="torch device of training and scoring: cpu or cuda")
    development: bool = Field(
        default=False,
        description="one horizon earlier, other brands, other test users: where choices are made",
    )

    @field_validator("systems")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from assets.experiments.profilers.systems import PROFILE_SYSTEMS

        value = tuple(PROFILE_SYSTEMS) if value == ALL else value
        unknown = [name for name in value if name not in PROFILE_SYSTEMS]
        if unknown:
            raise ValueError(f"unknown system {', '.join(unknown)}; known: {', '.join(PROFILE_SYSTEMS)}")
        return value

    _distinct = field_validator("systems", "seeds")(distinct)

    @property
    def studies(self) -> tuple[StudyName, ...]:
        """The studies that `table` names."""
        return STUDIES[self.table]

    def key(self, data_hash: str, of_systems: Mapping[str, Mapping[str, str]]) -> str:
        """Twelve hex digits of all that moves a score, the code aside: the key of partial results."""
        return key_of(self.model_dump(mode="json"), data_hash, of_systems)
