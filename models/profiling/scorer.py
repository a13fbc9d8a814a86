"""Users embedded at an as-of date, ranked by similarity to a brand's customers without a gradient step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from models.profiling.inputs import ProfileInputs
from models.profiling.network import ProfileNetwork
from models.profiling.relation import Relation


@dataclass(frozen=True)
class EmbeddedScorer:
    """Users embedded at an as-of date, and the similarity that ranks them: no gradient step."""

    embeddings: np.ndarray  #: float32 [U, E]; rows of NaN are users who are not asked about, and score NaN
    relation: Relation

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        """σ of the mean of f over all customers: float64 [U]. `others` say nothing to the relation head.

        Raises:
            ValueError: no customers.
        """
        probability: np.ndarray = expit(self.ways([customers])[0])
        return probability

    @torch.no_grad()
    def ways(self, supports: Sequence[np.ndarray]) -> np.ndarray:
        """Mean of f over each of N supports (int64 positions), before σ: float64 [N, U].

        Raises:
            ValueError: an empty support.
        """
        if not all(len(support) for support in supports):
            raise ValueError("a brand needs at least one known customer: the support is empty")
        known = ~np.isnan(self.embeddings[:, 0])
        users = self._tensor(self.embeddings if known.all() else self.embeddings[known])
        out = np.full((len(supports), len(known)), np.nan)
        for way, support in enumerate(supports):  # nine of them
            logits = self.relation.mean(users, self._tensor(self.embeddings[np.asarray(support)]))
            out[way, known] = logits.double().cpu().numpy()
        return out

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(next(self.relation.parameters()).device)


@torch.no_grad()
def embed(
    network: ProfileNetwork, inputs: ProfileInputs, batch: int, users: np.ndarray | None = None
) -> np.ndarray:
    """Embeddings float32 [U, E] of prepared users (int64 [U] positions, default all), `batch` at once."""
    network.eval()
    users = np.arange(len(inputs)) if users is None else users
    parts = np.split(users, range(batch, len(users), batch)) if len(users) else []
    embeddings = [network(inputs.take(part)).cpu().numpy() for part in parts]
    return np.concatenate(embeddings or [np.zeros((0, network.embedding_width), np.float32)])
