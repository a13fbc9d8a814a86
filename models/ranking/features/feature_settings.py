"""What the feature pipeline computes, and which of it one system reads of what is encoded for all."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from models.ranking.features.count_columns import CountColumn, count_columns
from models.ranking.features.counts import CountHistory
from models.settings import Settings

#: settings that only leave columns out: what is encoded with all of them on serves every choice
SWITCHES = frozenset({"counts", "external", "session", "list_context"})


class FeatureSettings(Settings):
    """What the pipeline computes."""

    counts: bool = True  #: point-in-time counts and rates as fields
    external: bool = True  #: counts of external clicks among them; off in systems without external behaviours
    session: bool = True  #: time since the user's request before, and how many the visit has had
    #: where an instance stands in the list that it was shown in, if `Exposures.request` says which that is
    list_context: bool = True
    #: expected clicks that every rate starts from: as many exposures, at the overall rate, as bring that many
    smoothing: float = Field(default=5.0, gt=0)
    long_seconds: float = Field(default=18.0, gt=0)  #: dwell from which an exposure counts as long engagement
    domains: int = Field(default=4, ge=0)  #: external domains, first come first, with a count of their own
    #: of each user and item field, so many values (the first by code) are counted with each other, to say
    #: how the groups of users take to an item; 0: no such columns
    group_values: int = Field(default=128, ge=0)
    #: days without an event after which the counts of a pair (user and item, user and field value) begin
    #: anew, which bounds how many pairs are held; None: never, and every pair is held for ever
    pair_days: int | None = Field(default=28, ge=1)

    def canonical(self) -> FeatureSettings:
        """The same with every column: what is encoded once for all systems."""
        return self.model_copy(update=dict.fromkeys(SWITCHES, True))

    def check_subset(self, folder: Path, wanted: FeatureSettings) -> None:
        """Raise a ValueError unless `wanted` asks what lies in `folder` under these settings for the same
        columns or fewer."""
        same = self.model_dump(exclude=set(SWITCHES)) == wanted.model_dump(exclude=set(SWITCHES))
        more = [name for name in SWITCHES if getattr(wanted, name) > getattr(self, name)]
        if not same or more:
            raise ValueError(
                f"{folder} holds the state of other feature settings ({self}) than are asked for ({wanted}): "
                f"encode the days anew under these settings"
            )


def count_history(
    settings: FeatureSettings, first_hour: int, zone_offset_ms: int, user_fields: int, item_fields: int
) -> CountHistory:
    """An empty history of the counts that these settings ask for; arguments as `CountHistory` has them."""
    columns: tuple[CountColumn, ...] = ()
    if settings.counts:
        columns = count_columns(
            item_fields,
            external=settings.external,
            domains=settings.domains,
            groups=settings.group_values > 0 and user_fields > 0,
        )
    return CountHistory(
        first_hour,
        zone_offset_ms,
        settings.long_seconds,
        (user_fields, item_fields),
        columns,
        settings.domains,
        settings.pair_days,
        settings.group_values,
    )
