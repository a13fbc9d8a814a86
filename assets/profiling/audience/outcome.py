"""What became of an audience: who was ranked, and how many of those who became customers stood in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Ranking:
    """Everybody who was ranked."""

    user_ids: np.ndarray  #: str [N]
    scores: np.ndarray  #: float64 [N]
    in_audience: np.ndarray  #: bool [N]


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

    @classmethod
    def of(
        cls, ranking: Ranking, before: np.ndarray, came: np.ndarray, missing_days: tuple[str, ...] = ()
    ) -> Outcome:
        """From the ids (str) of those who had bought the brand before, and of those who bought it since."""
        import numpy as np

        from models.metrics import auc
        from models.profiling.profile_metrics import average_precision

        at_risk = ~np.isin(ranking.user_ids, before)
        scores, chosen = ranking.scores[at_risk], ranking.in_audience[at_risk]
        newcomer = np.isin(ranking.user_ids[at_risk], came)
        both = bool(newcomer.any() and not newcomer.all())
        return cls(
            newcomers=int(newcomer.sum()),
            reached=int((newcomer & chosen).sum()),
            candidates=len(newcomer),
            audience=int(chosen.sum()),
            aupr=average_precision(newcomer, scores) if both else None,
            auroc=auc(newcomer, scores) if both else None,
            missing_days=missing_days,
        )

    @property
    def share(self) -> float:
        """Of the newcomers, how many stood in the audience; NaN where nobody came."""
        return self.reached / self.newcomers if self.newcomers else float("nan")

    @property
    def lift(self) -> float:
        """Times as many as in a random audience of the same size; NaN where nobody came."""
        return self.share * self.candidates / self.audience if self.audience else float("nan")
