"""The hour online: fresh values on its mini-batches, then one transfer. Θ stays as daily training left it."""

from __future__ import annotations

from models.ranking.features.batch import Batch
from models.ranking.sml.period import Period
from models.ranking.sml.transfer import TransferSettings
from models.ranking.training.learner import Learner


class TransferStep:
    """An `Adapter`: the hour is one more period, which the next hour will judge."""

    def __init__(self, settings: TransferSettings) -> None:
        self._settings = settings
        self._period: Period | None = None

    def step(self, learner: Learner, batch: Batch) -> float:
        """One gradient step on the fresh values; returns the mean loss before it."""
        self._period = self._period or Period(learner)
        return self._period.fit(learner, batch, self._settings)

    def finish(self, learner: Learner) -> None:
        """Carry the hour's weights on."""
        if self._period is not None:
            self._period.carry(learner)
            self._period = None
