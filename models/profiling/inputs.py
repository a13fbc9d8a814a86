"""Users as tensors: prepared once from `ProfileData`, taken by the batch at every step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.profiling.cnn import CellBatch
from models.profiling.data import DAYS, HOURS, ProfileData
from models.profiling.scaling import DemographicScale, HeatScale
from models.profiling.settings import MetaProfileSettings


@dataclass(frozen=True)
class CellStore:
    """Scaled cells of all users of one modality, eight bytes each."""

    starts: Tensor  #: int64 [U + 1]
    key: Tensor  #: int32 [n], position · C + channel
    value: Tensor  #: float32 [n]
    activity: Tensor  #: float32 [U, 2]
    channels: int

    def take(self, users: Tensor) -> CellBatch:
        """The images of these users (int64 [B])."""
        lengths = self.starts[users + 1] - self.starts[users]
        ends = lengths.cumsum(0)
        row = torch.repeat_interleave(torch.arange(len(users), device=users.device), lengths)
        cell = (self.starts[users] - ends + lengths)[row] + torch.arange(len(row), device=users.device)
        key = self.key[cell].long()
        return CellBatch(row, key // self.channels, key % self.channels, self.value[cell], len(users))


@dataclass(frozen=True)
class ModalityBatch:
    """One image modality of a batch: cells of those users that have any."""

    cells: CellBatch  #: of the present users only
    present: Tensor  #: int64 [P] rows of the batch
    activity: Tensor  #: float32 [P, 2]


@dataclass(frozen=True)
class ProfileBatch:
    """What the profile network reads of B users."""

    users: int
    modalities: tuple[ModalityBatch, ...]
    numeric: Tensor  #: float32 [P, 2 n] demographics of those who have any
    categorical: Tensor  #: int64 [P, m]
    surveyed: Tensor  #: int64 [P] rows of the batch


@dataclass(frozen=True)
class ProfileInputs:
    """All users of a `ProfileData`, scaled, on one device; can be shared by many trainings."""

    stores: tuple[CellStore, ...]
    numeric: Tensor  #: float32 [U, 2 n]
    categorical: Tensor  #: int64 [U, m]
    surveyed: Tensor  #: bool [U]

    def __len__(self) -> int:
        return len(self.surveyed)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.surveyed.device

    def take(self, users: np.ndarray, hidden: np.ndarray | None = None) -> ProfileBatch:
        """A batch of users (int64 [B] positions); `hidden` (bool [M + 1, B]) hides modalities from some.

        The last row of `hidden` is of the demographics.
        """
        at = torch.as_tensor(users, device=self.device)
        shown = None if hidden is None else torch.as_tensor(~hidden, device=self.device)
        modalities = []
        for i, store in enumerate(self.stores):
            present = store.starts[at + 1] > store.starts[at]
            present = (present if shown is None else present & shown[i]).nonzero().squeeze(1)
            modalities.append(ModalityBatch(store.take(at[present]), present, store.activity[at[present]]))
        surveyed = self.surveyed[at]
        surveyed = (surveyed if shown is None else surveyed & shown[-1]).nonzero().squeeze(1)
        return ProfileBatch(
            users=len(users),
            modalities=tuple(modalities),
            numeric=self.numeric[at[surveyed]],
            categorical=self.categorical[at[surveyed]],
            surveyed=surveyed,
        )


@dataclass(frozen=True)
class Encoding:
    """What was learned from the training users about how to read data: channels, scales, columns."""

    heats: tuple[HeatScale, ...]
    demographics: DemographicScale | None
    normalise_users: bool

    @classmethod
    def fit(
        cls,
        settings: MetaProfileSettings,
        data: ProfileData,
        users: np.ndarray,
        withheld: frozenset[str] = frozenset(),
    ) -> Encoding:
        """Learn from `users` (bool [U]); demographic columns `withheld` (read by source tasks) may stay out.

        A modality of which no training user has a cell is left out: nothing could be learned of it.
        """
        heats = tuple(HeatScale.fit(m, users) for m in data.modalities if (m.present & users).any())
        demographics, choice = None, settings.network.demographics
        if data.demographics is not None and choice != "none":
            hidden = withheld if choice == "outside_tasks" else frozenset[str]()
            demographics = DemographicScale.fit(data.demographics, users, hidden)
        return cls(heats, demographics, settings.heat.normalise_users)

    def prepare(
        self, data: ProfileData, users: np.ndarray | None = None, device: torch.device | str = "cpu"
    ) -> ProfileInputs:
        """Scaled tensors of `users` (int64 positions, default all).

        A modality that the data lacks is absent for everybody; one that training had not seen is not read.

        Raises:
            ValueError: channels or demographic columns are others than in training, named.
        """
        users = np.arange(len(data)) if users is None else users
        stores = tuple(self._store(heat, data, users, device) for heat in self.heats)
        scale, columns = self.demographics, data.demographics
        if scale is None or columns is None:
            numeric = np.zeros((len(users), 0 if scale is None else scale.numeric_inputs), dtype=np.float32)
            categorical = np.zeros(
                (len(users), 0 if scale is None else len(scale.categories)), dtype=np.int64
            )
        else:
            known_columns = replace(
                columns, numeric=columns.numeric[users], categorical=columns.categorical[users]
            )
            numeric, categorical = scale.numeric(known_columns), scale.categorical(known_columns)
        known = (numeric[:, numeric.shape[1] // 2 :] > 0).any(1) | (categorical > 0).any(1)
        return ProfileInputs(
            stores=stores,
            numeric=torch.from_numpy(numeric).to(device),
            categorical=torch.from_numpy(categorical).to(device),
            surveyed=torch.from_numpy(known).to(device),
        )

    def _store(
        self, scale: HeatScale, data: ProfileData, users: np.ndarray, device: torch.device | str
    ) -> CellStore:
        channels = len(scale.channels)
        heat = data.modality(scale.modality)
        if heat is None:
            return CellStore(
                starts=torch.zeros(len(users) + 1, dtype=torch.int64, device=device),
                key=torch.zeros(0, dtype=torch.int32, device=device),
                value=torch.zeros(0, device=device),
                activity=torch.zeros(len(users), 2, device=device),
                channels=channels,
            )
        scale.check(heat)
        cells = heat.take(users)
        key = (cells.day.astype(np.int32) * HOURS + cells.hour) * channels + cells.channel
        assert DAYS * HOURS * channels < np.iinfo(np.int32).max
        return CellStore(
            starts=torch.from_numpy(cells.offsets.astype(np.int64)).to(device),
            key=torch.from_numpy(key.astype(np.int32, copy=False)).to(device),
            value=torch.from_numpy(scale.values(cells, self.normalise_users)).to(device),
            activity=torch.from_numpy(scale.activity(cells)).to(device),
            channels=channels,
        )

    def state(self) -> dict[str, Any]:
        """For saving: arrays and names."""
        return {
            "heats": [_plain(heat) for heat in self.heats],
            "demographics": None if self.demographics is None else _plain(self.demographics),
            "normalise_users": self.normalise_users,
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Encoding:
        """From what `state` gave."""
        demographics = state["demographics"]
        return cls(
            heats=tuple(HeatScale(**_arrays(heat)) for heat in state["heats"]),
            demographics=None if demographics is None else DemographicScale(**_arrays(demographics)),
            normalise_users=state["normalise_users"],
        )


def _plain(fields: HeatScale | DemographicScale) -> dict[str, Any]:
    """Its fields, arrays as tensors: what torch reads back without running code."""
    return {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in vars(fields).items()}


def _arrays(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v.numpy() if isinstance(v, Tensor) else v for k, v in fields.items()}
