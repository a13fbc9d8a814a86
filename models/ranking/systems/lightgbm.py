"""Gradient-boosted trees (Ke et al. 2017) over the shared features: what a practitioner would pick.

Counts, click rates and ages are ordered numbers, low-cardinality fields are categories. No gradient reaches
a tree, so nothing moves within a day but what the features count; the next daily training fits anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.features.instances import Instances
from models.ranking.instances.stream import InstanceBlock, InstanceStream, Order
from models.ranking.systems.streamed_codes import CodeRows, StreamedCodes, assembled, pieces, sample
from models.ranking.training.adaptation import Adapter
from models.ranking.training.learner import Learner
from models.ranking.training.loop import Strategy, TrainingSettings
from models.ranking.training.search_space import Choice, Range
from models.ranking.training.system import SystemEntry, SystemSettings
from models.settings import Settings

if TYPE_CHECKING:
    from lightgbm import Booster

UNORDERED = ("hour_of_day", "weekday")  #: bins whose order means nothing to a tree: the day is a circle


class TreeSettings(Settings):
    """How the trees are grown; names as in LightGBM where it has one."""

    trees: int = Field(default=400, ge=1)  #: rounds of boosting
    learning_rate: float = Field(default=0.03, gt=0)  #: share of each tree's answer that is taken
    num_leaves: int = Field(default=15, ge=2)  #: of a tree, at most
    min_data_in_leaf: int = Field(default=200, ge=1)  #: instances in a leaf, at least
    feature_fraction: float = Field(default=0.5, gt=0, le=1)  #: of the fields, drawn for each tree
    bagging_fraction: float = Field(default=0.8, gt=0, le=1)  #: of the instances, drawn for each tree
    l2: float = Field(default=1.0, ge=0)  #: penalty on a leaf's squared answer
    #: a field with more values is left out: trees learn them by heart, and the rates of an item's fields are
    #: among the features anyway
    categories: int = Field(default=100, ge=1)
    num_threads: int = Field(default=1, ge=1)  #: other numbers may round sums in another way
    #: instances that the trees are grown on, at most: of more, a random sample, by chunks of one hour each
    most_instances: int = Field(default=20_000_000, ge=1)


class Trees(nn.Module):
    """Raw scores as logits [T, B], from the codes of a batch."""

    def __init__(self, layout: Layout) -> None:
        """Args: the columns of `Batch.codes`."""
        super().__init__()
        # Never used and never moved: torch's optimisers refuse a module without parameters.
        self.unused = nn.Parameter(torch.zeros(1))
        self.layout = layout
        self.columns: list[int] = []  #: of the code matrix, as the trees read them
        self._text = ""
        self._booster: Booster | None = None

    def fit(
        self,
        codes: CodeRows,
        labels: np.ndarray,
        widest: np.ndarray,
        settings: TreeSettings,
        seed: int,
        most_at_once: int,
    ) -> float:
        """Grow all trees on instances; returns the mean cross-entropy on them.

        Args:
            codes: [N, F].
            labels: [N].
            widest: int64 [F], the greatest code of each column.
            settings: of the trees.
            seed: of what is drawn for each tree.
            most_at_once: so many instances are given as one matrix, more of them piece by piece.
        """
        import lightgbm

        self.columns = self._readable(widest, settings)
        categorical = [i for i, c in enumerate(self.columns) if self._unordered(c)]
        options = settings.model_dump(exclude={"trees", "categories", "l2", "most_instances"})
        options |= {"objective": "binary", "metric": "binary_logloss", "lambda_l2": settings.l2}
        options |= {"bagging_freq": 1, "seed": seed, "deterministic": True, "force_row_wise": True}
        options |= {"verbosity": -1}
        # A bag of no instance ends LightGBM with an error of its own.
        options["bagging_fraction"] = max(settings.bagging_fraction, 1 / len(labels))
        whole = len(codes) <= most_at_once
        readable = assembled(codes, self._matrix) if whole else pieces(codes, self._matrix)
        data = lightgbm.Dataset(
            readable, labels, categorical_feature=categorical, params=options, free_raw_data=True
        )
        grown = lightgbm.train(options, data, settings.trees, keep_training_booster=True)
        loss = grown.eval_train()[0][2]
        self.set_extra_state({"columns": self.columns, "text": grown.model_to_string()})
        return float(loss)

    def forward(self, rows_RW: Tensor, batch: Batch) -> Tensor:
        """Raw scores [T, B] on the rows' device.

        Raises:
            ValueError: no tree has been grown yet, or the batch carries no codes.
        """
        if self._booster is None or batch.codes is None:
            raise ValueError("trees score the codes of a batch, once they are grown: see `Boosting`")
        codes = batch.codes.reshape(-1, batch.codes.shape[-1]).cpu().numpy()
        scores = self._booster.predict(self._matrix(codes), raw_score=True, num_threads=1)
        return torch.from_numpy(np.asarray(scores)).to(rows_RW).reshape(batch.labels.shape)

    def get_extra_state(self) -> dict[str, Any]:
        """The trees in LightGBM's own text, and the columns that they read."""
        return {"columns": self.columns, "text": self._text}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take what `get_extra_state` gave."""
        self.columns, self._text = state["columns"], state["text"]
        self._booster = None
        if self._text:
            import lightgbm

            self._booster = lightgbm.Booster(model_str=self._text)

    def _unordered(self, column: int) -> bool:
        spec = self.layout.specs[column]
        return spec.kind != "bins" or spec.name in UNORDERED

    def _readable(self, widest: np.ndarray, settings: TreeSettings) -> list[int]:
        columns = []
        for c, spec in enumerate(self.layout.specs):
            narrow = spec.kind == "bins" or widest[c] < settings.categories
            if narrow and spec.kind not in ("user_id", "item_id"):
                columns.append(c)
        return columns

    def _matrix(self, codes: np.ndarray) -> np.ndarray:
        """float32 [N, C]; a category that is missing (negative) or was not seen in training goes LightGBM's
        way of missing values.
        """
        return codes[:, self.columns].astype(np.float32)


@dataclass(frozen=True)
class Growth:
    """All trees, as the one step of a plan."""

    seed: int
    stream: InstanceStream


class Boosting:
    """A strategy of one step: all trees on all instances; the module holds them."""

    def __init__(self, settings: TreeSettings, block_size: int) -> None:
        """Args: so many instances are put before LightGBM at once, more of them piece by piece."""
        self._settings, self._block_size = settings, block_size
        self._left_out = 0

    @property
    def order(self) -> Order:
        """None: the trees read the stream themselves."""
        return "none"

    def plan(self, block: InstanceBlock, epoch: int, generator: np.random.Generator) -> Sequence[Growth]:  # noqa: ARG002
        """One step, with the seed of its draws."""
        return [Growth(int(generator.integers(2**31 - 1)), block.stream)]

    def step(self, learner: Learner, data: Instances, item: Growth) -> float:  # noqa: ARG002
        """Grow the trees."""
        assert isinstance(learner.module, Trees)
        stream = item.stream
        codes = StreamedCodes(stream, sample(stream, self._settings.most_instances, item.seed))
        self._left_out = len(stream) - len(codes)
        widest = np.array([learner.vocabulary.widest(c) for c in range(len(stream.layout))])
        return learner.module.fit(codes, codes.labels(), widest, self._settings, item.seed, self._block_size)

    def state(self) -> dict[str, Any]:
        """How many instances of the window were left out of the sample."""
        return {"left_out": self._left_out}

    def restore(self, state: dict[str, Any]) -> None:
        """Take what `state` gave."""
        self._left_out = state["left_out"]


class LightGBMSettings(SystemSettings):
    """LightGBM over the codes of the shared feature pipeline. Of `training`, trees read the window alone."""

    kind: Literal["lightgbm"] = "lightgbm"  #: names the class
    training: TrainingSettings = TrainingSettings(average=None)
    trees: TreeSettings = TreeSettings()

    @property
    def reads_codes(self) -> bool:
        """See `SystemSettings.reads_codes`."""
        return True

    def module(self, layout: Layout, generator: torch.Generator) -> Trees:  # noqa: ARG002
        """See `SystemSettings.module`."""
        return Trees(layout)

    def strategy(self) -> Strategy:
        """See `SystemSettings.strategy`."""
        return Boosting(self.trees, self.training.block_size)

    def adapter(self, strategy_state: dict[str, Any]) -> Adapter | None:  # noqa: ARG002
        """None: within a day only the features move."""
        return None


LIGHTGBM = SystemEntry(
    real=LightGBMSettings(),
    tiny=LightGBMSettings(trees=TreeSettings(trees=30, learning_rate=0.1, min_data_in_leaf=20)),
    summary="boosted trees over the shared features; within a day only the click rates they read move",
    source="Ke et al., LightGBM, NeurIPS 2017",
    space={
        "trees.trees": Choice((200, 400, 800)),
        "trees.learning_rate": Range(0.01, 0.2),
        "trees.num_leaves": Choice((7, 15, 31, 63)),
        "trees.min_data_in_leaf": Choice((20, 100, 200, 500, 1000)),
        "trees.feature_fraction": Choice((0.3, 0.5, 0.8)),
        "trees.l2": Range(0.1, 100.0),
    },
)
