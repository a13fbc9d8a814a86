"""Every column of an exposure that a log gives it, counted one event at a time from the whole log."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from models.ranking.features.event_log import DAY_MS, HOUR_MS, MISSING, EventLog
from models.ranking.features.features import FeatureSettings

COUNT_BINS = 32
AGE_LIMITS = [0, 2, 5, 10, 15, 20, 30, 40, 50, 60, 75, 90, 120, 150, 180, 240, 360, 480, 720, 1080, 1440]
AGE_LIMITS += [2160, 2880, 4320, 7200, 10080, 20160, 43200, 129600]  # minutes


def count_bin(count: float) -> int:
    return int(min(np.floor(2 * np.log2(1.0 + count)), COUNT_BINS - 1))


def rate_bin(hits: int, shown: int, overall: float, smoothing: float) -> int:
    if shown == 0:
        return 0
    ratio = np.log2((hits + smoothing) / (shown * overall + smoothing))
    return int(np.clip(np.rint(ratio / 0.2), -12, 12) + 13)


def domains_before(log: EventLog, day: int, limit: int) -> list[int]:
    """External domains ranked by the days before `day`."""
    x, out = log.external, []
    days = (x.received_at + log.zone_offset_ms) // DAY_MS
    for earlier in np.unique(days[days < day]):
        codes, times = np.unique(x.domain[days == earlier], return_counts=True)
        new = [(-n, code) for code, n in zip(codes.tolist(), times.tolist(), strict=True) if code not in out]
        out += [code for _, code in sorted(new)]
    return out[:limit]


def alive(days: np.ndarray, at: int, pair_days: int | None) -> np.ndarray:
    """Which events of a pair count on day `at`: those since the last rest of more than `pair_days` days."""
    if pair_days is None or not len(days):
        return np.ones(len(days), bool)
    met = [*np.unique(days).tolist(), at]
    since = met[0]
    for one, other in pairwise(met):
        if other - one > pair_days:
            since = other
    return days >= since


def group_bin(log: EventLog, i: int, f: int, settings: FeatureSettings) -> int:
    """How the groups of exposure i's user took to its item's value of field f on the days before."""
    e = log.exposures
    days = (e.shown_at + log.zone_offset_ms) // DAY_MS
    users, values = log.users.fields[e.user], log.items.fields[e.item, f]
    value, before = values[i], days < days[i]
    if not 0 <= value < settings.group_values or not (before & (values == value)).any():
        return 0
    steps = 0
    for j, group in enumerate(users[i]):
        if not 0 <= group < settings.group_values:
            continue
        counted = (users[:, j] >= 0) & (users[:, j] < settings.group_values)
        counted &= before & (values >= 0) & (values < settings.group_values)
        of_group, of_value = counted & (users[:, j] == group), counted & (values == value)
        r = (e.clicked[counted].sum() + 1) / (counted.sum() + 2)
        s = settings.smoothing
        a, b = ((e.clicked[part].sum() + s) / (part.sum() + s / r) for part in (of_group, of_value))
        both = of_group & of_value
        expected = both.sum() * min(a * b / r, 1)
        steps += np.rint(100 * np.log2((e.clicked[both].sum() + s) / (expected + s)))
    return int(np.clip(np.rint(steps / 10), -12, 12) + 13)


def reference(log: EventLog, settings: FeatureSettings, i: int) -> dict[str, int]:
    """Expected codes of exposure i by column name: its counts, its item's age, its user's session."""
    e, x, zone = log.exposures, log.external, log.zone_offset_ms
    start = (int(e.shown_at[i]) + zone) // HOUR_MS * HOUR_MS - zone
    today = (start + zone) // DAY_MS
    past, received = e.shown_at < start, x.received_at < start
    days, x_days = (e.shown_at + zone) // DAY_MS, (x.received_at + zone) // DAY_MS
    fields = log.items.fields
    same_user, same_item = e.user == e.user[i], e.item == e.item[i]
    external_user = x.user == e.user[i]
    kinds = {"user": same_user, "item": same_item, "user_item": same_user & same_item}
    externals = {"external_user": external_user, "external_item": x.item == e.item[i]}
    for f in range(fields.shape[1]):
        alike = fields[e.item, f] == fields[e.item[i], f]
        kinds |= {f"field{f}": alike, f"user_field{f}": alike & same_user}
        externals[f"external_user_field{f}"] = external_user & (fields[x.item, f] == fields[e.item[i], f])
    ranked = domains_before(log, today, settings.domains)
    for rank in range(settings.domains):
        domain = ranked[rank] if rank < len(ranked) else -1
        externals[f"external_domain{rank}"] = external_user & (x.domain == domain)
    long = np.nan_to_num(e.dwell_seconds) >= settings.long_seconds
    hits = {"click": np.asarray(e.clicked, bool), "long": long}
    n = past.sum()
    base = {name: (mask[past].sum() + 1) / (n + 2) for name, mask in hits.items()}
    out = {}
    for name, hours in (("all", 10**6), ("24h", 24), ("3h", 3), ("1h", 1)):
        recent = e.shown_at >= start - hours * HOUR_MS
        for kind, chosen in kinds.items():
            here = np.flatnonzero(past & recent & chosen)
            if kind.startswith("user_"):
                here = here[alive(days[here], today, settings.pair_days)]
            out[f"count_{kind}_{name}_shown"] = count_bin(len(here))
            for label, mask in hits.items():
                bins = rate_bin(mask[here].sum(), len(here), base[label], settings.smoothing)
                out[f"count_{kind}_{name}_{label}_rate"] = bins
        lately = received & (x.received_at >= start - hours * HOUR_MS)
        for kind, chosen in externals.items():
            here = np.flatnonzero(lately & chosen)
            if kind.startswith("external_user_"):
                here = here[alive(x_days[here], today, settings.pair_days)]
            out[f"count_{kind}_{name}"] = count_bin(len(here))
    for f in range(fields.shape[1]):
        out[f"count_group_field{f}_rate"] = group_bin(log, i, f, settings)
    before = e.shown_at[past & same_user]
    idle = (start - ((before.max() + zone) // HOUR_MS * HOUR_MS - zone)) // HOUR_MS if len(before) else 0
    out["count_user_idle"] = count_bin(idle)
    out["item_age"] = _age(log, i, past & same_item)
    gap, depth = _session(log, i)
    out["session_gap"] = count_bin(0 if gap is None else 1 + gap // 30)
    out["session_depth"] = count_bin(depth)
    return out


def list_of(log: EventLog, i: int) -> np.ndarray:
    """The exposures that were shown with exposure i, as far as its hour goes."""
    e, zone = log.exposures, log.zone_offset_ms
    if e.request[i] < 0:
        return np.array([i])
    hours = (e.shown_at + zone) // HOUR_MS
    return np.flatnonzero((e.request == e.request[i]) & (hours == hours[i]))


def list_reference(log: EventLog, codes: dict[str, np.ndarray], i: int) -> dict[str, int]:
    """Expected codes of exposure i in its list, from the codes [E] of the columns that are compared."""
    together = list_of(log, i)
    rates = {"rate": "count_item_all_click_rate", "recent_rate": "count_item_24h_click_rate"}
    compared = rates | {"age": "item_age", "shown": "count_item_24h_shown"}
    affinity = [codes[name] for name in codes if name.startswith("count_user_field") and "rate" in name]
    values = {name: codes[column][together].astype(int) for name, column in compared.items()}
    values |= {name: np.where(values[name] == 0, 13, values[name]) for name in rates}
    logs = sum(np.where(column[together] == 0, 0, column[together] - 13) for column in affinity)
    values["affinity"] = np.clip(logs // 2 + 16, 1, 31)
    known, me, n = bool(log.exposures.request[i] >= 0), together.tolist().index(i), len(together)
    out = {}
    for name, among in values.items():
        passed = (among < among[me]).sum() + ((among == among[me]).sum() - 1) / 2
        out[f"list_place_{name}"] = known * (1 + int(np.rint(10 * (passed / (n - 1) if n > 1 else 0.5))))
        if name in rates:
            difference = np.rint(among[me] - among.mean())
            out[f"list_over_{name}"] = known * (13 + int(np.clip(difference, -12, 12)))
    fields = log.items.fields[log.exposures.item[together]]
    for f, alike in enumerate((fields == fields[me]).sum(axis=0) - 1):
        share = alike / (n - 1) if n > 1 else 0.5
        out[f"list_same_field{f}"] = (known and fields[me, f] >= 0) * (1 + int(np.rint(10 * share)))
    return out


def _session(log: EventLog, i: int) -> tuple[int | None, int]:
    """Seconds since the user's request before that of exposure i, and how many its visit has had."""
    e = log.exposures
    mine = np.flatnonzero(e.user == e.user[i])
    asked = {j: int(e.shown_at[list_of(log, j)].min()) for j in mine.tolist()}
    moments = sorted({at for at in asked.values() if at <= asked[i]}, reverse=True)
    gaps = [one // 1000 - other // 1000 for one, other in pairwise(moments)]
    depth = next((n for n, gap in enumerate(gaps) if gap >= 1800), len(gaps))
    return (gaps[0] if gaps else None), depth


def _age(log: EventLog, i: int, shown_before: np.ndarray) -> int:
    e, zone = log.exposures, log.zone_offset_ms
    published = log.items.published_at[e.item[i]]
    if published != MISSING:
        minutes = (e.shown_at[i] - published) / 60_000
    elif shown_before.any():
        first = (e.shown_at[shown_before].min() + zone) // HOUR_MS * HOUR_MS - zone
        minutes = (e.shown_at[i] - first) / 60_000
    else:
        return 0
    return 1 + sum(minutes >= limit for limit in AGE_LIMITS)
