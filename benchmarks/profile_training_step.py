"""A training step of the Meta-Profile Network from sparse cells against the same network on dense images.

Both steps are whole: an episode of 32 users and nine of support is drawn, its users are taken, embedded and
compared, Eq. 1 goes backward and Adam moves all weights. The peer is the same module with every level by
torch's own layers on images [41, C, 365, 24], in the faster of torch's two memory formats, its images built
at no cost. One modality at the printed widths; users are simulated with the sparsity of the grocer's
households (134 non-empty cells on some fifty hours of the year). Losses of the first steps must agree to 1e-4
before anything is timed. Times are CPU seconds of one thread.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from models.profiling.cnn import CellBatch, ImageCNN
from models.profiling.data import DAYS, HOURS, ProfileData, PurchaseLog, SparseHeatmaps
from models.profiling.episodes import EpisodeSampler
from models.profiling.inputs import Encoding
from models.profiling.network import ProfileNetwork
from models.profiling.settings import PRINTED
from models.profiling.source_tasks import SourceTasks
from models.profiling.training import Training

USERS, HOURS_WITH_CELLS, CELLS = 400, 50, 134


def shoppers(channels: int, seed: int = 0) -> ProfileData:
    """Simulated users who shop some fifty hours a year, a few channels at a time."""
    rng = np.random.default_rng(seed)
    visits = rng.poisson(HOURS_WITH_CELLS, USERS)
    user = np.repeat(np.arange(USERS), visits)
    position = rng.integers(0, DAYS, len(user)) * HOURS + np.clip(rng.normal(15, 4, len(user)), 0, 23).astype(
        int
    )
    cells = 1 + rng.poisson(CELLS / HOURS_WITH_CELLS - 1, len(user))
    popularity = rng.dirichlet(np.full(channels, 0.5))
    channel = rng.choice(channels, cells.sum(), p=popularity)
    key = np.unique((np.repeat(user * DAYS * HOURS + position, cells)) * channels + channel)
    owner = key // (DAYS * HOURS * channels)
    heat = SparseHeatmaps(
        modality="shopping",
        channels=tuple(f"channel{c}" for c in range(channels)),
        offsets=np.searchsorted(owner, np.arange(USERS + 1)),
        day=key // (HOURS * channels) % DAYS,
        hour=key // channels % HOURS,
        channel=key % channels,
        value=rng.lognormal(1.0, 0.8, len(key)).astype(np.float32),
    )
    nothing = np.zeros(0, dtype=np.int64)
    log = PurchaseLog(
        nothing,
        nothing,
        nothing,
        nothing,
        nothing[:, None],
        nothing.astype(np.float32),
        nothing > 0,
        (),
        ((),),
    )
    return ProfileData(20_000, np.asarray([f"u{u:04d}" for u in range(USERS)]), (heat,), log)


def training(data: ProfileData, dense: bool) -> Training:
    """A training that is about to begin."""
    rng = np.random.default_rng(1)
    value = rng.integers(0, 2, (USERS, 9)).astype(np.float32)
    value[rng.random(value.shape) < 0.4] = np.nan
    tasks = SourceTasks(tuple("abcdefghi"), ("usage",) * 9, value, value == 1, {})
    encoding = Encoding.fit(PRINTED, data, np.ones(USERS, dtype=bool))
    network = ProfileNetwork(PRINTED, encoding, torch.Generator().manual_seed(0))
    if dense:
        network.images[0].cnn = DenseCNN(network.images[0].cnn)
    return Training(
        network=network,
        inputs=encoding.prepare(data),
        sampler=EpisodeSampler(tasks, np.arange(USERS), PRINTED.episodes),
        schedule=PRINTED.schedule,
        seed=0,
    )


class DenseCNN(nn.Module):
    """The same CNN, every level dense; `built` is the time that went into making images of cells."""

    def __init__(self, cnn: ImageCNN) -> None:
        super().__init__()
        self.cnn = cnn
        self.layout = torch.contiguous_format
        self.built = 0.0

    def forward(self, cells: CellBatch) -> torch.Tensor:
        """Features [B, widths[-1]]."""
        began = time.process_time()
        images = cells.dense(self.cnn.channels).contiguous(memory_format=self.layout)
        self.built += time.process_time() - began
        return self.cnn.forward_dense(images)


def seconds(step: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        began = time.process_time()
        step()
        times.append(time.process_time() - began)
    return statistics.median(times)


def compare(channels: int, rounds: int) -> float:
    """Prints one line; returns the dense step's time ÷ the sparse one's."""
    data = shoppers(channels)
    sparse, dense = training(data, dense=False), training(data, dense=True)
    cnn = dense.network.images[0].cnn
    assert isinstance(cnn, DenseCNN)
    apart = 0.0
    for _ in range(2):  # warm, and compared
        a, b = sparse.take_step(), dense.take_step()
        apart = max(apart, abs(a - b) / abs(b))
    if apart > 1e-4:
        raise AssertionError(f"losses of the first steps differ by {apart:.1e}")
    theirs = {}
    for layout in (torch.contiguous_format, torch.channels_last):
        cnn.layout = layout
        cnn.cnn.to(memory_format=layout)
        cnn.built = 0.0
        whole = seconds(dense.take_step, rounds)
        theirs[str(layout).removeprefix("torch.")] = whole - cnn.built / rounds
    ours = seconds(sparse.take_step, 4 * rounds)
    best = min(theirs, key=lambda name: theirs[name])
    ratio = theirs[best] / ours
    cells = len(data.modalities[0].value) / USERS
    print(
        f"   {channels} channels, {cells:.0f} cells a user: ours {1e3 * ours:.0f} ms, dense "
        f"{1e3 * theirs[best]:.0f} ms a step ({best}): {ratio:.1f}x (losses differ by {apart:.0e})"
    )
    return ratio


def parts(channels: int, rounds: int) -> None:
    """Where the time of our step goes."""
    data = shoppers(channels)
    sparse = training(data, dense=False)
    sparse.network.train()
    generator = np.random.default_rng(0)
    episode = sparse.sampler.draw(generator)
    batch = sparse.inputs.take(episode.users)
    image = copy.deepcopy(sparse.network.images[0])

    def backward(rows: torch.Tensor) -> None:
        rows.sum().backward()

    sparse.take_step()
    found = {
        "draw an episode": seconds(lambda: sparse.sampler.draw(generator), rounds),
        "take its cells": seconds(lambda: sparse.inputs.take(episode.users), rounds),
        "CNN forward": seconds(lambda: image(batch.modalities[0], batch.users), rounds),
        "CNN forward and backward": seconds(
            lambda: backward(image(batch.modalities[0], batch.users)), rounds
        ),
        "Adam": seconds(sparse.optimizer.step, rounds),
        "whole step": seconds(sparse.take_step, rounds),
    }
    print("   where our time goes (ms): " + ", ".join(f"{name} {1e3 * t:.1f}" for name, t in found.items()))


def main() -> None:
    torch.set_num_threads(1)
    for channels in (32, 128):
        compare(channels, rounds=3)
    parts(32, rounds=10)


if __name__ == "__main__":
    main()
