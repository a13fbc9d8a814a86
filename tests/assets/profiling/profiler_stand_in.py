"""A profiler that trains in no time, for the tests of what is built around one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from assets.profiling.profilers import ProfilerEntry, Trainer
from assets.profiling.states import ProfileStates
from models.profiling.activity import spend_by_genre
from tests.models.profiling.toy import AS_OF, toy_data

AS_OF_KEY = str(np.datetime64(AS_OF, "D"))


class _Settings(BaseModel):
    level: int = 1


class StandIn:
    """Unit vectors of spend by genre; the score is the mean cosine to the customers."""

    def __init__(self, seed: int) -> None:
        self.seed, self.losses = seed, [1.0, 0.5]

    def ready(self, data):
        return _Ready(spend_by_genre(data.purchases, 1, len(data)))

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"seed": self.seed}))


class _Ready:
    def __init__(self, spend: np.ndarray) -> None:
        spend = spend - spend.mean(axis=0)
        self.vectors = (spend / np.maximum(np.linalg.norm(spend, axis=1, keepdims=True), 1e-9)).astype("f4")

    def score(self, customers, others=None):
        return (self.vectors @ self.vectors[customers].mean(axis=0)).astype(np.float64)


ENTRY = ProfilerEntry(
    settings=lambda size: _Settings(),
    train=lambda settings, data, seed, device, progress: StandIn(seed),
    load=lambda path, device: StandIn(json.loads(path.read_text())["seed"]),
)


class Shop:
    """The toy shop before a date; the first 60 days of its log are too few to read."""

    def read(self, as_of: str, fitted_at: str | None = None):
        return read(as_of)

    def fitted_at(self, as_of: str) -> str:
        return as_of


def read(as_of: str, users: int = 400):
    """What the shop knew before a date."""
    day = int(np.datetime64(as_of, "D").astype(int))
    if not AS_OF - 245 < day <= AS_OF:
        raise LookupError(f"no heatmaps before {as_of}")
    return toy_data(day, users=users)


def trainer(root: Path) -> Trainer:
    return Trainer(ProfileStates(root), Shop())


def brand_customers(brand: int, before: int = AS_OF) -> list[str]:
    """Ids of a toy brand's customers before a day."""
    data = toy_data(before, users=400)
    log = data.purchases
    bought = log.user[(log.brand == brand) & ~log.cancelled]
    return data.user_ids[np.unique(bought)].tolist()
