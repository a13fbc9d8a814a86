"""Gradient-boosted trees as a module: columns of a batch in, logits out; grown by LightGBM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.systems.streamed_rows import MatrixRows, assembled, pieces
from models.ranking.systems.tree_inputs import numbers_of
from models.settings import Settings

if TYPE_CHECKING:
    from lightgbm import Booster, Dataset

UNORDERED = ("hour_of_day", "weekday")  #: bins whose order means nothing to a tree: the day is a circle


class TreeSettings(Settings):
    """How the trees are grown; names as in LightGBM where it has one."""

    trees: int = Field(default=400, ge=1)  #: rounds of boosting; the most, where `patience` ends them earlier
    #: rounds without a better loss on the latest day of the window, which is held out, after which growing
    #: ends; then the trees are grown anew on the whole window, as many as were best. None: `trees` rounds
    patience: int | None = Field(default=None, ge=1)
    learning_rate: float = Field(default=0.03, gt=0)  #: share of each tree's answer that is taken
    num_leaves: int = Field(default=15, ge=2)  #: of a tree, at most
    min_data_in_leaf: int = Field(default=200, ge=1)  #: instances in a leaf, at least
    feature_fraction: float = Field(default=0.5, gt=0, le=1)  #: of the columns, drawn for each tree
    bagging_fraction: float = Field(default=0.8, gt=0, le=1)  #: of the instances, drawn for each tree
    l2: float = Field(default=1.0, ge=0)  #: penalty on a leaf's squared answer
    #: a field with more values is left out: trees learn them by heart, and the rates of an item's fields are
    #: among the features anyway
    categories: int = Field(default=100, ge=1)
    num_threads: int = Field(default=1, ge=1)  #: other numbers may round sums in another way
    #: instances that the trees are grown on, at most: of more, a random sample, by chunks of one hour each
    most_instances: int = Field(default=20_000_000, ge=1)

    def options(self, seed: int, instances: int) -> dict[str, Any]:
        """As LightGBM takes them."""
        ours = {"trees", "patience", "categories", "l2", "most_instances"}
        options = self.model_dump(exclude=ours) | {"lambda_l2": self.l2, "bagging_freq": 1, "seed": seed}
        options |= {"objective": "binary", "metric": "binary_logloss", "verbosity": -1}
        options |= {"deterministic": True, "force_col_wise": True}
        # A bag of no instance ends LightGBM with an error of its own.
        options["bagging_fraction"] = max(self.bagging_fraction, 1 / instances)
        return options


class Trees(nn.Module):
    """Raw scores as logits [T, B], from the codes of a batch and the numbers beside them."""

    def __init__(self, layout: Layout) -> None:
        """Args: the columns of `Batch.codes`."""
        super().__init__()
        # Never used and never moved: torch's optimisers refuse a module without parameters.
        self.unused = nn.Parameter(torch.zeros(1))
        self.layout = layout
        self.columns: list[int] = []  #: of the code matrix, as the trees read them
        self._text = ""
        self._booster: Booster | None = None

    def read(self, widest: np.ndarray, settings: TreeSettings) -> None:
        """Choose the columns of codes by the greatest code of each, int64 [F]."""
        self.columns = []
        for c, spec in enumerate(self.layout.specs):
            narrow = spec.kind == "bins" or widest[c] < settings.categories
            if narrow and spec.kind not in ("user_id", "item_id"):
                self.columns.append(c)

    def matrix(self, batch: Batch) -> np.ndarray:
        """What the trees read of a batch, float32 [T · B, C]; NaN where a number is unknown.

        A category that is missing or was not seen in training goes LightGBM's way of missing values.

        Raises:
            ValueError: the batch carries no codes.
        """
        if batch.codes is None:
            raise ValueError("trees read the codes of a batch, and this one carries none")
        codes = batch.codes.reshape(-1, batch.codes.shape[-1])[:, self.columns].cpu().numpy()
        # Missing to LightGBM either way, but a negative category makes it print a warning.
        known = np.where(codes < 0, np.float32(np.nan), codes.astype(np.float32))
        return np.concatenate([known, numbers_of(batch, self.layout)], axis=1)

    def fit(
        self,
        rows: MatrixRows,
        labels: np.ndarray,
        settings: TreeSettings,
        seed: int,
        most_at_once: int,
        earlier: int = 0,
    ) -> tuple[float, int]:
        """Grow all trees on instances; returns the mean cross-entropy on them, and the number of trees.

        Args:
            rows: [N, C], as `matrix` makes them.
            labels: [N].
            settings: of the trees.
            seed: of what is drawn for each tree.
            most_at_once: so many numbers are given as one matrix, more of them piece by piece.
            earlier: instances before those of the latest day; 0, or all: no day can be held out.
        """
        import lightgbm

        options = settings.options(seed, len(labels))
        whole = len(rows) * rows[:1].shape[1] <= most_at_once
        data = lightgbm.Dataset(
            assembled(rows) if whole else pieces(rows),
            labels,
            categorical_feature=[i for i, c in enumerate(self.columns) if self._unordered(c)],
            params=options,
            free_raw_data=True,
        )
        rounds = settings.trees
        if settings.patience is not None and 0 < earlier < len(labels):
            rounds = _best_rounds(data, options, settings.trees, settings.patience, earlier, len(labels))
        grown = lightgbm.train(options, data, rounds, keep_training_booster=True)
        loss = grown.eval_train()[0][2]
        self.set_extra_state({"columns": self.columns, "text": grown.model_to_string()})
        return float(loss), rounds

    def forward(self, rows_RW: Tensor, batch: Batch) -> Tensor:
        """Raw scores [T, B] on the rows' device.

        Raises:
            ValueError: no tree has been grown yet, or the batch carries no codes.
        """
        if self._booster is None:
            raise ValueError("trees score once they are grown: see `Boosting`")
        scores = self._booster.predict(self.matrix(batch), raw_score=True, num_threads=1)
        return torch.from_numpy(np.asarray(scores)).to(rows_RW).reshape(batch.labels.shape)

    def get_extra_state(self) -> dict[str, Any]:
        """The trees in LightGBM's own text, and the columns of codes that they read."""
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


def _best_rounds(
    data: Dataset, options: dict[str, Any], most: int, patience: int, earlier: int, total: int
) -> int:
    """The number of rounds on the first `earlier` instances that is best on those after them."""
    import lightgbm

    parts = []
    for first, end in ((0, earlier), (earlier, total)):
        part = data.subset([])
        cast("Any", part).used_indices = np.arange(first, end, dtype=np.int32)  # a list of them would be huge
        parts.append(part)
    stop = lightgbm.early_stopping(patience, verbose=False)
    grown = lightgbm.train(options, parts[0], most, valid_sets=parts[1:], callbacks=[stop])
    return max(grown.best_iteration, 1)
