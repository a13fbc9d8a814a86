"""What a comparison compares."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from assets.common.options import Days, Names, Overrides, Seeds, distinct, names_in
from assets.common.tuned import Scalar, tuned_settings

if TYPE_CHECKING:
    from warehouse.home import SourceHome

NO_COUNTS = "*.features.counts=false"  #: the override that takes point-in-time counts from every system


class CompareSettings(BaseModel):
    """One comparison: systems × days × seeds on one source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["simulator", "kuairand", "landing"] = Field(description="where the logs come from")
    systems: Names = Field(min_length=1, description="registered systems, or all")
    days: Days = Field(
        min_length=1, description="test days; each system is retrained on the days before each"
    )
    seeds: Seeds = Field(
        default=(0,), min_length=1, description="seeds of the trainings of each system and day"
    )
    size: Literal["real", "tiny"] = Field(default="real", description="which configuration of each system")
    device: str = Field(default="cpu", description="torch device of training and scoring: cpu or cuda")
    tuned: dict[str, dict[str, Scalar]] = Field(
        default={}, description="settings that tuning chose, by system; overrides win over them"
    )
    overrides: Overrides = Field(
        default=(),
        description="override `system.setting=value`, dots into nested settings; `*` is all systems, "
        "`long_term` the graph they share",
    )

    @model_validator(mode="before")
    @classmethod
    def _systems_as_text(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("systems"), str):
            return values | {"systems": systems_named(values["systems"], values.get("overrides") or ())}
        return values

    _distinct = field_validator("systems", "days", "seeds")(distinct)

    def with_tuned(self, home: SourceHome) -> CompareSettings:
        """With the settings that tuning chose for the systems: a study of this home first."""
        return self.model_copy(update={"tuned": tuned_settings(home, self.source, self.size, self.systems)})

    def key(self, data_hash: str, of_systems: Mapping[str, Mapping[str, str]]) -> str:
        """Twelve hex digits of all that moves a score, the code aside: the key of partial results."""
        text = json.dumps([self.model_dump(mode="json"), data_hash, of_systems], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def systems_named(text: str, overrides: Sequence[str] = ()) -> tuple[str, ...]:
    """`deepfm,lsttm` as names; `all` is every registered system.

    Where the counts of all systems are switched off, `all` leaves out the item's click rate, which is one.
    """
    from models.ranking.registry import SYSTEMS

    if text.strip() != "all":
        return names_in(text)
    no_counts = NO_COUNTS in overrides
    return tuple(name for name in SYSTEMS if not (no_counts and name == "item_rate"))
