"""The Meta-Profile Network: trained once on source tasks, then asked about brands it never saw."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.files import replace_folder
from models.profiling.brand_counts import customers_by_brand, only_brands
from models.profiling.brands import FirstPurchases
from models.profiling.data import ProfileData
from models.profiling.episodes import EpisodeSampler, brand_tasks
from models.profiling.inputs import Encoding, ProfileInputs
from models.profiling.match import MatchSpace
from models.profiling.network import ProfileNetwork
from models.profiling.ridge_head import RidgeHead
from models.profiling.scorer import EmbeddedScorer, embed
from models.profiling.settings import MetaProfileSettings
from models.profiling.source_tasks import SourceTasks, resolve
from models.profiling.training import Training, held_out_users
from models.progress import Progress

PREPARED_AT_ONCE = 1 << 15  #: users whose cells are on the device at once


@dataclass(frozen=True)
class MetaProfile:
    """A trained Meta-Profile Network. `network` is in evaluation mode."""

    settings: MetaProfileSettings
    encoding: Encoding
    network: ProfileNetwork
    source_tasks: tuple[str, ...]
    left_out: dict[str, str]  #: source task → why it was not trained on
    as_of_day: int
    losses: tuple[float, ...]  #: Eq. 1 of each step
    looks: tuple[float, ...] = ()  #: Eq. 1 on held-out users, where there are any
    inputs_hash: str = ""

    @classmethod
    def train(
        cls,
        settings: MetaProfileSettings,
        data: ProfileData,
        train_users: np.ndarray,
        *,
        newcomers: np.ndarray | None = None,
        excluded_brands: np.ndarray | None = None,
        seed: int,
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
        checkpoint: Path | None = None,
    ) -> MetaProfile:
        """Meta-train on the source tasks that `data` can answer, or on its brands.

        Args:
            settings: shape, tasks and schedule.
            data: all before its as-of day.
            train_users: bool [U]; nobody else enters, neither in weights nor in scales nor in medians.
            newcomers: with brand episodes, bool [B, U] by `data.purchases.brand_names`: who bought each brand
                first in a window from `data.as_of_day` on. Which brands are ways, and whose labels count,
                follows from what was known at that day.
            excluded_brands: int64 positions in `brand_names` that must not be ways.
            seed: of weights and episodes; on a CPU the same seed gives the same weights.
            device: where to compute.
            progress: told (stage, steps done, steps in all).
            checkpoint: a file to go on from and to write; one of other settings or data is written over.
        """
        train_users = np.asarray(train_users, dtype=bool)
        tasks = _tasks(settings, data, train_users, newcomers, excluded_brands)
        encoding = Encoding.fit(settings, data, train_users, tasks.withheld)
        everybody = np.flatnonzero(train_users)
        inputs = encoding.prepare(data, everybody, device)
        # From here on a user is its position among the training users.
        tasks = replace(tasks, value=tasks.value[everybody], members=tasks.members[everybody])
        network = ProfileNetwork(settings, encoding, torch.Generator().manual_seed(seed)).to(device)
        training = _training(settings, network, inputs, tasks, seed)
        digest, steps = _fingerprint(settings, inputs, tasks, seed), settings.checkpoint_steps
        training.run(progress=progress, checkpoint=checkpoint, checkpoint_steps=steps, fingerprint=digest)
        return cls(
            settings=settings,
            encoding=encoding,
            network=network,
            source_tasks=tasks.names,
            left_out=tasks.left_out,
            as_of_day=data.as_of_day,
            losses=tuple(training.losses),
            looks=tuple(training.looks),
            inputs_hash=digest,
        )

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def ready(self, data: ProfileData) -> EmbeddedScorer:
        """Embed the users of an as-of date, which must not be before that of training.

        Raises:
            ValueError: the data is older than the training, or of another vocabulary.
        """
        self._check(data)
        return EmbeddedScorer(self.embed(data), self.network.relation)

    def with_ridge(self, data: ProfileData, background: np.ndarray) -> RidgeHead:
        """As `ready`, with ridge on the embeddings in place of f; `background` (bool [U]) are its others."""
        self._check(data)
        return RidgeHead(MatchSpace.of(self.embed(data), background, self.device))

    def _check(self, data: ProfileData) -> None:
        if data.as_of_day < self.as_of_day:
            raise ValueError(
                f"the data stands at local day {data.as_of_day}, before day {self.as_of_day} at which the "
                "network was trained: its training would have seen that data's future"
            )

    def embed(self, data: ProfileData) -> np.ndarray:
        """Profile embeddings of all users, float32 [U, embedding_width]."""
        parts = []
        for start in range(0, len(data), PREPARED_AT_ONCE):
            users = np.arange(start, min(start + PREPARED_AT_ONCE, len(data)))
            parts.append(
                embed(
                    self.network, self.encoding.prepare(data, users, self.device), self.settings.embed_batch
                )
            )
        return np.concatenate(parts or [np.zeros((0, self.settings.network.embedding_width), np.float32)])

    def save(self, folder: Path) -> None:
        """Write settings, encoding and weights: a folder that appears whole or not at all."""
        with replace_folder(folder) as temporary:
            (temporary / "settings.json").write_text(self.settings.model_dump_json(indent=2))
            torch.save(self._state(), temporary / "meta_profile.pt")

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> MetaProfile:
        """What `save` wrote.

        Raises:
            FileNotFoundError: no Meta-Profile Network lies there.
        """
        path = folder / "meta_profile.pt"
        if not path.exists():
            raise FileNotFoundError(f"no Meta-Profile Network at {folder}: train one first")
        settings = MetaProfileSettings.model_validate_json((folder / "settings.json").read_text())
        state = torch.load(path, map_location="cpu", weights_only=True)
        encoding = Encoding.restore(state["encoding"])
        network = ProfileNetwork(settings, encoding, torch.Generator())
        network.load_state_dict(state["network"])
        return cls(
            settings=settings,
            encoding=encoding,
            network=network.to(device).eval(),
            source_tasks=tuple(state["source_tasks"]),
            left_out=state["left_out"],
            as_of_day=state["as_of_day"],
            losses=tuple(state["losses"]),
            looks=tuple(state["looks"]),
            inputs_hash=state["inputs_hash"],
        )

    def _state(self) -> dict[str, Any]:
        return {
            "encoding": self.encoding.state(),
            "network": self.network.state_dict(),
            "source_tasks": list(self.source_tasks),
            "left_out": self.left_out,
            "as_of_day": self.as_of_day,
            "losses": list(self.losses),
            "looks": list(self.looks),
            "inputs_hash": self.inputs_hash,
        }


def _training(
    settings: MetaProfileSettings,
    network: ProfileNetwork,
    inputs: ProfileInputs,
    tasks: SourceTasks,
    seed: int,
) -> Training:
    """Training on `tasks` of the users of `inputs`, of whom some are held out to tell when to stop."""
    users, held_out = held_out_users(settings, np.arange(len(inputs)), seed)
    return Training(
        network=network,
        inputs=inputs,
        sampler=EpisodeSampler(tasks, users, settings.episodes),
        schedule=settings.schedule,
        seed=seed,
        hidden_share=settings.network.hidden_share,
        validation=settings.validation,
        held_out=EpisodeSampler(tasks, held_out, settings.episodes) if len(held_out) else None,
    )


def _tasks(
    settings: MetaProfileSettings,
    data: ProfileData,
    train_users: np.ndarray,
    newcomers: np.ndarray | None,
    excluded: np.ndarray | None,
) -> SourceTasks:
    if settings.episodes.episodes == "tasks":
        return resolve(settings.sources, data, train_users)
    if newcomers is None:
        raise ValueError(
            "brand episodes need `newcomers`, bool [brands, users]: who bought each brand first in a window "
            "from the data's as-of day on"
        )
    known = customers_by_brand(data.purchases) >= settings.episodes.min_members
    if excluded is not None:
        known[excluded] = False
    some = np.flatnonzero(known)
    return brand_tasks(
        FirstPurchases.of(only_brands(data.purchases, some), len(data)).customers(data.as_of_day),
        newcomers[some],
        tuple(data.purchases.brand_names[i] for i in some),
        train_users & data.known_before(data.as_of_day),
        settings.episodes.min_members,
    )


def _fingerprint(settings: MetaProfileSettings, inputs: ProfileInputs, tasks: SourceTasks, seed: int) -> str:
    digest = hashlib.sha256(f"{seed} {settings.model_dump_json()}".encode())
    arrays = [t for store in inputs.stores for t in (store.starts, store.key, store.value)]
    for tensor in (*arrays, inputs.numeric, inputs.categorical):
        digest.update(tensor.cpu().numpy().tobytes())
    digest.update(tasks.value.tobytes() + tasks.members.tobytes())
    return digest.hexdigest()
