"""Which counts and rates are fields of an instance: one list, read by the layout, a day and an hour alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.ranking.features.bins import COUNT_BINS, RATE_BINS

SHOWN, CLICKED, LONG = 0, 1, 2  #: measures of exposures
DAY = 24  # hours
GROUPS = "groups"  #: the kind whose columns are of item fields, in order (see `group_counts`)


@dataclass(frozen=True)
class CountColumn:
    """A field that is a count, a rate relative to the overall rate, or the hours since the last event."""

    name: str
    kind: str  #: of the keys that are counted (see `models.ranking.features.counts`)
    window: int | None  #: hours back from the instance's hour; None: all time
    value: Literal["count", "rate", "idle"]
    measure: int = 0  #: of the kind: what is counted, or what is divided by how often it was shown

    @property
    def bins(self) -> int:
        """Number of bins."""
        return RATE_BINS if self.value == "rate" else COUNT_BINS

    @property
    def scale(self) -> str:
        """Of `FieldSpec.scale`."""
        return "rate" if self.value == "rate" else "count"


def count_columns(
    item_fields: int, *, external: bool, domains: int, groups: bool = True
) -> tuple[CountColumn, ...]:
    """All of them, in the layout's order.

    Args:
        item_fields: number of item fields.
        external: whether counts of external clicks are among them.
        domains: how many external domains have a count of their own.
        groups: whether the rates of groups of users are among them.
    """
    out = _columns("user", (None, DAY), "ncl")
    out.append(CountColumn("count_user_idle", "user", None, "idle"))
    out += _columns("item", (None, DAY), "ncl") + _columns("item", (3, 1), "nc")
    out += _columns("user_item", (None,), "nc")
    for f in range(item_fields):
        out += _columns(f"field{f}", (None, DAY), "c") + _columns(f"user_field{f}", (None,), "nc")
    if groups:
        out += [CountColumn(f"count_group_field{f}_rate", GROUPS, None, "rate") for f in range(item_fields)]
    if external:
        for kind in ("external_user", "external_item"):
            out += [CountColumn(_name(kind, window), kind, window, "count") for window in (None, DAY)]
        for f in range(item_fields):
            kind = f"external_user_field{f}"
            out.append(CountColumn(_name(kind, None), kind, None, "count"))
        for rank in range(domains):
            name = _name(f"external_domain{rank}", None)
            out.append(CountColumn(name, "external_domain", None, "count", rank))
    return tuple(out)


def _columns(kind: str, windows: tuple[int | None, ...], which: str) -> list[CountColumn]:
    """Of each window: n how often shown, c the click rate, l the rate of long engagement."""
    out = []
    for window in windows:
        name = _name(kind, window)
        if "n" in which:
            out.append(CountColumn(f"{name}_shown", kind, window, "count", SHOWN))
        if "c" in which:
            out.append(CountColumn(f"{name}_click_rate", kind, window, "rate", CLICKED))
        if "l" in which:
            out.append(CountColumn(f"{name}_long_rate", kind, window, "rate", LONG))
    return out


def _name(kind: str, window: int | None) -> str:
    return f"count_{kind}_{'all' if window is None else f'{window}h'}"
