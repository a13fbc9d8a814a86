"""What the systems trained by SML share; a system adds the ranker whose weights are transferred."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import nn

from models.ranking.features.codes import Layout
from models.ranking.features.features import FeatureSettings
from models.ranking.sml.online import TransferStep
from models.ranking.sml.strategy import SequentialTransfer
from models.ranking.sml.transfer import Transferred, TransferSettings
from models.ranking.training.adaptation import AdaptationSettings, Adapter
from models.ranking.training.loop import Strategy, TrainingSettings
from models.ranking.training.search_space import Choice, Range, Space
from models.ranking.training.system import WIDTH, SystemSettings


class SMLSettings(SystemSettings):
    """A ranker trained by sequential transfer.

    `adaptation.online: learned` is the transfer; the rules that other systems use remain possible.
    """

    features: FeatureSettings = FeatureSettings(external=False)
    #: newcomers get a row in their second hour, as online: the transfer is to learn what a young row is worth
    training: TrainingSettings = TrainingSettings(average=None, newcomers="hour")
    adaptation: AdaptationSettings = AdaptationSettings(online="learned")
    transfer: TransferSettings = TransferSettings()
    #: share of the training instances that the ranker is first fitted on, plainly
    pretrain: float = Field(default=0.5, ge=0, le=1)

    def ranker(self, layout: Layout, generator: torch.Generator) -> nn.Module:
        """The ranker, `ranker(rows [R, 17], batch) -> logits [T, B]`."""
        raise NotImplementedError

    @property
    def groups(self) -> int:
        """How many of `models.ranking.training.learner`'s row groups the ranker reads: the first ones."""
        raise NotImplementedError

    def module(self, layout: Layout, generator: torch.Generator) -> Transferred:
        """See `SystemSettings.module`."""
        ranker = self.ranker(layout, generator)
        return Transferred(ranker, self.groups, WIDTH + 1, self.transfer, generator)

    def strategy(self) -> Strategy:
        """Sequential training; the fits take mini-batches of the size that an hour gets online."""
        return SequentialTransfer(
            self.transfer,
            pretrain=self.pretrain,
            fit_batch=self.adaptation.batch_size,
            batch=self.training.batch_size,
        )

    def adapter(self, strategy_state: dict[str, Any]) -> Adapter | None:
        """The transfer, or the rule that `adaptation.online` names."""
        if self.adaptation.online == "learned":
            return TransferStep(self.transfer)
        return super().adapter(strategy_state)


#: What tuning may change in either system; each adds the range of its training rate.
SPACE: Space = {
    "transfer.rate": Range(1e-3, 3e-2),
    "transfer.fit_rate": Range(0.1, 1.0),
    "transfer.fit_penalty": Range(1e-4, 0.3),
    "adaptation.batch_size": Choice((32, 64, 128)),
    "pretrain": Choice((0.2, 0.5, 0.8)),
}
