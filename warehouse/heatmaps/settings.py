"""Which channels heatmaps have: extraction rules (event, genre level, aggregate), in a configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Event = Literal["bought", "cancelled", "payments", "standard", "limited", "used"]
Aggregate = Literal["sum", "last", "count"]
SHOPPING_EVENTS = ("bought", "cancelled", "payments")
GENRE_EVENTS = ("bought", "cancelled")


class ChannelRule(BaseModel):
    """One kind of channel: what happened, how it is divided, and what a cell holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    modality: str  #: the image to which the channel belongs
    event: Event = Field(
        description="`bought` and `cancelled`: purchases that were not, and were, cancelled, by price; "
        "`payments`: a basket (all that a user bought at one instant); `standard`, `limited`, `used`: points"
    )
    genre_level: int | None = Field(
        default=None, ge=0, description="one channel a genre of this level (0 is the top); None: one in all"
    )
    aggregate: Aggregate = Field(
        default="sum", description="of the hour's amounts, or their last one, or how many there were"
    )

    @model_validator(mode="after")
    def _possible(self) -> ChannelRule:
        if self.genre_level is not None and self.event not in GENRE_EVENTS:
            raise ValueError(f"{self.event} have no genre: leave genre_level out")
        if self.event == "payments" and self.aggregate == "last":
            raise ValueError("payments are summed or counted: aggregate must be sum or count")
        return self


class HeatmapSettings(BaseModel):
    """The channels of all modalities."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[ChannelRule, ...] = Field(min_length=1)  #: in the order of the channels
    max_genres: int = Field(
        default=24, ge=1, description="genres a rule keeps, those of the most users; the rest are `other`"
    )

    @field_validator("rules")
    @classmethod
    def _once(cls, value: tuple[ChannelRule, ...]) -> tuple[ChannelRule, ...]:
        if len(set(value)) != len(value):
            raise ValueError("the same rule stands twice")
        return value


def default_settings(points: Literal["balances", "amounts"]) -> HeatmapSettings:
    """The channels of the paper (3.1): amounts bought and cancelled by genre, payments, points.

    Points owned are the hour's last balance; where a source moves `amounts`, their sum. Points used always
    add up.
    """
    owned: Aggregate = "last" if points == "balances" else "sum"
    return HeatmapSettings(
        rules=(
            ChannelRule(modality="shopping", event="bought", genre_level=0),
            ChannelRule(modality="shopping", event="cancelled", genre_level=0),
            ChannelRule(modality="shopping", event="payments", aggregate="count"),
            ChannelRule(modality="points", event="standard", aggregate=owned),
            ChannelRule(modality="points", event="limited", aggregate=owned),
            ChannelRule(modality="points", event="used", aggregate="sum"),
        )
    )
