"""DeepFM of FuxiCTR 2.3 for training_peers.py: the library's layers, training loop and data loader.

Its wheel holds the layers and no DeepFM; `model` puts them together as the library's own DeepFM does (one
embedding a field, a factorisation machine with first-order terms, a network over all embeddings).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

HIDDEN, WIDTH = (128, 64), 16
LABEL = "clicked"


def feature_map(sizes: dict[str, int], folder: Path) -> Any:
    """The library's description of the columns, each with the number of its codes."""
    from fuxictr.features import FeatureMap

    described = FeatureMap("hourfold", str(folder))
    described.default_emb_dim = WIDTH
    for name, size in sizes.items():
        described.features[name] = {"source": "", "type": "categorical", "vocab_size": size}
    described.labels = [LABEL]
    described.num_fields = len(sizes)
    described.set_column_index()
    return described


def model(described: Any, folder: Path, rate: float) -> Any:
    """DeepFM with Adam, without regularisation."""
    from fuxictr.pytorch.layers import FactorizationMachine, FeatureEmbedding, MLP_Block
    from fuxictr.pytorch.models import BaseModel

    class FuxiDeepFM(BaseModel):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(described, verbose=0, model_root=str(folder), metrics=["AUC"])
            self.embedding_layer = FeatureEmbedding(described, WIDTH)
            self.fm = FactorizationMachine(described)
            self.mlp = MLP_Block(
                input_dim=described.sum_emb_out_dim(), output_dim=1, hidden_units=list(HIDDEN)
            )
            self.compile("adam", "binary_crossentropy", rate)
            self.reset_parameters()
            self._max_gradient_norm, self._eval_steps = 10.0, 10**9
            self._total_steps, self._stop_training = 0, False

        def forward(self, inputs: Any) -> dict[str, Any]:
            x = self.get_inputs(inputs)
            embedded = self.embedding_layer(x)
            logits = self.fm(x, embedded) + self.mlp(embedded.flatten(start_dim=1))
            return {"y_pred": self.output_activation(logits)}

    return FuxiDeepFM()


def write(columns: dict[str, np.ndarray], labels: np.ndarray, file: Path) -> None:
    """What its loader reads from disk."""
    np.savez(file, **columns, **{LABEL: labels})  # type: ignore[arg-type]


def epoch(made: Any, described: Any, file: Path, batch_size: int) -> None:
    """One epoch by the library's loop from its own shuffling loader, in this process."""
    from fuxictr.pytorch.dataloaders import RankDataLoader

    logging.disable(logging.INFO)
    loader, _ = RankDataLoader(
        described, stage="train", train_data=str(file), batch_size=batch_size, shuffle=True, num_workers=0
    )
    made.train_epoch(loader)
