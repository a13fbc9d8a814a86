"""Normal training, the baseline: the same g and f, trained on the target task's labelled users alone (4.1).

It starts from random weights, or from meta-trained ones (`finetuning`). It copies the meta-testing part: one
way, the target's, with supports drawn among its customers and mini-batches among the other labelled users;
then everybody is scored against all customers. With a single customer there is nobody left to be found in the
batch, so that customer stands on both sides; otherwise it would learn to answer no.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.profiling.data import ProfileData
from models.profiling.episodes import EpisodeSampler
from models.profiling.inputs import Encoding, ProfileInputs
from models.profiling.meta_profile import MetaProfile
from models.profiling.network import ProfileNetwork
from models.profiling.scorer import EmbeddedScorer, embed
from models.profiling.settings import MetaProfileSettings, NormalTrainingSettings, ScheduleSettings
from models.profiling.source_tasks import Category, SourceTasks, resolve
from models.profiling.training import Training, scaled
from models.progress import Progress

STAGE = "normal training"


@dataclass(frozen=True)
class NormalTraining:
    """A `Scorer` that trains a network for each brand it is asked about. Its inputs are prepared once.

    On a CPU the same seed, customers and others (in any order) give the same scores, bit for bit.
    """

    settings: MetaProfileSettings
    rule: NormalTrainingSettings
    inputs: ProfileInputs
    background: np.ndarray  #: bool [U], who stands for the others where none are given
    start: Callable[[int], ProfileNetwork]  #: fresh weights from a seed
    seed: int
    finetunes: bool = False
    scored: np.ndarray | None = (
        None  #: bool [U], whose scores will be read; NaN for the rest; None: everybody
    )
    progress: Progress | None = None

    @classmethod
    def ready(
        cls,
        settings: MetaProfileSettings,
        data: ProfileData,
        train_users: np.ndarray,
        *,
        seed: int,
        rule: NormalTrainingSettings | None = None,
        scored: np.ndarray | None = None,
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
    ) -> NormalTraining:
        """From random starts, with the scales and columns of a Meta-Profile Network of `train_users`."""
        encoding = Encoding.fit(settings, data, train_users, withheld(settings, data, train_users))

        def start(seed: int) -> ProfileNetwork:
            return ProfileNetwork(settings, encoding, torch.Generator().manual_seed(seed)).to(device)

        rule = NormalTrainingSettings() if rule is None else rule
        inputs = encoding.prepare(data, device=device)
        return cls(
            settings,
            rule,
            inputs,
            train_users,
            start,
            seed,
            finetunes=False,
            scored=scored,
            progress=progress,
        )

    @classmethod
    def finetuning(
        cls,
        meta_profile: MetaProfile,
        data: ProfileData,
        train_users: np.ndarray,
        *,
        seed: int,
        rule: NormalTrainingSettings | None = None,
        scored: np.ndarray | None = None,
        progress: Progress | None = None,
    ) -> NormalTraining:
        """From meta-trained weights (`adapt: finetune`); `meta_profile` itself stays as it is."""
        return cls(
            settings=meta_profile.settings,
            rule=NormalTrainingSettings() if rule is None else rule,
            inputs=meta_profile.encoding.prepare(data, device=meta_profile.device),
            background=train_users,
            start=lambda seed: copy.deepcopy(meta_profile.network),  # noqa: ARG005
            seed=seed,
            finetunes=True,
            scored=scored,
            progress=progress,
        )

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        """Train on customers (label 1) and others (0), then σ of the mean of f over customers: float64 [U].

        Raises:
            ValueError: no customers, no others, or a user who is both.
        """
        return self.train(customers, others).score(np.unique(customers))

    def train(self, customers: np.ndarray, others: np.ndarray | None = None) -> EmbeddedScorer:
        """The network of these labels, with everybody (or `scored` and the customers) embedded."""
        customers = np.unique(np.asarray(customers, dtype=np.int64))
        if others is None:
            rest = self.background.copy()
            rest[customers] = False
            others = np.flatnonzero(rest)
        others = np.unique(np.asarray(others, dtype=np.int64))
        _check(customers, others)
        value = np.full((len(self.inputs), 1), np.nan, dtype=np.float32)
        value[others], value[customers] = 0.0, 1.0
        return self._trained(value, customers)

    def ways(self, supports: Sequence[np.ndarray]) -> np.ndarray:
        """One network trained on N ways together, each on its own users against those of the others: the mean
        of f over each way's support, before σ, float64 [N, U].

        Raises:
            ValueError: an empty support, or two ways with a user in common.
        """
        members = np.concatenate(supports)
        if len(np.unique(members)) < len(members) or not all(len(support) for support in supports):
            raise ValueError("each of several ways needs users of its own, and no user belongs to two")
        value = np.full((len(self.inputs), len(supports)), np.nan, dtype=np.float32)
        value[members] = 0.0
        value[members, np.repeat(np.arange(len(supports)), [len(support) for support in supports])] = 1.0
        return self._trained(value, members).ways(supports)

    def _trained(self, value: np.ndarray, supports: np.ndarray) -> EmbeddedScorer:
        """Trained on labels [U, N] (NaN where there is none); `scored` users and `supports` are embedded."""
        network = self.start(self.seed)
        labelled = np.flatnonzero(~np.isnan(value[:, 0]))
        categories: tuple[Category, ...] = ("usage",) * value.shape[1]
        names = tuple(f"way {number}" for number in range(value.shape[1]))
        tasks = SourceTasks(names, categories, value, value == 1, {})
        Training(
            network=network,
            inputs=self.inputs,
            sampler=EpisodeSampler(tasks, labelled, self.settings.episodes, lone_in_batch=True),
            schedule=self._schedule(len(labelled)),
            seed=self.seed,
        ).run(progress=self.progress, stage=STAGE)
        return EmbeddedScorer(self._embeddings(network, supports), network.relation)

    def _schedule(self, labelled: int) -> ScheduleSettings:
        steps = self.rule.steps(labelled, self.settings.episodes.batch_size)
        if self.finetunes:
            return scaled(
                self.settings.schedule, min(steps, self.rule.finetune_steps), self.rule.finetune_rate
            )
        return scaled(self.settings.schedule, steps)

    def _embeddings(self, network: ProfileNetwork, customers: np.ndarray) -> np.ndarray:
        if self.scored is None:
            return embed(network, self.inputs, self.settings.embed_batch)
        needed = self.scored.copy()
        needed[customers] = True
        users = np.flatnonzero(needed)
        out = np.full((len(needed), network.embedding_width), np.nan, dtype=np.float32)
        out[users] = embed(network, self.inputs, self.settings.embed_batch, users)
        return out


def withheld(settings: MetaProfileSettings, data: ProfileData, train_users: np.ndarray) -> frozenset[str]:
    """Demographic columns that meta-training on the same users keeps from the network."""
    if settings.episodes.episodes == "brands" or settings.network.demographics != "outside_tasks":
        return frozenset()
    return resolve(settings.sources, data, train_users).withheld


def _check(customers: np.ndarray, others: np.ndarray) -> None:
    if len(customers) == 0:
        raise ValueError("normal training needs at least one known customer")
    if len(others) == 0:
        raise ValueError("normal training needs at least one user who is known not to be a customer")
    both = np.intersect1d(customers, others)
    if len(both):
        raise ValueError(f"{len(both)} users are both customers and others, for one position {both[0]}")
