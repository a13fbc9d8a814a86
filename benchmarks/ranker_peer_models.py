"""The peers of ranker_peers.py: DeepFM, AutoInt and DIN of torch-rechub and of deepctr-torch, as published.

Both keep one `nn.Embedding` a field and step dense Adam over all of them. Their models, trainers and default
regularisation are used as they come. Their own data loaders put a batch together row by row; so that this
does not decide, they also train on batches that are put together beforehand.

Every category is one higher here than in our codes of a field: 0 pads lists of behaviours.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

WIDTH = 16
HIDDEN = (128, 64)
ATTENTION = (36,)  #: hidden layer of DIN's activation unit
LAYERS, HEADS = 2, 2  #: of AutoInt


@dataclass(frozen=True)
class Columns:
    """Instances as the peers want them: int32 columns, a field or a place in a list each."""

    names: tuple[str, ...]  #: of fields
    sizes: tuple[int, ...]  #: of their embedding tables
    listed: tuple[int, ...]  #: which fields describe an item: a list of behaviours has these columns
    fields: np.ndarray  #: int32 [N, F]
    lists: np.ndarray  #: int32 [N, K, len(listed)], latest last, 0 is padding and stands in front
    labels: np.ndarray  #: float32 [N]

    def take(self, index: np.ndarray) -> Columns:
        """Some of the instances."""
        return Columns(
            self.names, self.sizes, self.listed, self.fields[index], self.lists[index], self.labels[index]
        )

    def __len__(self) -> int:
        return len(self.labels)


class Rechub:
    """torch-rechub 0.9. Its MLP normalises batches, its DIN has one attention a column of the list."""

    name = "torch-rechub"

    def __init__(self, model: str, columns: Columns, rate: float, seed: int) -> None:
        """Args: model deepfm, autoint or din; whose sizes to build for; Adam's rate."""
        from torch_rechub.basic.features import SequenceFeature, SparseFeature
        from torch_rechub.models.ranking import DIN, AutoInt, DeepFM
        from torch_rechub.trainers import CTRTrainer

        torch.manual_seed(seed)
        fields = [
            SparseFeature(name, size, WIDTH, padding_idx=0 if c in columns.listed else None)
            for c, (name, size) in enumerate(zip(columns.names, columns.sizes, strict=True))
        ]
        network: dict[str, Any] = {"dims": list(HIDDEN)}
        self._listed = model == "din"
        if model == "deepfm":
            made: torch.nn.Module = DeepFM(fields, fields, network | {"activation": "relu"})
        elif model == "autoint":
            made = AutoInt(fields, None, LAYERS, HEADS, mlp_params=network | {"activation": "relu"})
        else:
            targets = [fields[c] for c in columns.listed]
            rest = [field for c, field in enumerate(fields) if c not in columns.listed]
            history = [
                SequenceFeature(
                    f"hist_{t.name}", t.vocab_size, WIDTH, "concat", shared_with=t.name, padding_idx=0
                )
                for t in targets
            ]
            made = DIN(rest, history, targets, network, {"dims": list(ATTENTION)})
        options = {"lr": rate, "weight_decay": 1e-5}  # the library's default decay
        self._trainer = CTRTrainer(made, optimizer_params=options, n_epoch=1)

    def batches(self, columns: Columns, order: Sequence[np.ndarray]) -> list[Any]:
        """Ready-made batches."""
        return [
            (_parted(self._inputs(part)), torch.from_numpy(part.labels)) for part in map(columns.take, order)
        ]

    def train(self, batches: list[Any]) -> None:
        """One pass of the library's trainer over ready-made batches."""
        with _quiet():
            self._trainer.train_one_epoch(batches)

    def train_as_published(self, columns: Columns, batch_size: int) -> None:
        """The same with the library's own data loader."""
        from torch_rechub.utils.data import DataGenerator

        inputs = self._inputs(columns)
        x, y = _parted(inputs), torch.from_numpy(columns.labels)
        few = {name: values[:1] for name, values in x.items()}
        loader, _, _ = DataGenerator(x, y).generate_dataloader(few, y[:1], few, y[:1], batch_size=batch_size)
        with _quiet():
            self._trainer.train_one_epoch(loader)

    def scores(self, columns: Columns) -> np.ndarray:
        """Click probabilities [N]."""
        order = np.array_split(np.arange(len(columns)), max(len(columns) // 512, 1))
        with _quiet():
            return np.array(self._trainer.predict(self._trainer.model, self.batches(columns, order)))

    def _inputs(self, columns: Columns) -> dict[str, np.ndarray]:
        inputs = {name: columns.fields[:, c] for c, name in enumerate(columns.names)}
        if self._listed:
            inputs |= {
                f"hist_{columns.names[c]}": columns.lists[:, :, j] for j, c in enumerate(columns.listed)
            }
        return inputs


class DeepCTR:
    """deepctr-torch 0.3."""

    name = "deepctr-torch"

    def __init__(self, model: str, columns: Columns, rate: float, seed: int) -> None:
        """Args: as `Rechub`."""
        from deepctr_torch.inputs import SparseFeat, VarLenSparseFeat
        from deepctr_torch.models import DIN, AutoInt, DeepFM

        fields: list[Any] = [
            SparseFeat(name, size, WIDTH) for name, size in zip(columns.names, columns.sizes, strict=True)
        ]
        common = {"dnn_hidden_units": HIDDEN, "seed": seed}
        self._listed = model == "din"
        if model == "deepfm":
            self.model = DeepFM(fields, fields, **common)
        elif model == "autoint":
            self.model = AutoInt(fields, fields, LAYERS, HEADS, **common)
        else:
            names = [columns.names[c] for c in columns.listed]
            fields += [
                VarLenSparseFeat(
                    SparseFeat(f"hist_{name}", columns.sizes[c], WIDTH, embedding_name=name),
                    maxlen=columns.lists.shape[1],
                    length_name="length",
                )
                for name, c in zip(names, columns.listed, strict=True)
            ]
            self.model = DIN(fields, names, att_hidden_size=ATTENTION, **common)
        self.model.compile(torch.optim.Adam(self.model.parameters(), lr=rate), "binary_crossentropy")

    def batches(self, columns: Columns, order: Sequence[np.ndarray]) -> list[Any]:
        """Ready-made batches."""
        inputs = torch.from_numpy(
            np.concatenate([_column(x) for x in self._inputs(columns).values()], axis=1)
        )
        labels = torch.from_numpy(columns.labels)
        return [(inputs[torch.from_numpy(index)], labels[torch.from_numpy(index)]) for index in order]

    def train(self, batches: list[Any]) -> None:
        """One pass of the library's `fit` over ready-made batches: its loader is replaced, nothing else."""
        from deepctr_torch.models import basemodel

        loader = basemodel.DataLoader
        basemodel.DataLoader = lambda **_: batches
        try:
            x, y = batches[0]
            self._fit([x.numpy()], y.numpy(), len(y))
        finally:
            basemodel.DataLoader = loader

    def train_as_published(self, columns: Columns, batch_size: int) -> None:
        """The same with the library's own data loader."""
        self._fit(list(self._inputs(columns).values()), columns.labels, batch_size)

    def scores(self, columns: Columns) -> np.ndarray:
        """Click probabilities [N]."""
        return self.model.predict(list(self._inputs(columns).values()), 512)[:, 0]

    def _fit(self, x: list[np.ndarray], y: np.ndarray, batch_size: int) -> None:
        with _quiet():
            self.model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0)

    def _inputs(self, columns: Columns) -> dict[str, np.ndarray]:
        """By name, in the model's order; lists are masked by length, so clicks stand in front of padding."""
        inputs = {name: columns.fields[:, c] for c, name in enumerate(columns.names)}
        if self._listed:
            length = (columns.lists[:, :, 0] > 0).sum(1)
            k = columns.lists.shape[1]
            places = (np.arange(k) - length[:, None]) % k
            lists = np.take_along_axis(columns.lists, places[:, :, None], axis=1)
            inputs |= {f"hist_{columns.names[c]}": lists[:, :, j] for j, c in enumerate(columns.listed)}
            inputs["length"] = length.astype(np.int32)
        return {name: inputs[name] for name in self.model.feature_index}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the bars and the lines that both print a step and a fit."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _column(values: np.ndarray) -> np.ndarray:
    return values[:, None] if values.ndim == 1 else values


def _parted(inputs: dict[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in inputs.items()}


PEERS = (Rechub, DeepCTR)
