"""Which of two systems ranks better, and how sure that is: DeLong, a bootstrap over users, Holm.

A system's AUC is the mean over days of the mean over its seeds: what is tested is the difference between two
ways of training, not between two trainings. Days are independent in DeLong's test; a user's exposures of all
days are resampled together in the bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from models.metrics import Ordered

REPLICATES = 4000  #: of the bootstrap


class PairedTests:
    """Collects a day at a time the scores of every system and seed."""

    def __init__(self, systems: Sequence[str], seeds: Sequence[int]) -> None:
        self._systems, self._seeds = systems, seeds
        self._areas: list[np.ndarray] = []
        self._covariances: list[np.ndarray] = []
        self._influences: list[tuple[np.ndarray, np.ndarray]] = []
        self._single: list[dict[str, Any]] = []

    def add(
        self, day: str, clicked: np.ndarray, user: np.ndarray, scorings: Sequence[Sequence[Ordered]]
    ) -> None:
        """Take in a day: clicked bool [E], user int64 [E], the sorted scores of each seed's systems.

        A day with fewer than two clicks or two skips is left out: it has no error.
        """
        from models.metrics import Placements, influences, placements

        above: np.ndarray | float = 0.0
        below: np.ndarray | float = 0.0
        for seed, of_seed in zip(self._seeds, scorings, strict=True):
            found = placements(clicked, of_seed)
            if found is None or (covariance := found.covariance()) is None:
                return
            self._single += [
                {"first": first, "second": second, "day": day, "seed": seed, **figures}
                for first, second, figures in self._pairs(found.auc, covariance)
            ]
            above, below = above + found.above / len(scorings), below + found.below / len(scorings)
        averaged = Placements(np.asarray(above), np.asarray(below))
        self._areas.append(averaged.auc)
        self._covariances.append(np.asarray(averaged.covariance()))
        self._influences.append(influences(averaged, clicked, user))

    def by_day(self) -> list[dict[str, Any]]:
        """DeLong's test of each two systems on each day with each seed."""
        return self._single

    def overall(self) -> list[dict[str, Any]]:
        """One test for each two systems, on the mean over days and seeds."""
        from models.metrics import holm, merged, resampled

        if not self._areas or len(self._systems) < 2:
            return []
        days = len(self._areas)
        areas, covariance = sum(self._areas) / days, sum(self._covariances) / days**2
        moved = resampled(merged(self._influences), REPLICATES, np.random.default_rng(0))
        pairs = self._pairs(np.asarray(areas), np.asarray(covariance))
        corrected = holm(np.array([figures["p_value"] for *_, figures in pairs]))
        place = {system: s for s, system in enumerate(self._systems)}
        found = []
        for (first, second, figures), p_holm in zip(pairs, corrected, strict=True):
            drawn = moved[:, place[first]] - moved[:, place[second]] + figures["difference"]
            low, high = np.quantile(drawn, (0.025, 0.975))
            found.append(
                {
                    "first": first,
                    "second": second,
                    "difference": figures["difference"],
                    "standard_error": figures["standard_error"],
                    "low": float(low),
                    "high": float(high),
                    "p_delong": figures["p_value"],
                    "p_holm": float(p_holm),
                }
            )
        return found

    def _pairs(self, areas: np.ndarray, covariance: np.ndarray) -> list[tuple[str, str, dict[str, float]]]:
        from models.metrics import paired

        return [
            (
                self._systems[one],
                self._systems[other],
                dict(
                    zip(
                        ("difference", "standard_error", "p_value"),
                        paired(areas, covariance, one, other),
                        strict=True,
                    )
                ),
            )
            for one, other in combinations(range(len(self._systems)), 2)
        ]
