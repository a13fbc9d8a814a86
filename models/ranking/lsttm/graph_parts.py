"""The neighbours of a system that reads more than its short-term encoder does: several indexes as one."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.ranking.features.event_log import EventLog
from models.ranking.features.neighbours import GraphSample, NeighbourIndex, RowView
from models.ranking.lsttm.factored_days import FactoredDays
from models.ranking.systems.behaviours import BehaviourBatch

ENCODER, CLICKS, FACTORS = "typed", "clicks", "factors"  #: folders of a saved state


@dataclass(frozen=True)
class GraphParts:
    """What the parts of a system read of a batch; None without the part."""

    encoder: Any = None  #: the encoder's own batch
    clicks: BehaviourBatch | None = None  #: lists of clicks
    factors: Tensor | None = None  #: float [T, B, 2, width], user's and item's vector

    def to(self, device: torch.device | str) -> GraphParts:
        """The same tensors on another device."""
        moved = {name: part.to(device) for name, part in vars(self).items() if part is not None}
        return replace(self, **moved)

    def means(self, rows: Tensor) -> Tensor | None:
        """See `BehaviourBatch.means`; None without lists."""
        return None if self.clicks is None else self.clicks.means(rows)


class PartsIndex:
    """Events and clicks, which grow by the hour, and factors, which stand still within the day."""

    def __init__(
        self, encoder: NeighbourIndex | None, clicks: NeighbourIndex | None, factors: FactoredDays | None
    ) -> None:
        self.growing: dict[str, NeighbourIndex] = {}
        if encoder is not None:
            self.growing[ENCODER] = encoder
        if clicks is not None:
            self.growing[CLICKS] = clicks
        self.factors = factors

    def append(self, hour: EventLog) -> None:
        """Take in what an hour received."""
        for part in self.growing.values():
            part.append(hour)

    def sample(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> GraphSample:
        """The parts' samples side by side, with the factor vectors of the instances."""
        samples = {name: part.sample(users, items, cutoff_ms) for name, part in self.growing.items()}
        factors = None if self.factors is None else self.factors.vectors(users, items, cutoff_ms)

        def build(rows: list[Tensor]) -> GraphParts:
            rest = iter(rows)
            parts = {name: s.build(list(islice(rest, len(s.row_ids)))) for name, s in samples.items()}
            return GraphParts(parts.get(ENCODER), parts.get(CLICKS), factors)

        return GraphSample([ids for sample in samples.values() for ids in sample.row_ids], build)

    def through(self, view: RowView) -> PartsIndex:
        """The same parts with rows found by another view."""
        other = copy.copy(self)
        other.growing = {name: part.through(view) for name, part in self.growing.items()}
        return other

    def save(self, folder: Path) -> None:
        """Each part, in a folder of its own."""
        folder.mkdir(exist_ok=True)
        for name, part in self.growing.items():
            (folder / name).mkdir()
            part.save(folder / name)
        if self.factors is not None:
            self.factors.save(folder / FACTORS)
