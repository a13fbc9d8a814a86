"""The steps and epochs of a long-term graph's training, and the vectors at the end.

A step visits a bounded number of nodes, of however many there are, and an epoch takes steps in proportion to
the nodes: its cost is linear.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.layers.embedding import Rows
from models.progress import Progress
from models.ranking.features.sampling import unique_nodes
from models.ranking.lsttm.long_term_encoder import Hop, LongTermEncoder, LongTermSettings, hops, path_loss
from models.ranking.lsttm.long_term_start import begin, training_arrays
from models.ranking.lsttm.long_term_state import LongTermState, mean_pairwise_cosine
from models.ranking.lsttm.random_walks import (
    ClickGraph,
    Neighbourhoods,
    NoiseDistribution,
    StepNoise,
    random_walks,
)
from models.ranking.training.loop import Diverged
from models.ranking.training.optim import RowOptimizer, dense_optimizer

STAGE = "long-term graph"
COLLAPSE_USERS = 1000
NODES_PER_CHUNK = 16384  #: of the last pass over all nodes


class LongTermTraining:
    """All that moves during training; an epoch's randomness comes from the seed and its number alone."""

    def __init__(
        self, graph: ClickGraph, settings: LongTermSettings, seed: int, before: LongTermState | None
    ) -> None:
        self.graph, self.settings, self.seed = graph, settings, seed
        self.device = graph.starts.device
        start = torch.Generator().manual_seed(seed)
        self.encoder = LongTermEncoder(settings.width, generator=start).to(self.device)
        self.rows = RowOptimizer("adam", settings.learning_rate, 0, settings.width, self.device)
        self.dense = dense_optimizer("adam", settings.learning_rate, self.encoder)
        sizes = (graph.users, graph.items)
        self.table, counters = begin(before, settings, seed, sizes, self.encoder, self.dense, self.rows)
        self.earlier = counters.epochs  #: of the days before
        self.epochs = settings.warm_epochs if self.earlier else settings.epochs
        self.connected = (graph.degrees > 0).nonzero().squeeze(1)
        self.noise = NoiseDistribution(graph.degrees, settings.noise_power)
        self.neighbourhoods = self._order(0)
        self.epoch = 0
        self.losses: list[float] = []
        self.collapses: list[float] = []

    @property
    def remains(self) -> bool:
        """Whether there is an epoch to come."""
        return self.epoch < self.epochs and len(self.connected) > 0

    def run_epoch(self, progress: Progress | None) -> None:
        """One pass over walks from every node that has an edge; raises Diverged."""
        s, generator = self.settings, self._generator(2 * self.epoch + 1)
        if s.neighbor_sampling != "uniform":  # uniform draws turn one order round
            self.neighbourhoods = self._order(2 * self.epoch)
        origins = self.connected.repeat(s.walks_per_node)
        batches = origins[torch.randperm(len(origins), generator=generator, device=self.device)].split(
            s.paths_per_step
        )
        total = torch.zeros((), device=self.device)
        for number, batch in enumerate(batches):
            total += self._step(batch, generator) * len(batch)
            if progress is not None:
                progress(STAGE, self.epoch * len(batches) + number + 1, self.epochs * len(batches))
        self.losses.append(float(total / len(origins)))
        if not math.isfinite(self.losses[-1]):
            raise Diverged(
                f"the long-term graph diverged: the mean loss of epoch {len(self.losses)} is not finite; "
                f"lower its learning rate (long_term.learning_rate is {s.learning_rate:g})"
            )
        self.collapses.append(self._collapse(generator))
        self.epoch += 1

    def _step(self, origins: Tensor, generator: torch.Generator) -> Tensor:
        s = self.settings
        paths = random_walks(self.graph, origins, s.hops, generator)
        noise = self._noise(len(paths), generator)
        distinct = unique_nodes(torch.cat([paths.flatten(), noise.pool])[None], None, paths[0, :1])
        path_at, pool_at = distinct.positions[0].split([paths.numel(), len(noise.pool)])
        k = min(s.step_neighbours, s.neighbours)
        first, second = hops(distinct.values[0], self.neighbourhoods, k, self.graph.users, generator)
        rows = self.table.gather(first.nodes).requires_grad_()
        loss = path_loss(
            self.encoder(rows, first, second),
            paths,
            noise.pool[noise.drawn],
            path_at.view(paths.shape),
            pool_at[noise.drawn],
            own_noise=self.noise.probability(paths).float(),
            window=s.window,
            negative_weight=s.negatives if s.negative_weight is None else s.negative_weight,
        )
        self.dense.zero_grad()
        loss.backward()
        assert rows.grad is not None
        self.dense.step()
        self.rows.step(self.table, first.nodes, rows.grad)
        return loss.detach()

    def _noise(self, paths: int, generator: torch.Generator) -> StepNoise:
        s = self.settings
        return StepNoise.draw(self.noise, paths, s.negatives * s.hops, s.noise_nodes, generator)

    @torch.no_grad()
    def _collapse(self, generator: torch.Generator) -> float:
        users = self.connected[self.connected < self.graph.users]
        drawn = torch.randperm(len(users), generator=generator, device=self.device)[:COLLAPSE_USERS]
        first, second = hops(
            users[drawn].sort().values, self.neighbourhoods, self.settings.neighbours, self.graph.users, None
        )
        vectors = self.encoder(self.table.gather(first.nodes), first, second)
        return mean_pairwise_cosine(vectors.cpu().numpy())

    @torch.no_grad()
    def vectors(self) -> Tensor:
        """Vectors of all nodes, float [U + I, width]: zero for those without edges.

        A layer at a time over all nodes, so that each is computed once.
        """
        rows = self.table
        for layer in range(2):
            out = torch.zeros_like(self.table.base)
            for chunk in self.connected.split(NODES_PER_CHUNK) if len(self.connected) else ():
                around = self.neighbourhoods.draw(chunk, self.settings.neighbours, None)
                hop = Hop.of(chunk, around, self.graph.users)
                out[chunk] = self.encoder.layer(layer, rows.gather(hop.nodes), hop)
            rows = Rows(out)
        return rows.base

    def arrays(self) -> dict[str, np.ndarray]:
        """What a later day goes on from."""
        of_users = self.connected < self.graph.users
        clicked = self.connected[of_users], self.connected[~of_users]
        epochs = self.earlier + self.epoch
        return training_arrays(self.table, self.rows, self.encoder, self.dense, clicked, self.seed, epochs)

    def state(self) -> dict[str, Any]:
        """What `resume` reads, between two epochs."""
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
        """Go on from a `state` whose fingerprint is this one; from another nothing is taken."""
        if state.get("fingerprint") != fingerprint:
            return
        self.table = Rows(state["table"])
        self.encoder.load_state_dict(state["encoder"])
        self.rows.state, self.rows.steps = [Rows(part) for part in state["rows"]], state["row_steps"]
        self.dense.load_state_dict(state["dense"])
        self.epoch, self.losses, self.collapses = state["epoch"], state["losses"], state["collapses"]

    def _order(self, number: int) -> Neighbourhoods:
        s = self.settings
        return Neighbourhoods.of(self.graph, s.neighbor_sampling, self._generator(number), s.half_life_hours)

    def _generator(self, number: int) -> torch.Generator:
        """Args: number of the draw in today's training; two for each epoch."""
        return torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + 2 * self.earlier + number)
