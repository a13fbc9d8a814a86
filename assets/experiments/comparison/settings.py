"""What a comparison compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, field_validator

from assets.common.tuned import Scalar
from assets.experiments.frame import Record, key_of

NO_COUNTS = "*.features.counts=false"  #: the override that takes point-in-time counts from every system


class CompareSettings(Record):
    """One comparison: systems × days × seeds on one source."""

    source: Literal["simulator", "kuairand", "landing"] = Field(description="where the logs come from")
    systems: tuple[str, ...] = Field(min_length=1, description="names of models.ranking.registry.SYSTEMS")
    days: tuple[str, ...] = Field(
        min_length=1, description="test days; each system is retrained on the days before each"
    )
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1, description="one training a seed")
    size: Literal["real", "tiny"] = Field(default="real", description="which configuration of each system")
    device: str = Field(default="cpu", description="torch device of training and scoring")
    tuned: dict[str, dict[str, Scalar]] = Field(
        default={}, description="settings that tuning chose, by system; overrides win over them"
    )
    overrides: tuple[str, ...] = Field(
        default=(),
        description="`system.setting=value`, dots into nested settings; `*` is all systems, "
        "`long_term` the graph they share",
    )

    @field_validator("systems", "days", "seeds")
    @classmethod
    def _distinct(cls, value: tuple[object, ...]) -> tuple[object, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"named twice: {', '.join(str(item) for item in value)}")
        return value

    @property
    def span(self) -> str:
        """The test days, as `first` or `first..last`."""
        return "..".join(dict.fromkeys((min(self.days), max(self.days))))

    def key(self, data_hash: str, of_systems: Mapping[str, Mapping[str, str]]) -> str:
        """All that moves a score, the code aside, in twelve hex digits: the key of partial results."""
        return key_of(self.model_dump(mode="json"), data_hash, of_systems)


def systems_named(text: str, overrides: Sequence[str] = ()) -> tuple[str, ...]:
    """`deepfm,lsttm` as names; `all` is every registered system.

    Where the counts of all systems are switched off, `all` leaves out the item's click rate, which is one.
    """
    from models.ranking.registry import SYSTEMS

    if text.strip() != "all":
        return tuple(name.strip() for name in text.split(","))
    no_counts = NO_COUNTS in overrides
    return tuple(name for name in SYSTEMS if not (no_counts and name == "item_rate"))
