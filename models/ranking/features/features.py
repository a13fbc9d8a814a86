"""The feature pipeline that every system shares: instances in, narrow columns of category codes out.

Fields of an instance: user and item ID, user and item fields, hour of day, weekday, context, item age, and
by switches point-in-time counts and click rates, the user's visit, the list shown together. Counts and rates
become categories on fixed log-scale bins, so that there is no vocabulary to fit and they hold on a log that
nobody has seen. What came of exposures is as at the start of the instance's service hour (spec: point-in-time
rule); that a list was asked for, by whom and of which items, is as at the request.

`Features` carries its state from day to day: a day costs itself and one pass over the state, an hour itself.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from models.ranking.features.array_files import ArrayFiles
from models.ranking.features.codes import Codes
from models.ranking.features.counts import CountHistory
from models.ranking.features.day_counts import DayCounts, DayKeys, check_day
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import HOUR_MS, Entities, EventDays, EventLog, Exposures, rows
from models.ranking.features.feature_settings import FeatureSettings as FeatureSettings
from models.ranking.features.feature_settings import count_history
from models.ranking.features.instance_columns import instance_columns, item_ages, layout_of
from models.ranking.features.lists import Lists, list_columns
from models.ranking.features.named_arrays import named, part_of
from models.ranking.features.ordering import Ranks
from models.ranking.features.visits import UserRequests, Visits

DESCRIPTION = "features.json"


class Features:
    """Entities and counts received so far, and the codes of instances read from them.

    The counts of users, items and field values are of all time, whatever window a training reads; those of
    pairs too, but for pairs that were not met for `pair_days` days. Make one with `start`, `of` or `load`.
    """

    def __init__(
        self,
        settings: FeatureSettings,
        counts: CountHistory,
        visits: Visits,
        users: EntityTable,
        items: EntityTable,
        context_width: int,
        zone_offset_ms: int,
        files: ArrayFiles,
    ) -> None:
        """Args: the parts of a state; `files` are those that its arrays were read from."""
        self.settings, self.counts, self.visits = settings, counts, visits
        self.users, self.items = users, items
        self.context_width, self.zone_offset_ms = context_width, zone_offset_ms
        self._files = files
        self.layout = layout_of(settings, users.width, items.width, context_width, counts.columns)

    @classmethod
    def start(cls, settings: FeatureSettings, log: EventLog) -> Features:
        """Nothing received yet, shaped by a log: its fields and context columns, its zone, its first hour."""
        users, items = (EntityTable.of(rows(entities, slice(0, 0))) for entities in (log.users, log.items))
        zone = log.zone_offset_ms
        first = (log.start_ms + zone) // HOUR_MS
        counts = count_history(settings, first, zone, users.width, items.width)
        width = log.exposures.context.shape[1]
        return cls(settings, counts, Visits(), users, items, width, zone, ArrayFiles())

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
            if self.settings.session:
                self.visits.append(*self._requests(hour.exposures))
        self.counts.append(hours, self.users, self.items)

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
        columns += self.counts.codes(e, user_fields, item_fields, periods, self.settings.smoothing)
        lists = Lists.of(e.request, periods)
        if self.settings.session:
            columns += self.visits.codes(*self._requests(e, lists))
        return self._narrow(columns, lists)

    def encode_day(self, log: EventLog) -> Codes:
        """Codes of a service day's exposures, each as at the start of its hour; then take the day in.

        Costs the day and one pass over the state, in about 340 bytes of memory an exposure (a third of which
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
        _, published = self.items.lookup(keys.items.distinct)
        zone = self.zone_offset_ms
        age = item_ages(e, zone, published[keys.items.local], day.since_first_met())
        columns = instance_columns(
            e,
            zone,
            [column[keys.users.local] for column in keys.user_fields.T.astype(np.int32)],
            [column[keys.items.local] for column in keys.fields.T.astype(np.int32)],
            age,
        )
        counted = day.take(self.counts.columns, self.settings.smoothing)
        columns += [counted[column.name] for column in self.counts.columns]
        lists = Lists.of(e.request, day.periods)
        if self.settings.session:
            columns += self._take_visits(e, day.periods, lists, keys.users)
        return self._narrow(columns, lists)

    def take_day(self, log: EventLog) -> None:
        """Take a service day in without the codes of its exposures, as `encode_day` does with them."""
        e, keys = log.exposures, self._day_keys(log)
        day = DayCounts(self.counts, log, keys)
        day.take((), self.settings.smoothing)
        if self.settings.session:
            self._take_visits(e, day.periods, Lists.of(e.request, day.periods), keys.users)

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
        if self.settings.session:
            parts["visits"] = self.visits.arrays()
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
            settings: those that were saved, with some of `SWITCHES` off for fewer columns.

        Raises:
            FileNotFoundError: nothing was saved in `folder`.
            ValueError: other settings differ from those saved, or a switch is on that was off.
        """
        about = folder / DESCRIPTION
        if not about.is_file():
            raise FileNotFoundError(f"{about}: no feature state was saved here; encode the day before first")
        described = json.loads(about.read_text())
        saved = FeatureSettings(**described["settings"])
        wanted = settings or saved
        saved.check_subset(folder, wanted)
        files = ArrayFiles(folder)
        users, items = (EntityTable.from_arrays(part_of(files.arrays, name)) for name in ("users", "items"))
        zone = described["zone_offset_ms"]
        counts = count_history(wanted, described["counts"]["origin"], zone, users.width, items.width)
        counts.restore(described["counts"], part_of(files.arrays, "counts"))
        held = part_of(files.arrays, "visits") if wanted.session else None
        visits = Visits() if held is None else Visits.from_arrays(held)
        return cls(wanted, counts, visits, users, items, described["context_width"], zone, files)

    def _day_keys(self, log: EventLog) -> DayKeys:
        """Meet a day's users and items, once it is known to be one that can be taken in."""
        check_day(self.counts, log)
        self._meet(log)
        users, items = Ranks.of(log.exposures.user), Ranks.of(log.exposures.item)
        user_fields, fields = self.users.lookup(users.distinct)[0], self.items.lookup(items.distinct)[0]
        return DayKeys(users, items, user_fields, fields, self.items.lookup(log.external.item)[0])

    def _take_visits(self, e: Exposures, periods: np.ndarray, lists: Lists, users: Ranks) -> list[np.ndarray]:
        """Take in the requests of a day's exposures; their columns."""
        requests = UserRequests.of_exposures(e, periods, lists, users.distinct, users.local)
        return self.visits.take_day(requests)

    def _requests(self, e: Exposures, lists: Lists | None = None) -> tuple[UserRequests, np.ndarray]:
        """The requests of hours' exposures, and the second in which the hour of each begins."""
        periods = self.counts.period(e.shown_at)
        lists = lists or Lists.of(e.request, periods)
        users, local = np.unique(e.user, return_inverse=True)  # no table of all users for an hour's few
        requests = UserRequests.of_exposures(e, periods, lists, users, local.astype(np.int32))
        return requests, ((requests.period + self.counts.origin) * HOUR_MS - self.zone_offset_ms) // 1000

    def _narrow(self, columns: list[np.ndarray], lists: Lists) -> Codes:
        """Codes of these columns and of where they stand in their lists."""
        if self.settings.list_context:
            names = [spec.name for spec in self.layout.specs[: len(columns)]]
            fields = [columns[c] for c in self.layout.columns("item_field")]
            columns = columns + list_columns(lists, names, columns, fields)
        return Codes.narrow(self.layout, columns)

    def _meet(self, log: EventLog) -> None:
        e, x = log.exposures, log.external
        self.users.append(np.concatenate([e.user, x.user]), log.users)
        self.items.append(np.concatenate([e.item, x.item]), log.items)
