"""The similarity f of a pair of profiles, and the score of a way: σ of the mean of f over its support (3.2).

`relation` is the printed head; `cosine` is that of a matching network [14], `prototype` that of a
prototypical one [15], each with a learned scale and offset so that Eq. 1 has a logit to look at.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.profiling.hinges import Hinges
from models.profiling.settings import RelationSettings

PAIRS_AT_ONCE = 1 << 22  #: floats of the pair layer that are held at once
HINGES_AT_ONCE = 4096  #: users; small enough for the cache
FEW = 2  #: support members up to which pairs are formed one by one


class Relation(nn.Module):
    """f: embeddings [U, E] and support [S, E] → logits [U, S]."""

    @abstractmethod
    def forward(self, users: Tensor, support: Tensor) -> Tensor:
        """Logits of all pairs [U, S]."""

    def ways(self, users: Tensor, support: Tensor, mask: Tensor) -> Tensor:
        """Logit of each way, the mean of f over its members.

        Args:
            users: [B, E].
            support: [N, K, E].
            mask: bool [N, K], False where a way has fewer than K members.

        Returns:
            [B, N].
        """
        pairs = self(users, support.flatten(0, 1)).view(len(users), *mask.shape)
        weight = mask.to(pairs.dtype)
        return (pairs * weight).sum(2) / weight.sum(1).clamp(min=1.0)

    def mean(self, users: Tensor, support: Tensor) -> Tensor:
        """Mean logit over a support of any size: [U]. Without gradient."""
        return self(users, support).mean(1)


class FullyConnected(Relation):
    """Fully connected, ReLU, one logit, on the joined embeddings of a pair.

    The first layer is linear in each half, so halves are computed once a user: a pair costs a sum and a ReLU.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * width, hidden)
        self.logit = nn.Linear(hidden, 1)

    def halves(self, users: Tensor, support: Tensor) -> tuple[Tensor, Tensor]:
        """What each side gives to the hidden layer: [U, H], and [S, H] with the bias."""
        left, right = self.first.weight.split(users.shape[1], dim=1)
        return users @ left.T, torch.addmm(self.first.bias, support, right.T)

    def forward(self, users: Tensor, support: Tensor) -> Tensor:
        """Logits [U, S]."""
        left, right = self.halves(users, support)
        step = max(PAIRS_AT_ONCE // max(right.numel(), 1), 1)
        return torch.cat([self._pairs(part, right) for part in left.split(step)])

    def _pairs(self, left: Tensor, right: Tensor) -> Tensor:
        hidden = torch.relu(left[:, None] + right)
        return self.logit(hidden).squeeze(-1)

    @torch.no_grad()
    def mean(self, users: Tensor, support: Tensor) -> Tensor:
        """Mean logit over the support, at a cost that hardly grows with its size (`Hinges`)."""
        if len(support) <= FEW:
            return self(users, support).mean(1)
        left, _ = self.first.weight.split(users.shape[1], dim=1)
        _, right = self.halves(users[:0], support)
        weight = self.logit.weight[0] / len(support)
        hinges = Hinges(right.T)
        out = [weight @ hinges.sums_of(left @ part.T) for part in users.split(HINGES_AT_ONCE)]
        return torch.cat(out) + self.logit.bias


class CosineRelation(Relation):
    """Scaled cosine of the two embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(5.0))
        self.offset = nn.Parameter(torch.tensor(0.0))

    def forward(self, users: Tensor, support: Tensor) -> Tensor:
        """Logits [U, S]."""
        return self.scale * (F.normalize(users, dim=1) @ F.normalize(support, dim=1).T) + self.offset

    def mean(self, users: Tensor, support: Tensor) -> Tensor:
        """Mean logit over the support: the mean commutes with the product."""
        centre = F.normalize(support, dim=1).mean(0)
        return self.scale * (F.normalize(users, dim=1) @ centre) + self.offset


class Prototype(Relation):
    """Offset less the scaled mean squared distance to the support's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.offset = nn.Parameter(torch.tensor(0.0))

    def forward(self, users: Tensor, support: Tensor) -> Tensor:
        """Logits [U, S], each support member as its own prototype."""
        square = users.square().sum(1)[:, None] - 2 * users @ support.T + support.square().sum(1)
        return self.offset - self.scale * square / users.shape[1]

    def ways(self, users: Tensor, support: Tensor, mask: Tensor) -> Tensor:
        """Logit of each way from the mean of its members' embeddings: [B, N]."""
        weight = mask.to(support.dtype)[..., None]
        return self(users, (support * weight).sum(1) / weight.sum(1).clamp(min=1.0))

    def mean(self, users: Tensor, support: Tensor) -> Tensor:
        """Logit against the support's mean: [U]."""
        return self(users, support.mean(0, keepdim=True)).squeeze(1)


def make_relation(settings: RelationSettings, width: int) -> Relation:
    """The head of these settings, for embeddings of `width`."""
    if settings.kind == "relation":
        return FullyConnected(width, settings.hidden)
    return CosineRelation() if settings.kind == "cosine" else Prototype()
