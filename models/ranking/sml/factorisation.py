"""SML on matrix factorisation (Zhang et al., How to Retrain Recommender System?, SIGIR 2020)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from models.layers.embedding import gather
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.features.features import FeatureSettings
from models.ranking.sml.settings import SPACE, SMLSettings
from models.ranking.sml.transfer import ID_GROUPS, TransferSettings
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import Range
from models.ranking.training.system import SystemEntry


class MatrixFactorisation(nn.Module):
    """user vector · item vector + user bias + item bias + intercept."""

    def __init__(self, user_column: int, item_column: int) -> None:
        """Args: columns of the two IDs among an instance's fields; nothing else is read."""
        super().__init__()
        self.columns = (user_column, item_column)
        self.intercept = nn.Parameter(torch.zeros(1, 1))

    def forward(self, rows_RW: Tensor, batch: Batch) -> Tensor:
        """Logits [T, B]."""
        user, item = (gather(rows_RW, batch.fields[..., column]) for column in self.columns)
        return (
            (user[..., :-1] * item[..., :-1]).sum(-1)
            + user[..., -1]
            + item[..., -1]
            + self.intercept.squeeze(-1)
        )


class SMLFactorisationSettings(SMLSettings):
    """Nothing but the two IDs is read: counts are off, and switching them on changes nothing."""

    kind: Literal["sml"] = "sml"  #: names the class
    features: FeatureSettings = FeatureSettings(
        counts=False, external=False, session=False, list_context=False
    )

    @property
    def groups(self) -> int:
        """ID rows alone."""
        return ID_GROUPS

    def ranker(self, layout: Layout, generator: torch.Generator) -> MatrixFactorisation:  # noqa: ARG002
        """See `SMLSettings.ranker`."""
        return MatrixFactorisation(layout.columns("user_id")[0], layout.columns("item_id")[0])


SML = SystemEntry(
    real=SMLFactorisationSettings(
        training=TrainingSettings(learning_rate=5e-3, average=None, newcomers="hour", embedding_std=0.03),
        transfer=TransferSettings(fit_penalty=0.05),
        pretrain=0.2,
    ),
    tiny=SMLFactorisationSettings(
        training=TrainingSettings(learning_rate=2e-2, average=None, newcomers="hour", embedding_std=0.1),
        transfer=TransferSettings(hidden=16),
    ),
    summary="Matrix factorisation whose weights a learned transfer carries from hour to hour",
    source="Zhang et al., How to Retrain Recommender System?, SIGIR 2020",
    space={"training.learning_rate": Range(1e-3, 3e-2), **SPACE},
)
