"""Episodes: each mini-batch meets a freshly drawn support, as a target task will be met (paper 3.2).

Ways are source tasks, or brands. A brand's support is drawn from its customers before the as-of day; its
labels are who became a customer afterwards, its customers masked, and whoever was not known then (ours, spec
section 7).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.profiling.settings import EpisodeSettings
from models.profiling.source_tasks import Category, SourceTasks


@dataclass(frozen=True)
class Episode:
    """A mini-batch and its support; no user is in both."""

    batch: np.ndarray  #: int64 [B] users
    ways: np.ndarray  #: int64 [N] tasks
    support: np.ndarray  #: int64 [N, K] users; 0 where masked
    mask: np.ndarray  #: bool [N, K], False beyond the members that a way has
    labels: np.ndarray  #: float32 [B, N], NaN where a user has no label in the task

    @property
    def users(self) -> np.ndarray:
        """int64 [B + n]: the mini-batch, then the support members that there are, by way."""
        return np.concatenate([self.batch, self.support[self.mask]])

    def unpacked(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings of `users` → those of the batch [B, E] and of the support [N, K, E], 0 where masked."""
        batch, members = embeddings.split([len(self.batch), int(self.mask.sum())])
        at = torch.from_numpy(np.flatnonzero(self.mask)).to(embeddings.device)
        support = members.new_zeros(self.mask.size, members.shape[1]).index_copy(0, at, members)
        return batch, support.view(*self.mask.shape, -1)


class EpisodeSampler:
    """Draws episodes among the training users, from a generator alone."""

    def __init__(
        self, tasks: SourceTasks, users: np.ndarray, settings: EpisodeSettings, *, lone_in_batch: bool = False
    ) -> None:
        """`users` (int64 [n], positions) are those who may be drawn.

        With `lone_in_batch`, the only member of a way also enters the mini-batch: the one case in which
        support and batch meet.

        Raises:
            ValueError: fewer than two users, or no task with a member among them.
        """
        self._settings = settings
        self._lone_in_batch = lone_in_batch
        self._users = users
        self._value = tasks.value
        task, row = np.nonzero(tasks.members[users].T)
        count = np.bincount(task, minlength=len(tasks.names))
        self._usable = np.flatnonzero(count)
        self._member, self._start, self._count = users[row], count.cumsum() - count, count
        if len(users) < 2 or len(self._usable) == 0:
            raise ValueError(
                f"{len(users)} training users with members in {len(self._usable)} of {len(tasks.names)} "
                "tasks: there is nothing to draw episodes from"
            )

    def draw(self, generator: np.random.Generator) -> Episode:
        """Support first, then the mini-batch uniformly among all other training users."""
        s = self._settings
        ways = self._usable
        if len(ways) > s.ways:
            ways = np.sort(generator.choice(ways, s.ways, replace=False))
        # Of a way with K members or fewer one stays out, so that the batch can meet a positive; a single
        # member is the support.
        shots = np.minimum(s.shots, np.maximum(self._count[ways] - 1, 1))
        rank = distinct(generator, self._count[ways], shots, s.shots)
        mask = np.arange(s.shots) < shots[:, None]
        support = np.where(mask, self._member[self._start[ways][:, None] + rank], 0)
        taken = np.unique(support[mask])
        size = min(s.batch_size, len(self._users) - len(taken))
        lone = support[self._count[ways] == 1, 0] if self._lone_in_batch else support[:0, 0]
        if size < 1 and not len(lone):
            raise ValueError(
                f"a support of {len(taken)} users leaves none of {len(self._users)} training users for the "
                "mini-batch: fewer shots or ways, or more users"
            )
        drawn = generator.choice(len(self._users), size + len(taken), replace=False)
        batch = self._users[drawn]
        batch = np.concatenate([lone, batch[~np.isin(batch, taken)][:size]])
        return Episode(batch, ways, support, mask, self._value[np.ix_(batch, ways)])


def distinct(generator: np.random.Generator, counts: np.ndarray, sizes: np.ndarray, width: int) -> np.ndarray:
    """Rows of `sizes` different numbers in [0, counts), each subset equally likely: int64 [N, width].

    Floyd's algorithm for all rows at once; entries beyond `sizes` are 0. `sizes` is at most `counts`.
    """
    chosen = np.full((len(counts), width), -1)
    for step in range(width):  # shots, not rows
        last = counts - sizes + step
        active = step < sizes
        drawn = generator.integers(0, np.where(active, last, 0) + 1)
        repeated = (chosen == drawn[:, None]).any(1)
        chosen[:, step] = np.where(active, np.where(repeated, last, drawn), -1)
    return np.maximum(chosen, 0)


def episode_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Eq. 1: `Σ_n Σ_i (w_ni / Σ_i w_ni) · BCE(σ(logit), label)`, w = 0 where a label is NaN. A scalar.

    A task without a labelled user in the batch contributes 0. Both arguments are [B, N].
    """
    weight = (~labels.isnan()).to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, labels.nan_to_num(0.0), reduction="none")
    return ((loss * weight).sum(0) / weight.sum(0).clamp(min=1.0)).sum()


def brand_tasks(
    members: np.ndarray, newcomers: np.ndarray, names: tuple[str, ...], known: np.ndarray, min_members: int
) -> SourceTasks:
    """Brands as ways: those with members enough. Who comes afterwards is a label and chooses nothing.

    Args:
        members: bool [B, U], customers before the as-of day: the support, masked in the labels.
        newcomers: bool [B, U], who bought first in the window after it: label 1.
        names: of the brands.
        known: bool [U], training users who were known at the as-of day; nobody else has a label.
        min_members: customers that a brand needs among them.

    Raises:
        ValueError: no brand has as many.
    """
    members = members & known
    enough = members.sum(1) >= min_members
    if not enough.any():
        raise ValueError(
            f"none of {len(names)} brands has {min_members} customers among the {int(known.sum())} training "
            "users known at the as-of day: a later day, or a smaller `min_members`"
        )
    brands = np.flatnonzero(enough)
    usage: Category = "usage"
    value = np.where(known & ~members[brands], newcomers[brands].astype(np.float32), np.float32(np.nan))
    return SourceTasks(
        names=tuple(names[i] for i in brands),
        categories=(usage,) * len(brands),
        value=np.ascontiguousarray(value.T),
        members=np.ascontiguousarray(members[brands].T),
        left_out={names[i]: f"fewer than {min_members} customers" for i in np.flatnonzero(~enough)},
    )
