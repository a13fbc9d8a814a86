"""The long-term graph's daily training: walks, steps, epochs with checkpoints, and the vectors at the end.

`models/ranking/lsttm/long_term_encoder.py` holds its layers and loss.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.files import replace_file
from models.layers.embedding import Rows
from models.progress import Progress
from models.ranking.features.event_log import EventLog
from models.ranking.features.sampling import unique_nodes
from models.ranking.lsttm.long_term_encoder import LongTermEncoder, LongTermSettings, hops, path_loss
from models.ranking.lsttm.long_term_state import LongTermState, mean_pairwise_cosine
from models.ranking.lsttm.random_walks import ClickGraph, NoiseDistribution, draw_neighbours, random_walks
from models.ranking.training.loop import Diverged
from models.ranking.training.optim import RowOptimizer, dense_optimizer

STAGE = "long-term graph"
COLLAPSE_USERS = 1000
NODES_PER_CHUNK = 16384  #: of the last pass over all nodes


def train_long_term(
    log: EventLog,
    settings: LongTermSettings,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> LongTermState:
    """Train on every click that `log` had received: internal and external (paper 3.5.2).

    Args:
        log: everything received before the day.
        settings: shape, loss and length of the training.
        seed: of weights, walks, neighbours and negatives; on a CPU the same seed gives the same vectors.
        device: where to compute.
        progress: told (stage, steps done, steps in all).
        checkpoint: a file written after every epoch. A training that finds one of the same log, settings and
            seed goes on from there, to the same vectors; any other is written over.

    Raises:
        Diverged: the loss is NaN or infinite.
    """
    graph = ClickGraph.of(log)
    fingerprint = _fingerprint(graph, settings, seed)
    training = _Training(graph.to(device), settings, seed)
    if checkpoint is not None and checkpoint.exists():
        training.resume(torch.load(checkpoint, map_location=device, weights_only=True), fingerprint)
    while training.epoch < settings.epochs and training.has_edges:
        training.run_epoch(progress)
        if checkpoint is not None:
            with replace_file(checkpoint) as temporary:
                torch.save(training.state() | {"fingerprint": fingerprint}, temporary)
    vectors = training.vectors().cpu().numpy()
    known = (graph.degrees > 0).numpy()
    return LongTermState(
        user_vectors=vectors[: graph.users],
        item_vectors=vectors[graph.users :],
        user_known=known[: graph.users],
        item_known=known[graph.users :],
        losses=tuple(training.losses),
        collapses=tuple(training.collapses),
        settings=settings.model_dump_json(),
    )


class _Training:
    """All that moves during training; an epoch's randomness comes from (seed, epoch) alone."""

    def __init__(self, graph: ClickGraph, settings: LongTermSettings, seed: int) -> None:
        self.graph, self.settings, self.seed = graph, settings, seed
        self.device = graph.starts.device
        nodes = graph.users + graph.items
        start = torch.Generator().manual_seed(seed)
        table = torch.randn(nodes, settings.width, generator=start) * settings.initial_std
        self.table = Rows(table.to(self.device))
        self.encoder = LongTermEncoder(settings.width, generator=start).to(self.device)
        self.rows = RowOptimizer("adam", settings.learning_rate, nodes, settings.width, self.device)
        self.dense = dense_optimizer("adam", settings.learning_rate, self.encoder)
        self.connected = (graph.degrees > 0).nonzero().squeeze(1)
        self.noise = NoiseDistribution(graph.degrees, settings.noise_power)
        self.epoch = 0
        self.losses: list[float] = []
        self.collapses: list[float] = []

    @property
    def has_edges(self) -> bool:
        return len(self.connected) > 0

    def run_epoch(self, progress: Progress | None) -> None:
        s, generator = self.settings, self._generator(self.epoch)
        neighbours, mask = self._neighbours(generator)
        origins = self.connected.repeat(s.walks_per_node)
        shuffled = torch.randperm(len(origins), generator=generator, device=self.device)
        batches = random_walks(self.graph, origins[shuffled], s.hops, generator).split(s.paths_per_step)
        total = torch.zeros((), device=self.device)
        for number, paths in enumerate(batches):
            total += self._step(paths, neighbours, mask, generator) * len(paths)
            if progress is not None:
                progress(STAGE, self.epoch * len(batches) + number + 1, s.epochs * len(batches))
        self.losses.append(float(total / len(origins)))
        if not math.isfinite(self.losses[-1]):
            raise Diverged(
                f"the long-term graph diverged: the mean loss of epoch {len(self.losses)} is not finite; "
                f"lower its learning rate (long_term.learning_rate is {s.learning_rate:g})"
            )
        self.collapses.append(self._collapse(neighbours, mask, generator))
        self.epoch += 1

    def _step(self, paths: Tensor, neighbours: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        s = self.settings
        noise = self.noise.draw(len(paths) * s.negatives * s.hops, generator).view(len(paths), -1)
        distinct = unique_nodes(torch.cat([paths, noise], dim=1)[None], None, paths[0, :1])
        first, second = hops(distinct.values[0], neighbours, mask, self.graph.users)
        rows = self.table.gather(first.nodes).requires_grad_()
        path_at, noise_at = distinct.positions[0].split([paths.shape[1], noise.shape[1]], dim=1)
        weight = s.negatives if s.negative_weight is None else s.negative_weight
        vectors = self.encoder(rows, first, second)
        loss = path_loss(vectors, paths, noise, path_at, noise_at, window=s.window, negative_weight=weight)
        self.dense.zero_grad()
        loss.backward()
        assert rows.grad is not None
        self.dense.step()
        self.rows.step(self.table, first.nodes, rows.grad)
        return loss.detach()

    def _collapse(self, neighbours: Tensor, mask: Tensor, generator: torch.Generator) -> float:
        users = self.connected[self.connected < self.graph.users]
        drawn = torch.randperm(len(users), generator=generator, device=self.device)[:COLLAPSE_USERS]
        return mean_pairwise_cosine(self._encode(users[drawn].sort().values, neighbours, mask).cpu().numpy())

    @torch.no_grad()
    def _encode(self, nodes: Tensor, neighbours: Tensor, mask: Tensor) -> Tensor:
        first, second = hops(nodes, neighbours, mask, self.graph.users)
        return self.encoder(self.table.gather(first.nodes), first, second)

    def vectors(self) -> Tensor:
        """Vectors of all nodes, float [U + I, width]: zero for those without edges."""
        out = torch.zeros(self.graph.users + self.graph.items, self.settings.width, device=self.device)
        if self.has_edges:
            neighbours, mask = self._neighbours(self._generator(self.settings.epochs))
            for chunk in self.connected.split(NODES_PER_CHUNK):
                out[chunk] = self._encode(chunk, neighbours, mask)
        return out

    def state(self) -> dict[str, Any]:
        return {
            "table": self.table.base,
            "encoder": self.encoder.state_dict(),
            "rows": [part.base for part in self.rows.state],
            "row_steps": self.rows.steps,
            "dense": self.dense.state_dict(),
            "epoch": self.epoch,
            "losses": self.losses,
            "collapses": self.collapses,
        }

    def resume(self, state: dict[str, Any], fingerprint: str) -> None:
        if state["fingerprint"] != fingerprint:
            return
        self.table = Rows(state["table"])
        self.encoder.load_state_dict(state["encoder"])
        self.rows.state, self.rows.steps = [Rows(part) for part in state["rows"]], state["row_steps"]
        self.dense.load_state_dict(state["dense"])
        self.epoch, self.losses, self.collapses = state["epoch"], state["losses"], state["collapses"]

    def _neighbours(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        s = self.settings
        return draw_neighbours(self.graph, s.neighbours, s.neighbor_sampling, generator, s.half_life_hours)

    def _generator(self, epoch: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + epoch)


def _fingerprint(graph: ClickGraph, settings: LongTermSettings, seed: int) -> str:
    # It names the layer's class: a checkpoint of another layer (decision 0029) is written over, not misread.
    about = f"GATConv {seed} {graph.users} {graph.items} {settings.model_dump_json()}"
    digest = hashlib.sha256(about.encode())
    for part in (graph.starts, graph.targets, graph.times):
        digest.update(part.numpy().tobytes())
    return digest.hexdigest()
