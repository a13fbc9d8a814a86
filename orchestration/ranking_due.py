"""Which hours must be ranked, or ranked again, because of the logs that are loaded now.

The state after an hour is a pure function of a base model and of the loaded hours since it. An hour is due
where its stored state was made from other logs than those: it was never ranked, was loaded again with another
content, or an hour before it came late. A load of the same content, a base that is trained again and a base
that comes late change nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import dagster as dg

from assets.ranking.states import States, since

STATE, SCORES = dg.AssetKey("hourly_ranker"), dg.AssetKey("hourly_auc")


@dataclass(frozen=True)
class RankingDue:
    """Hours to rank, in order, with a digest of the logs that their states are made from."""

    digests: Mapping[str, str]
    without_base: tuple[str, ...]  #: hours that no model of an earlier day can score: only logs for them

    @property
    def hours(self) -> list[str]:
        """The hours to rank."""
        return list(self.digests)


def ranking_due(
    instance: dg.DagsterInstance,
    states: States,
    systems: Sequence[str],
    hours: Sequence[str],
    loaded: Mapping[str, str],
) -> RankingDue:
    """Those of `hours` that must be ranked.

    Args:
        instance: whose events say which hours were scored after their state was made.
        states, systems: what was trained and adapted.
        hours: hours whose exposures are loaded as they lie in the landing folder, in order.
        loaded: all loaded hours, key → hash of their logs.
    """
    unscored = _unscored(instance, hours)
    digests: dict[str, str] = {}
    without_base = []
    for hour in hours:
        # A system whose trainings failed has no model: the others go on without it.
        based = with_base(states, systems, hour[:10])
        if not based:
            without_base.append(hour)
        elif hour in unscored or any(_outdated(states, system, hour, loaded) for system in based):
            logs = sorted((key, mark) for key, mark in loaded.items() if key <= hour)
            digests[hour] = hashlib.blake2b(repr((logs, *systems)).encode(), digest_size=8).hexdigest()
    return RankingDue(digests, tuple(without_base))


def with_base(states: States, systems: Sequence[str], day: str) -> list[str]:
    """The systems that have a finished daily model of a day before `day`."""
    based = []
    for system in systems:
        with suppress(LookupError):
            states.newest_base(system, day)
            based.append(system)
    return based


def _outdated(states: States, system: str, hour: str, loaded: Mapping[str, str]) -> bool:
    record = states.record(states.hourly(system, hour))
    return record is None or record.hours != since(loaded, record.base_partition or "", hour)


def _unscored(instance: dg.DagsterInstance, hours: Sequence[str]) -> set[str]:
    """Hours that were not scored since their state was last made: a run ended between the two."""
    made, scored = (
        instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(hours)
        )
        for key in (STATE, SCORES)
    )
    return {hour for hour in hours if hour in made and scored.get(hour, -1) < made[hour]}
