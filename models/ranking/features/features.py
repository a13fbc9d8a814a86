"""The feature pipeline that every system shares: instances in, narrow columns of category codes out.

Fields of an instance: user and item ID, user and item fields, hour of day, weekday, context, item age, and
(switch `counts`) point-in-time counts and click rates. Counts and rates become categories on fixed
log-scale bins, so that there is no vocabulary to fit and they hold on a log that nobody has seen.
Everything is as at the start of the instance's service hour (spec: point-in-time rule).

`Features` carries its state from day to day: a day costs itself and one pass over the state, an hour itself.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pydantic import Field

from models.ranking.features.array_files import ArrayFiles
from models.ranking.features.codes import Codes
from models.ranking.features.count_columns import CountColumn, count_columns
from models.ranking.features.counts import CountHistory
from models.ranking.features.day_counts import DayCounts, DayKeys, check_day
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import HOUR_MS, Entities, EventDays, EventLog, Exposures, rows
from models.ranking.features.instance_columns import instance_columns, item_ages, layout_of
from models.ranking.features.named_arrays import named, part_of
from models.ranking.features.ordering import Ranks
from models.settings import Settings

DESCRIPTION = "features.json"


class FeatureSettings(Settings):
    """What the pipeline computes."""

    counts: bool = True  #: point-in-time counts and rates as fields
    external: bool = True  #: counts of external clicks among them; off in systems without external behaviours
    #: expected clicks that every rate starts from: as many exposures, at the overall rate, as bring that many
    smoothing: float = Field(default=5.0, gt=0)
    long_seconds: float = Field(default=18.0, gt=0)  #: dwell from which an exposure counts as long engagement
    domains: int = Field(default=4, ge=0)  #: external domains, first come first, with a count of their own
    #: days without an event after which the counts of a pair (user and item, user and field value) begin
    #: anew, which bounds how many pairs are held; None: never, and every pair is held for ever
    pair_days: int | None = Field(default=28, ge=1)

    def canonical(self) -> FeatureSettings:
        """The same with every column: what is encoded once for all systems."""
        return self.model_copy(update={"counts": True, "external": True})


class Features:
    """Entities and counts received so far, and the codes of instances read from them.

    The counts of users, items and field values are of all time, whatever window a training reads; those of
    pairs too, but for pairs that were not met for `pair_days` days. Make one with `start`, `of` or `load`.
    """

    def __init__(
        self,
        settings: FeatureSettings,
        counts: CountHistory,
        users: EntityTable,
        items: EntityTable,
        context_width: int,
        zone_offset_ms: int,
        files: ArrayFiles,
    ) -> None:
        """Args: the parts of a state; `files` are those that its arrays were read from."""
        self.settings, self.counts, self.users, self.items = settings, counts, users, items
        self.context_width, self.zone_offset_ms = context_width, zone_offset_ms
        self._files = files
        self.layout = layout_of(users.width, items.width, context_width, counts.columns)

    @classmethod
    def start(cls, settings: FeatureSettings, log: EventLog) -> Features:
        """Nothing received yet, shaped by a log: its fields and context columns, its zone, its first hour."""
        users, items = (EntityTable.of(rows(entities, slice(0, 0))) for entities in (log.users, log.items))
        zone = log.zone_offset_ms
        counts = _counts(settings, (log.start_ms + zone) // HOUR_MS, zone, items.width)
        return cls(settings, counts, users, items, log.exposures.context.shape[1], zone, ArrayFiles())

    @classmethod
    def of(cls, settings: FeatureSettings, log: EventLog) -> Features:
        """The state after every day of a log, none of whose codes are computed."""
        features = cls.start(settings, log)
        for day in EventDays.of(log):
            features.take_day(day)
        return features

    def append(self, *hours: EventLog) -> None:
        """Take in the next hours, in order; costs in proportion to them."""
        for hour in hours:
            self._meet(hour)
        self.counts.append(hours, self.items)

    def refresh(self, users: Entities, items: Entities) -> None:
        """Take the newest descriptions of users and items between two days; the counts stay as they are."""
        self.users.refresh(users)
        self.items.refresh(items)

    def codes(
        self, exposures: Exposures, users: Entities | None = None, items: Entities | None = None
    ) -> Codes:
        """Codes of E instances, each as at the start of its own service hour; labels are not read.

        Args:
            exposures: none from before the end of the last day that was taken in whole.
            users, items: read for indexes that the history does not know, as a request would carry them.

        Raises:
            ValueError: an instance lies in a day whose totals are already one: it is encoded by `encode_day`.
        """
        e = exposures
        periods = self.counts.period(e.shown_at)
        if len(e) and int(periods.min()) < self.counts.end:
            raise ValueError(
                f"an exposure was shown {self.counts.end - int(periods.min())} hours before the end of the "
                f"days that the feature state holds; codes of the past are computed as it is taken in "
                f"(encode_day)"
            )
        user_fields, _ = self.users.lookup(e.user, users)
        item_fields, published = self.items.lookup(e.item, items)
        first, _ = self.counts.dense["item"].met(e.item, periods)
        zone = self.zone_offset_ms
        age = item_ages(e, zone, published, np.where(first < 0, -1, periods - first))
        columns = instance_columns(e, zone, user_fields.T, item_fields.T, age)
        return Codes.narrow(
            self.layout, columns + self.counts.codes(e, item_fields, periods, self.settings.smoothing)
        )

    def encode_day(self, log: EventLog) -> Codes:
        """Codes of a service day's exposures, each as at the start of its hour; then take the day in.

        Costs the day and one pass over the state, in about 320 bytes of memory an exposure (a third of which
        are the codes) beside the totals of users, items and field values.

        Args:
            log: everything received on a day (or its rest) that follows the last one taken in, sorted by
                time; of its entities those are read that nobody mentioned before.

        Raises:
            ValueError: the log is longer than its day or not sorted, its beginning was taken in already, or
                hours were appended to this state, whose whole day is to be encoded from its morning's state.
        """
        e, keys = log.exposures, self._day_keys(log)
        day = DayCounts(self.counts, log, keys)
        user_fields, _ = self.users.lookup(keys.users.distinct)
        _, published = self.items.lookup(keys.items.distinct)
        zone = self.zone_offset_ms
        age = item_ages(e, zone, published[keys.items.local], day.since_first_met())
        columns = instance_columns(
            e,
            zone,
            [column[keys.users.local] for column in user_fields.T.astype(np.int32)],
            [column[keys.items.local] for column in keys.fields.T.astype(np.int32)],
            age,
        )
        counted = day.take(self.counts.columns, self.settings.smoothing)
        columns += [counted[column.name] for column in self.counts.columns]
        return Codes.narrow(self.layout, columns)

    def take_day(self, log: EventLog) -> None:
        """Take a service day in without the codes of its exposures, as `encode_day` does with them."""
        DayCounts(self.counts, log, self._day_keys(log)).take((), self.settings.smoothing)

    def save(self, folder: Path) -> None:
        """Write the state into a new folder: an array a file, and a small JSON file.

        Files that did not change are shared with the folder that this state was loaded from (hard links), so
        nothing may be written over in either.
        """
        folder.mkdir(parents=True)
        parts = {
            "users": self.users.arrays(),
            "items": self.items.arrays(),
            "counts": self.counts.save(folder, "counts"),
        }
        self._files.write(folder, named(parts))
        described = {
            "settings": self.settings.model_dump(),
            "context_width": self.context_width,
            "zone_offset_ms": self.zone_offset_ms,
            "counts": self.counts.describe(),
        }
        (folder / DESCRIPTION).write_text(json.dumps(described, sort_keys=True))

    @classmethod
    def load(cls, folder: Path, settings: FeatureSettings | None = None) -> Features:
        """The state that `save` wrote, its arrays memory-mapped.

        Args:
            settings: those that were saved, with `counts` or `external` switched off for fewer columns.

        Raises:
            FileNotFoundError: nothing was saved in `folder`.
            ValueError: other settings differ from those saved, or a switch is on that was off.
        """
        about = folder / DESCRIPTION
        if not about.is_file():
            raise FileNotFoundError(f"{about}: no feature state was saved here; encode the day before first")
        described = json.loads(about.read_text())
        saved = FeatureSettings(**described["settings"])
        _check_subset(folder, saved, wanted := settings or saved)
        files = ArrayFiles(folder)
        users, items = (EntityTable.from_arrays(part_of(files.arrays, name)) for name in ("users", "items"))
        zone = described["zone_offset_ms"]
        counts = _counts(wanted, described["counts"]["origin"], zone, items.width)
        counts.restore(described["counts"], part_of(files.arrays, "counts"))
        return cls(wanted, counts, users, items, described["context_width"], zone, files)

    def _day_keys(self, log: EventLog) -> DayKeys:
        """Meet a day's users and items, once it is known to be one that can be taken in."""
        check_day(self.counts, log)
        self._meet(log)
        items = Ranks.of(log.exposures.item)
        fields, _ = self.items.lookup(items.distinct)
        return DayKeys(Ranks.of(log.exposures.user), items, fields, self.items.lookup(log.external.item)[0])

    def _meet(self, log: EventLog) -> None:
        e, x = log.exposures, log.external
        self.users.append(np.concatenate([e.user, x.user]), log.users)
        self.items.append(np.concatenate([e.item, x.item]), log.items)


def _counts(
    settings: FeatureSettings, first_hour: int, zone_offset_ms: int, item_fields: int
) -> CountHistory:
    columns: tuple[CountColumn, ...] = ()
    if settings.counts:
        columns = count_columns(item_fields, external=settings.external, domains=settings.domains)
    return CountHistory(
        first_hour,
        zone_offset_ms,
        settings.long_seconds,
        item_fields,
        columns,
        settings.domains,
        settings.pair_days,
    )


def _check_subset(folder: Path, saved: FeatureSettings, wanted: FeatureSettings) -> None:
    switches = {"counts", "external"}
    same = saved.model_dump(exclude=switches) == wanted.model_dump(exclude=switches)
    if not same or wanted.counts > saved.counts or wanted.external > saved.external:
        raise ValueError(
            f"{folder} holds the state of other feature settings ({saved}) than are asked for ({wanted}): "
            f"encode the days anew under these settings"
        )
