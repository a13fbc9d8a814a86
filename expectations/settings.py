"""Limits of the quality gate: frozen, closed to unknown keys, each with its reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class GateSettings(BaseModel):
    """What the gate tolerates. The names are also the parameters that a suite's JSON may refer to.

    Raises:
        pydantic.ValidationError: an unknown key, or a limit outside its range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_id_length: int = Field(default=128, ge=1)
    """Characters of an id. A UUID takes 36; 128 leaves room for prefixes and stops a payload in an id."""

    max_text_length: int = Field(default=512, ge=1)
    """Characters of a categorical value. Longer ones are free text, which is no category."""

    max_dwell_seconds: float = Field(default=86_400.0, gt=0)
    """A dwell above a day means a tab left open or a broken clock."""

    max_request_minutes: float = Field(default=30.0, gt=0)
    """Minutes within which the exposures of one list (`request_id`) are shown. A list stands on a screen as
    long as a visit lasts, and half an hour ends a visit; an id that lasts longer names a visit or a day."""

    future_tolerance_ms: int = Field(default=60_000, ge=0)
    """How far a time may lie after the gate's own clock: a minute covers the usual drift between hosts."""

    earliest_year: int = Field(default=1990, ge=1, le=2100)
    """Year before which no event was logged. An earlier time is how a program writes 'unknown' (1601, 1904,
    1970) or a clock that was never set."""

    earliest_item_year: int = Field(default=1901, ge=1, le=2100)
    """Year before which no item was published: old films are items too. 1900-01-01 and 0001-01-01 are how
    databases write 'unknown'."""

    embargo_days: float = Field(default=30.0, ge=0)
    """How far `published_at` may lie in the future: an item is delivered before it appears. Were its row
    refused, every exposure of it would be too."""

    dimension_grace_hours: float = Field(default=0.0, ge=0)
    """Rows younger than this whose user or item is not known yet are kept, older ones are quarantined.

    Zero by default, since every source here delivers its dimension rows before the events; raise it where the
    dimension feed runs late, to at most its usual delay.
    """

    max_quarantined_share: float = Field(default=0.10, ge=0, le=1)
    """Share of a partition's rows that may be quarantined. Above it the producer is broken, not the rows."""

    quarantined_rows_tolerated: int = Field(default=3, ge=0)
    """Up to this many quarantined rows never stop a partition: one bad row of a night hour's five is 20 %."""

    min_history_days: int = Field(default=3, ge=1)
    """Former days of the same hour (of day tables: former weeks of the same weekday) needed before row count,
    click rate and price level are judged: two have no spread."""

    max_history_days: int = Field(default=28, ge=1)
    """Older days are not compared with: four weeks hold every weekday four times and forget a former size."""

    band_deviations: float = Field(default=6.0, gt=0)
    """Half-width of a band in robust standard deviations. At 6 no hour of 16 simulated logs (300 accounts,
    8 days) trips; a feed that stops, comes ten times or loses its clicks lies far beyond."""

    row_count_spread: float = Field(default=0.20, gt=0)
    """Least relative spread of the row count between days. Six of it tolerate ×3.3: a hot day passes, a feed
    delivered ten times or cut to a tenth does not. A shop whose own days differ more has its own spread."""

    rows_together: float = Field(default=24.0, ge=1)
    """Rows that arrive as one: a session shows about two pages of a dozen items, so an hour's count is as
    noisy as that of a 24th of its rows. It matters for quiet hours: empty passes where 100 rows are usual."""

    history_after_days: float = Field(default=7.0, ge=0)
    """Partitions that began longer ago than this are history, unless loaded before with twice the rows. There
    a row count or price level out of its band, or hours that are missing, are a warning; what stops is a day
    that cannot be (the two factors below, rows that came twice). Raise it to guard old days like new ones."""

    history_rows_factor: float = Field(default=50.0, gt=1)
    """So many times the usual rows stop a partition of history: no season does that, a wrong join does."""

    history_level_factor: float = Field(default=10.0, gt=1)
    """Prices so many times higher or lower in the mean stop a day of history: cents for dollars are 100."""

    closure_days: float = Field(default=3.0, gt=0)
    """Days without purchases beyond the usual ones that make a closure (holidays). The three open days after
    it may be at any level of the year before: what came before holidays says little of what comes after."""

    max_doubled_share: float = Field(default=0.90, ge=0, le=1)
    """Share of a day's rows that may occur in it an even number of times, all columns alike: 1 is a file
    that came twice in two forms. Not judged where such rows are usual (pieces sold in pairs) or few."""

    max_hours_missing: float = Field(default=0.30, ge=0)
    """Share of a day's usual rows that may fall into hours in which none came, beside what chance leaves
    empty. A delivery that was cut at noon lacks half. Judged where the rows are fewer than usual, too."""

    click_rate_spread: float = Field(default=0.30, gt=0)
    """Least spread of the click rate's log-odds between days, beside the binomial noise of the hour's rows.

    Six of it tolerate ×6 in odds: a hot topic triples an hour's rate and must pass, a broken join of clicks
    with exposures (none, or all) must not.
    """

    level_spread: float = Field(default=0.10, gt=0)
    """Least spread of a day's mean log(1 + price) between the same weekdays, beside the noise of the day's
    rows. Six of it tolerate prices ×1.8 in the mean: a feast passes, cents for dollars or zeros do not."""

    max_shifted_share: float = Field(default=0.05, ge=0, le=1)
    """Share of a partition's rows that may lie outside it by the same number of whole partition lengths. A
    clock that runs ten minutes off moves a sixth of an hour's rows; a wrong zone moves all of them."""

    max_broken_share: float = Field(default=0.50, ge=0, le=1)
    """Share of missing or wrongly typed values above which a required column is broken (schema rule)."""

    @classmethod
    def of(cls, limits: Mapping[str, Any]) -> GateSettings:
        """The defaults with these limits in their place, as `"gate"` in `source.json` has them.

        Raises:
            ValueError: a key or value that does not fit; names it, and the keys that there are.
        """
        try:
            return cls.model_validate(dict(limits))
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            known = ", ".join(f"{key} ({field.default})" for key, field in cls.model_fields.items())
            what = (
                "is no limit of the quality gate"
                if first["type"] == "extra_forbidden"
                else f"does not fit: {first['msg']}"
            )
            raise ValueError(
                f'"gate" in source.json: {name!r} = {first["input"]!r} {what}; limits and their defaults: '
                f"{known}"
            ) from error

    def parameters(self, now_ms: int) -> dict[str, Any]:
        """The limits by name and, in epoch ms, the earliest and latest times: a suite's `$PARAMETER`s."""
        latest_ms = int(now_ms) + self.future_tolerance_ms
        return {
            **self.model_dump(),
            "earliest_ms": _year_ms(self.earliest_year),
            "earliest_published_ms": _year_ms(self.earliest_item_year),
            "latest_ms": latest_ms,
            "latest_published_ms": latest_ms + int(self.embargo_days * DAY_MS),
        }


def _year_ms(year: int) -> int:
    return (dt.date(year, 1, 1) - dt.date(1970, 1, 1)).days * DAY_MS
