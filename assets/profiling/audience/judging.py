"""Audiences whose horizon has ended, judged by the log as it went on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from assets.profiling.audience.followed import FollowedAudience, FollowedAudiences
from assets.profiling.audience.outcome import Outcome, Ranking
from assets.profiling.audience.requests import as_day, day_number

if TYPE_CHECKING:
    from assets.profiling.sources import ProfileSource

Recorded = dict[FollowedAudience, Outcome | str]  #: what came true, or why it cannot be said


def judge(
    followed: FollowedAudiences, source: ProfileSource, today: str
) -> tuple[Recorded, list[FollowedAudience]]:
    """Outcomes of the audiences that are due on the morning of `today` and loaded, and the others."""
    waiting = followed.open()
    if not waiting:
        return {}, []
    loaded_through = (as_day(source.days()[1]) + timedelta(days=1)).isoformat()
    recorded: Recorded = {}
    for audience in waiting:
        if audience.due <= min(today, loaded_through):
            try:
                recorded[audience] = outcome(audience, followed.ranking(audience), source)
            except LookupError as error:
                recorded[audience] = str(error)
    return recorded, [audience for audience in waiting if audience not in recorded]


def outcome(followed: FollowedAudience, ranking: Ranking, source: ProfileSource) -> Outcome:
    """How many became customers of the brand in the horizon from the as-of date, as the log tells afterwards.

    Nothing of it was known to the ranking. Users who came to the log only later are no candidates.

    Raises LookupError where the log has no such brand.
    """
    import numpy as np

    from assets.profiling.reading import purchase_log

    ids, log = purchase_log(source.home, source.description)
    if followed.brand not in log.brand_names:
        raise LookupError(f"the log has no brand {followed.brand!r} any more")
    start = day_number(followed.as_of)
    log = log.before(start + followed.horizon_days)
    of_brand = ~log.cancelled & (log.brand == log.brand_names.index(followed.brand))
    before = ids[np.unique(log.user[of_brand & (log.day < start)])]
    came = np.setdiff1d(ids[np.unique(log.user[of_brand & (log.day >= start)])], before)
    return Outcome.of(ranking, before, came, source.days_without_purchases(followed.as_of, followed.due))
