"""What became of an audience, where the log goes on after its as-of date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.profiling.audience.requests import day_number

if TYPE_CHECKING:
    from assets.profiling.audience.followed import FollowedAudience, Ranking
    from assets.profiling.sources import ProfileSource


@dataclass(frozen=True)
class Outcome:
    """The days after an as-of date, seen from its audience.

    Candidates are the users who were ranked and had never bought the brand before.
    """

    newcomers: int  #: candidates who became customers of the brand
    reached: int  #: of them, those in the audience
    candidates: int
    audience: int  #: candidates in the audience
    aupr: float | None  #: of all candidates by score; None where nobody, or everybody, came
    auroc: float | None
    missing_days: tuple[str, ...] = ()  #: days of the horizon without purchases in the warehouse

    @property
    def share(self) -> float:
        """Of the newcomers, how many stood in the audience; NaN where nobody came."""
        return self.reached / self.newcomers if self.newcomers else float("nan")

    @property
    def lift(self) -> float:
        """Times as many as in a random audience of the same size; NaN where nobody came."""
        return self.share * self.candidates / self.audience if self.audience else float("nan")


def outcome(followed: FollowedAudience, ranking: Ranking, source: ProfileSource) -> Outcome:
    """How many became customers of the brand in the horizon from the as-of date, as the log tells afterwards.

    Nothing of it was known to the ranking. Users who came to the log only later are no candidates.

    Raises LookupError where the log has no such brand.
    """
    import numpy as np

    from assets.profiling.reading import purchase_log
    from models.metrics import auc
    from models.profiling.profile_metrics import average_precision

    ids, log = purchase_log(source.home, source.description)
    if followed.brand not in log.brand_names:
        raise LookupError(f"the log has no brand {followed.brand!r} any more")
    start = day_number(followed.as_of)
    log = log.before(start + followed.horizon_days)
    of_brand = ~log.cancelled & (log.brand == log.brand_names.index(followed.brand))
    before = ids[np.unique(log.user[of_brand & (log.day < start)])]
    came = np.setdiff1d(ids[np.unique(log.user[of_brand & (log.day >= start)])], before)
    at_risk = ~np.isin(ranking.user_ids, before)
    scores, chosen = ranking.scores[at_risk], ranking.in_audience[at_risk]
    newcomer = np.isin(ranking.user_ids[at_risk], came)
    several = bool(newcomer.any() and not newcomer.all())
    return Outcome(
        newcomers=int(newcomer.sum()),
        reached=int((newcomer & chosen).sum()),
        candidates=len(newcomer),
        audience=int(chosen.sum()),
        aupr=average_precision(newcomer, scores) if several else None,
        auroc=auc(newcomer, scores) if several else None,
        missing_days=source.days_without_purchases(followed.as_of, followed.due),
    )
