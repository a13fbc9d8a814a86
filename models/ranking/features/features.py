"""The feature pipeline that every system shares: instances in, one matrix of category codes out.

Fields of an instance: user and item ID, user and item fields, hour of day, weekday, context, item age, and
(switch `counts`) point-in-time counts and click rates. Counts and rates become categories on fixed
log-scale bins, so that there is no vocabulary to fit and they hold on a log that nobody has seen.
Everything is as at the start of the instance's service hour (spec: point-in-time rule).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from models.ranking.features.cells import Counted, pair_key
from models.ranking.features.codes import Codes, FieldSpec, Layout
from models.ranking.features.counts import CLICKED, LONG, SHOWN, CountHistory, exposure_keys, external_keys
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import (
    DAY_MS,
    HOUR_MS,
    MISSING,
    Entities,
    EventDays,
    EventLog,
    Exposures,
    ExternalClicks,
    rows,
)
from models.ranking.features.named_arrays import named, part_of
from models.settings import Settings

COUNT_BINS = 32
#: 0 where nothing was shown, else 25 steps of 0.2 in log2(rate / overall rate), from -2.4 to 2.4
RATE_BINS = 26
AGE_LIMITS = np.array([0, 1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 120, 168, 336, 720, 2160])  # hours
DAY = 24  # hours


class FeatureSettings(Settings):
    """What the pipeline computes."""

    counts: bool = True  #: point-in-time counts and rates as fields
    external: bool = True  #: counts of external clicks among them; off in systems without external behaviours
    #: expected clicks that every rate starts from: as many exposures, at the overall rate, as bring that many
    smoothing: float = Field(default=5.0, gt=0)
    long_seconds: float = Field(default=18.0, gt=0)  #: dwell from which an exposure counts as long engagement
    domains: int = Field(default=4, ge=0)  #: external domains, busiest first, with a count of their own

    def canonical(self) -> FeatureSettings:
        """The same with every column: what is encoded once for all systems."""
        return self.model_copy(update={"counts": True, "external": True})


def count_bins(count: np.ndarray) -> np.ndarray:
    """Bins of counts ≥ 0: 0, 1, 2, 3, then two bins for each doubling."""
    return np.minimum(np.floor(2 * np.log2(1.0 + count)), COUNT_BINS - 1).astype(np.int64)


def rate_bins(hits: np.ndarray, shown: np.ndarray, overall: np.ndarray, smoothing: float) -> np.ndarray:
    """Bins of smoothed rates relative to the overall rate; 0 where nothing was shown."""
    ratio = np.log2((hits + smoothing) / (shown * overall + smoothing))
    return np.where(shown == 0, 0, np.clip(np.rint(ratio / 0.2), -12, 12) + 13).astype(np.int64)


class Features:
    """Entities and counts received so far, and the codes of instances read from them."""

    def __init__(self, settings: FeatureSettings, log: EventLog) -> None:
        """Start from a daily log: everything received before `log.end_ms`."""
        self._begin(settings, log)
        self.users, self.items = EntityTable.of(log.users), EntityTable.of(log.items)
        self.counts.append(log, self.items)
        for day in EventDays.of(log):
            self._meet_domains(day.external)

    @classmethod
    def start(cls, settings: FeatureSettings, log: EventLog) -> Features:
        """Nothing received yet, shaped by a log: its fields and context columns, its zone, its first hour."""
        state = cls.__new__(cls)
        state._begin(settings, log)
        return state

    def _begin(self, settings: FeatureSettings, log: EventLog) -> None:
        self.settings = settings
        self.context_width = log.exposures.context.shape[1]
        self.zone_offset_ms = log.zone_offset_ms
        first = slice(0, 0)
        self.users = EntityTable.of(rows(log.users, first))
        self.items = EntityTable.of(rows(log.items, first))
        self.counts = CountHistory(
            (log.start_ms + log.zone_offset_ms) // HOUR_MS,
            log.zone_offset_ms,
            settings.long_seconds,
            self.items.width,
        )
        self.domains: tuple[int, ...] = ()
        self.layout = self._layout()

    def _meet_domains(self, clicks: ExternalClicks) -> None:
        """Rank the domains that a day brought first, busiest first, behind those of earlier days."""
        codes, times = np.unique(clicks.domain, return_counts=True)
        new = ~np.isin(codes, self.domains)
        ranked = codes[new][np.argsort(-times[new], kind="stable")].tolist()
        self.domains = (*self.domains, *ranked)[: self.settings.domains]

    def _layout(self) -> Layout:
        specs = [FieldSpec("user_id", "user_id"), FieldSpec("item_id", "item_id")]
        for name, width in (
            ("user_field", self.users.width),
            ("item_field", self.items.width),
            ("context", self.context_width),
        ):
            specs += [FieldSpec(f"{name}{f}", "category") for f in range(width)]
        specs += [FieldSpec("hour_of_day", "bins", 24), FieldSpec("weekday", "bins", 7)]
        specs.append(FieldSpec("item_age", "bins", len(AGE_LIMITS) + 2))
        if self.settings.counts:
            empty = np.empty(0, np.int64)
            none = Exposures(empty, empty, empty, empty, empty, empty)
            fields = np.empty((0, self.items.width), np.int64)
            columns = self._count_columns(none, fields, empty)
            specs += [FieldSpec(name, "bins", bins) for name, _, bins in columns]
        return Layout(tuple(specs))

    def arrays(self) -> dict[str, np.ndarray]:
        """Entities and counts, by name; everything that large logs make large."""
        return named(
            {"users": self.users.arrays(), "items": self.items.arrays(), "counts": self.counts.arrays()}
        )

    def describe(self) -> dict[str, Any]:
        """The small rest of the state, as JSON values."""
        return {
            "settings": self.settings.model_dump(),
            "context_width": self.context_width,
            "zone_offset_ms": self.zone_offset_ms,
            "origin": self.counts.origin,
            "domains": list(self.domains),
        }

    @classmethod
    def restore(cls, described: dict[str, Any], arrays: dict[str, np.ndarray]) -> Features:
        """The state that `describe` and `arrays` gave; the arrays may be memory-mapped."""
        state = cls.__new__(cls)
        state.settings = FeatureSettings(**described["settings"])
        state.context_width, state.zone_offset_ms = described["context_width"], described["zone_offset_ms"]
        state.domains = tuple(described["domains"])
        state.users = EntityTable(**part_of(arrays, "users"))
        state.items = EntityTable(**part_of(arrays, "items"))
        state.counts = CountHistory(
            described["origin"], state.zone_offset_ms, state.settings.long_seconds, state.items.width
        )
        state.counts.restore(part_of(arrays, "counts"))
        state.layout = state._layout()
        return state

    def append(self, hour: EventLog) -> None:
        """Take in the next hour; costs in proportion to the hour."""
        self.users.append(np.concatenate([hour.exposures.user, hour.external.user]), hour.users)
        self.items.append(np.concatenate([hour.exposures.item, hour.external.item]), hour.items)
        self.counts.append(hour, self.items)

    def refresh(self, users: Entities, items: Entities) -> None:
        """Take the newest descriptions of users and items between two days; the counts stay as they are."""
        self.users.refresh(users)
        self.items.refresh(items)

    def codes(
        self, exposures: Exposures, users: Entities | None = None, items: Entities | None = None
    ) -> Codes:
        """Codes of E instances, each as at the start of its own service hour; labels are not read.

        Args:
            users, items: read for indexes that the history does not know, as a request would carry them.
        """
        e = exposures
        periods = self.counts.period(e.shown_at)
        user_fields, _ = self.users.lookup(e.user, users)
        item_fields, published = self.items.lookup(e.item, items)
        local = e.shown_at + self.zone_offset_ms
        columns = [e.user, e.item, *user_fields.T, *item_fields.T, *e.context.T]
        columns += [local // HOUR_MS % 24, (local // DAY_MS + 3) % 7, self._age(e, periods, published)]
        if self.settings.counts:
            columns += [codes for _, codes, _ in self._count_columns(e, item_fields, periods)]
        return Codes.narrow(self.layout, columns)

    def encode_day(self, log: EventLog) -> Codes:
        """Codes of a service day's exposures, each as at the start of its hour; then take the day in.

        Args:
            log: everything received on the day after the last one taken in; of its entities those are read
                that nobody mentioned before.
        """
        self.append(log)
        codes = self.codes(log.exposures)
        self._meet_domains(log.external)
        return codes

    def save(self, folder: Path) -> None:
        """Write the state into `folder`: an array a file, and a small `features.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in self.arrays().items():
            np.save(folder / f"{name}.npy", array)
        (folder / "features.json").write_text(json.dumps(self.describe(), sort_keys=True))

    @classmethod
    def load(cls, folder: Path, settings: FeatureSettings | None = None) -> Features:
        """The state that `save` wrote, its arrays memory-mapped.

        Args:
            settings: those that were saved, with `counts` or `external` switched off for fewer columns.

        Raises:
            FileNotFoundError: nothing was saved in `folder`.
            ValueError: other settings differ from those saved, or a switch is on that was off.
        """
        about = folder / "features.json"
        if not about.is_file():
            raise FileNotFoundError(f"{about}: no feature state was saved here; encode the day before first")
        described = json.loads(about.read_text())
        saved = FeatureSettings(**described["settings"])
        if settings is not None:
            _check_subset(folder, saved, settings)
        files = sorted(folder.glob("*.npy"))
        arrays = {file.stem: np.load(file, mmap_mode="r") for file in files}
        described["settings"] = (settings or saved).model_dump()
        return cls.restore(described, arrays)

    def _age(self, e: Exposures, periods: np.ndarray, published: np.ndarray) -> np.ndarray:
        start_ms = (e.shown_at + self.zone_offset_ms) // HOUR_MS * HOUR_MS - self.zone_offset_ms
        first = self.counts.query("item", pair_key(e.item), periods, ()).first
        since_first = np.where(first < 0, -1.0, periods - first)
        hours = np.where(published == MISSING, since_first, (start_ms - published) / HOUR_MS)
        unknown = (published == MISSING) & (first < 0)
        return np.where(unknown, 0, 1 + np.searchsorted(AGE_LIMITS, hours, side="right"))

    def _count_columns(
        self, e: Exposures, item_fields: np.ndarray, periods: np.ndarray
    ) -> list[tuple[str, np.ndarray, int]]:
        """Name, codes [E] and number of bins of every count and rate field."""
        keys = exposure_keys(e.user, e.item, item_fields)
        everything = self.counts.query("all", keys["all"], periods, (None,)).windows[0]
        # One imagined click among two exposures keeps the first hour's rate off zero.
        overall = (everything[:, CLICKED] + 1.0) / (everything[:, SHOWN] + 2.0)
        overall_long = (everything[:, LONG] + 1.0) / (everything[:, SHOWN] + 2.0)
        out: list[tuple[str, np.ndarray, int]] = []

        # Of each window: n exposures, c the click rate, l the rate of long engagement.
        def add(kind: str, windows: tuple[int | None, ...], measures: str) -> Counted:
            answers = self.counts.query(kind, keys[kind], periods, windows)
            for window, counted in zip(windows, answers.windows, strict=True):
                name = _count_name(kind, window)
                shown = counted[:, SHOWN]
                if "n" in measures:
                    out.append((f"{name}_shown", count_bins(shown), COUNT_BINS))
                for letter, measure, base in (("c", CLICKED, overall), ("l", LONG, overall_long)):
                    if letter in measures:
                        bins = rate_bins(counted[:, measure], shown, base, self.settings.smoothing)
                        out.append((f"{name}_{'click' if letter == 'c' else 'long'}_rate", bins, RATE_BINS))
            return answers

        user = add("user", (None, DAY), "ncl")
        out.append(
            ("count_user_idle", count_bins(np.where(user.last < 0, 0, periods - user.last)), COUNT_BINS)
        )
        add("item", (None, DAY), "ncl")
        add("item", (3, 1), "nc")
        add("user_item", (None,), "nc")
        for f in range(item_fields.shape[1]):
            add(f"field{f}", (None, DAY), "c")
            add(f"user_field{f}", (None,), "nc")
        return out + self._external_columns(e, item_fields, periods) if self.settings.external else out

    def _external_columns(
        self, e: Exposures, item_fields: np.ndarray, periods: np.ndarray
    ) -> list[tuple[str, np.ndarray, int]]:
        keys = external_keys(e.user, e.item, item_fields)
        out = []
        for kind, kind_keys in keys.items():
            windows = (None, DAY) if kind in ("external_user", "external_item") else (None,)
            answers = self.counts.query(kind, kind_keys, periods, windows)
            for window, counted in zip(windows, answers.windows, strict=True):
                name = _count_name(kind, window)
                out.append((name, count_bins(counted[:, 0]), COUNT_BINS))
        for rank in range(self.settings.domains):
            counted = np.zeros((len(e), 1), np.int64)
            if rank < len(self.domains):
                key = pair_key(e.user, np.full(len(e), self.domains[rank]))
                counted = self.counts.query("external_user_domain", key, periods, (None,)).windows[0]
            out.append((f"count_external_domain{rank}_all", count_bins(counted[:, 0]), COUNT_BINS))
        return out


def _check_subset(folder: Path, saved: FeatureSettings, wanted: FeatureSettings) -> None:
    switches = {"counts", "external"}
    same = saved.model_dump(exclude=switches) == wanted.model_dump(exclude=switches)
    if not same or wanted.counts > saved.counts or wanted.external > saved.external:
        raise ValueError(
            f"{folder} holds the state of other feature settings ({saved}) than are asked for ({wanted}): "
            f"encode the days anew under these settings"
        )


def _count_name(kind: str, window: int | None) -> str:
    return f"count_{kind}_{'all' if window is None else f'{window}h'}"
