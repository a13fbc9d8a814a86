"""What a comparison compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from assets.common.options import Days, Names, Overrides, Seeds, distinct, names_in
from assets.common.tuned import Scalar, tuned_settings
from assets.experiments.record import Record, key_of

if TYPE_CHECKING:
    from warehouse.home import SourceHome

LAYOUT = 2  #: of what workers leave behind; partial results of another one are not gone on with
NO_COUNTS = "*.features.counts=false"  #: the override that takes point-in-time counts from every system


class CompareSettings(Record):
    """One comparison: systems × days × seeds on one source."""

    source: Literal["simulator", "kuairand", "landing"] = Field(description="where the logs come from")
    systems: Names = Field(min_length=1, description="registered systems, all, or ablations:SYSTEM")
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

    @property
    def span(self) -> str:
        """The test days, as `first` or `first..last`."""
        return "..".join(dict.fromkeys((min(self.days), max(self.days))))

    def key(self, data_hash: str, of_systems: Mapping[str, Mapping[str, str]]) -> str:
        """All that moves a score, the code aside, in twelve hex digits: the key of partial results."""
        return key_of(self.model_dump(mode="json"), data_hash, of_systems, LAYOUT)


def systems_named(text: str, overrides: Sequence[str] = ()) -> tuple[str, ...]:
    """`deepfm,lsttm` as names; `all` is every registered system, `ablations:lsttm` those that lack a part.

    Where the counts of all systems are switched off, `all` leaves out the item's click rate, which is one.
    """
    from models.ranking.registry import SYSTEMS, with_ablations

    if text.strip() != "all":
        return with_ablations(names_in(text))
    no_counts = NO_COUNTS in overrides
    return tuple(name for name in SYSTEMS if not (no_counts and name == "item_rate"))
