"""The system `lsttm_spectral` **(ours)**: LSTTM with DIN over typed events and a factorised click graph.

Changes to `lsttm_typed`, each found on validation days (docs/decisions, 0027 and 0028):
- user's and item's vector of the factorised click graph (`click_factors.py`) and their product
  stand beside the fields: what the vectors of L_N should say of a pair, and do not (decision 0014);
- u^s comes from DIN's attention over the typed events, and the means of the latest clicks of both kinds
  stand beside the fields;
- counts, rates and ages enter the network as ordered numbers too: their neighbours in value need not be
  learned one by one;
- the pairwise products of FM leave them out: on small logs they are noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from models.layers.attention import take_nodes
from models.layers.din import DINSettings
from models.layers.embedding import gather
from models.layers.fm import pairwise
from models.layers.mlp import MLP
from models.ranking.features.batch import Batch
from models.ranking.features.event_log import EventLog
from models.ranking.features.features import AGE_LIMITS, COUNT_BINS, RATE_BINS, Layout
from models.ranking.features.neighbours import GraphSample, NeighbourIndex, RowView
from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.lsttm.factored_days import FactoredDays
from models.ranking.lsttm.model import LSTTM
from models.ranking.lsttm.typed import LSTTMTypedSettings
from models.ranking.lsttm.typed_din import TypedDIN
from models.ranking.lsttm.typed_events import TypedGraphBatch, TypedIndex, TypedSettings
from models.ranking.systems.behaviours import BehaviourBatch, BehaviourIndex, BehaviourSettings
from models.ranking.systems.din import item_columns
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import TRAINING, TWO_SPEED, Choice
from models.ranking.training.system import TINY_TRAINING, WIDTH, SystemEntry

FACTOR_LIMIT = 5.0  #: of one number of a vector, in root mean squares: a few heavy users reach far beyond

#: Middle and spread that bring the bins of a kind of number to about -1 … 1 on any log.
ORDERED = {COUNT_BINS: (8.0, 8.0), RATE_BINS: (13.0, 4.0), len(AGE_LIMITS) + 2: (10.0, 5.0)}


@dataclass(frozen=True)
class SpectralBatch:
    """Typed neighbours, lists of clicks, and both sides' factor vectors [T, B, 2, width]."""

    typed: TypedGraphBatch
    clicks: BehaviourBatch
    factors: Tensor

    def to(self, device: torch.device | str) -> SpectralBatch:
        """The same tensors on another device."""
        return SpectralBatch(self.typed.to(device), self.clicks.to(device), self.factors.to(device))


class SpectralIndex:
    """Typed neighbours and clicks, which grow by the hour, and factors, which stand still within the day."""

    def __init__(self, typed: TypedIndex, clicks: BehaviourIndex, factors: FactoredDays) -> None:
        self.typed, self.clicks, self.factors = typed, clicks, factors

    def append(self, hour: EventLog) -> None:
        """Take in what an hour received."""
        self.typed.append(hour)
        self.clicks.append(hour)

    def sample(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> GraphSample:
        """The parts' samples side by side, with the factor vectors of the instances."""
        typed, clicks = (part.sample(users, items, cutoff_ms) for part in (self.typed, self.clicks))
        factors = self.factors.vectors(users, items, cutoff_ms)
        first = len(typed.row_ids)

        def build(rows: list[Tensor]) -> SpectralBatch:
            return SpectralBatch(typed.build(rows[:first]), clicks.build(rows[first:]), factors)

        return GraphSample(typed.row_ids + clicks.row_ids, build)

    def save(self, folder: Path) -> None:
        """Each part, in a folder of its own."""
        folder.mkdir(exist_ok=True)
        for name, part in (("typed", self.typed), ("clicks", self.clicks)):
            (folder / name).mkdir()
            part.save(folder / name)
        self.factors.save(folder / "factors")


class DINShortTerm(nn.Module):
    """u^s by `TypedDIN`, in the place of `models.ranking.lsttm.typed.TypedShortTerm`."""

    def __init__(self, encoder: TypedDIN) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, rows: Tensor, graph: SpectralBatch) -> tuple[Tensor, Tensor]:
        """The user's vector [T, B, D], and whether the user has an event [T, B]."""
        typed = graph.typed
        items = gather(rows, typed.items)[..., :-1].flatten(2)
        targets = take_nodes(items, typed.instance_item)
        return self.encoder(items, targets, typed.of_users), typed.of_users.mask.any(-1)


class SpectralLSTTM(LSTTM):
    """Logits [T, B] of a batch with `codes`, `long_term` and a `SpectralBatch` as its graph."""

    middle: Tensor
    spread: Tensor
    weight: Tensor

    def __init__(
        self,
        settings: LSTTMSpectralSettings,
        layout: Layout,
        short_term: nn.Module,
        generator: torch.Generator,
    ) -> None:
        super().__init__(
            layout,
            short_term,
            settings.hidden,
            width=WIDTH,
            item_fields_in_target=True,
            context_only=False,
            see_missing=True,
            generator=generator,
        )
        specs = layout.specs
        self.ordered = [c for c, spec in enumerate(specs) if spec.kind == "bins" and spec.bins in ORDERED]
        # Positions among user, target and kept fields of those that stay embeddings.
        self.embedded = [0, 1] + [2 + k for k, c in enumerate(self.kept) if c not in self.ordered]
        scale = torch.tensor([ORDERED[specs[c].bins] for c in self.ordered]).reshape(-1, 2)
        self.register_buffer("middle", scale[:, 0], persistent=False)
        self.register_buffer("spread", scale[:, 1], persistent=False)
        self.counts_as = settings.counts_as
        counts = 0 if self.counts_as == "embeddings" else len(self.ordered)
        numbers = counts + 3 * settings.factors.width
        lists = len(settings.behaviours.lists)
        deep = lists + (len(self.embedded) if self.counts_as == "numbers" else 2 + len(self.kept))
        weight = torch.full((numbers,), settings.factor_scale)
        weight[:counts] = settings.number_scale
        self.register_buffer("weight", weight, persistent=False)
        self.linear = nn.Parameter(torch.zeros(numbers, 1))
        del self.ranker  # DeepFM over every field; here its parts are put together anew
        self.network = MLP([deep * WIDTH + numbers, *settings.hidden, 1], generator)

    def beside(self, rows: Tensor, batch: Batch) -> Tensor:
        """The mean of the latest clicks of each kind."""
        return batch.graph.clicks.means(rows)

    def rank(self, vectors: Tensor, first: Tensor, batch: Batch) -> Tensor:
        """First-order terms, FM over what is embedded, and a network over that and the numbers."""
        numbers = self.numbers(batch)
        means = vectors[..., 2 + len(self.kept) :, :]
        embedded = torch.cat([vectors[..., self.embedded, :], means], dim=-2)
        read = embedded if self.counts_as == "numbers" else vectors
        deep = torch.cat([read.flatten(-2), self.weight * numbers], dim=-1)
        logits = first.sum(-1) + pairwise(embedded) + (numbers @ self.linear).squeeze(-1)
        return logits + self.network(deep).squeeze(-1)

    def numbers(self, batch: Batch) -> Tensor:
        """Ordered counts, rates and ages, and u, v and u·v of the factors: float [T, B, N]."""
        assert batch.codes is not None  # `reads_codes`
        codes = batch.codes[..., self.ordered]
        # Bin 0 of a rate says that nothing was shown: no news, which is the middle.
        known = (codes > 0) | (self.middle != ORDERED[RATE_BINS][0])
        counts = (codes - self.middle) / self.spread * known
        user, item = batch.graph.factors.clamp(-FACTOR_LIMIT, FACTOR_LIMIT).unbind(-2)
        product = (user * item).clamp(-FACTOR_LIMIT, FACTOR_LIMIT)
        parts = [counts] if self.counts_as != "embeddings" else []
        return torch.cat([*parts, user, item, product], dim=-1)


class LSTTMSpectralSettings(LSTTMTypedSettings):
    """`lsttm_typed` with DIN and a factorised click graph; target and context have one form."""

    kind: Literal["lsttm_spectral"] = "lsttm_spectral"  #: names the class
    #: DIN's attention over the typed events; weights that sum to one, as wide as an embedding
    din: DINSettings = DINSettings(softmax=True, projected=True)
    behaviours: BehaviourSettings = BehaviourSettings(external=30)  #: whose means are fields too
    factors: FactorSettings = FactorSettings()
    #: how counts reach the network
    counts_as: Literal["numbers", "embeddings", "both"] = "both"
    number_scale: float = 0.3  #: of counts on their way into the network, beside embeddings near zero
    #: of factors on that way; small, since most users have few clicks and a vector has many numbers
    factor_scale: float = 0.1
    hidden: tuple[int, ...] = (256, 128, 64)  #: widths of the network's hidden layers

    @property
    def reads_codes(self) -> bool:
        """Counts are read as numbers."""
        return True

    def short_term_module(self, layout: Layout, generator: torch.Generator) -> DINShortTerm:
        """See `LSTTMSettings.short_term_module`."""
        width = len(item_columns(layout)) * WIDTH
        return DINShortTerm(TypedDIN(width, self.typed.age_buckets, self.din, generator, WIDTH))

    def module(self, layout: Layout, generator: torch.Generator) -> LSTTM:
        """See `SystemSettings.module`."""
        return SpectralLSTTM(self, layout, self.short_term_module(layout, generator), generator)

    def graph(self, log: EventLog, view: RowView) -> NeighbourIndex:
        """Typed neighbours, clicks and factors of a daily log."""
        return SpectralIndex(
            TypedIndex.of(self.typed, view, log),
            BehaviourIndex.of(self.behaviours, view, log),
            FactoredDays.of(self.factors, log),
        )

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex:
        """What `SpectralIndex.save` wrote, memory-mapped."""
        return SpectralIndex(
            TypedIndex.load(self.typed, view, folder / "typed"),
            BehaviourIndex.load(self.behaviours, view, folder / "clicks"),
            FactoredDays.load(folder / "factors"),
        )


LSTTM_SPECTRAL = SystemEntry(
    real=LSTTMSpectralSettings(training=TrainingSettings(batch_size=128, learning_rate=5e-4)),
    tiny=LSTTMSpectralSettings(
        typed=TypedSettings(neighbours=5, item_side=False),
        din=DINSettings(hidden=(8,), softmax=True, projected=True),
        behaviours=BehaviourSettings(internal=5, external=5),
        factors=FactorSettings(width=4, days=3),
        hidden=(16,),
        training=TINY_TRAINING,
    ),
    summary="Ours: LSTTM with DIN over typed events, a factorised click graph and ordered counts",
    source="ours",
    space={**TRAINING, **TWO_SPEED, "factor_scale": Choice((0.03, 0.1, 0.3))},
)
