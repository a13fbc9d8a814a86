"""Rankers on disk: a daily folder with everything, and hourly folders with what moved since.

- daily/<…>/: ranker.json, dense.pt, arrays/*.npy and features/ (memory-mapped when read), graph/
- hourly/<…>/: hour.json, moved.pt (what moved since the daily model: rows with their moments, dense weights),
  events.bin (the hours since the state before, which hour.json names: see `hour_chain`)

Folders appear whole or not at all.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.files import replace_folder
from models.layers.embedding import Rows
from models.ranking.features.array_files import mapped
from models.ranking.features.codes import Layout
from models.ranking.features.features import Features
from models.ranking.features.named_arrays import named, part_of
from models.ranking.features.neighbours import RowView
from models.ranking.features.vocabulary import Vocabulary
from models.ranking.hour_chain import ABOUT, Link, described, hour_name, received, write_events
from models.ranking.registry import settings_of
from models.ranking.state import RankerState
from models.ranking.training.learner import Learner
from models.ranking.training.optim import RowOptimizer, dense_optimizer
from models.ranking.training.system import SystemSettings

FORMAT = 3  #: of a daily folder
WRITABLE = ("table", "moments0")  #: arrays that a day's hours change in memory


def save_daily(state: RankerState, path: Path) -> None:
    """Write `state` whole; what its hours appended becomes part of the base."""
    learner = state.learner
    arrays = named({"vocabulary": learner.vocabulary.arrays()})
    arrays["table"] = learner.table.merged().cpu().numpy()
    for i, part in enumerate(learner.rows.state):
        arrays[f"moments{i}"] = part.merged().cpu().numpy()
    if state.user_vectors is not None:
        arrays["user_vectors"] = state.user_vectors
    about = {
        "kind": state.settings.kind,
        "settings": state.settings.model_dump_json(),
        "format": FORMAT,
        "end_ms": state.end_ms,
        "fingerprint": state.fingerprint,
        "losses": state.losses,
        "row_steps": learner.rows.steps,
        "vectors": learner.vocabulary.layout.vectors,
    }
    with replace_folder(path) as folder:
        (folder / "arrays").mkdir()
        for name, array in arrays.items():
            np.save(folder / "arrays" / f"{name}.npy", array)
        torch.save(_dense_state(state), folder / "dense.pt")
        state.features.save(folder / "features")  # what no hour moved is a link to the file it was read from
        if state.graph is not None:
            state.graph.save(folder / "graph")
        if state.content is not None:
            state.content.save(folder / "content")
        (folder / "ranker.json").write_text(json.dumps(about))


def load_daily(path: Path, device: torch.device | str = "cpu") -> RankerState:
    """The state that `save_daily` wrote. Tables are copy-on-write maps: opening costs little."""
    return _load(path, _about(path), torch.load(path / "dense.pt", device, weights_only=True), device)


def _about(path: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(_existing(path / "ranker.json").read_text())
    if about.get("format") != FORMAT:
        raise ValueError(
            f"{path} holds a ranker of format {about.get('format', 1)}, this version reads {FORMAT}: "
            "retrain it"
        )
    return about


def _load(
    path: Path, about: dict[str, Any], dense: dict[str, Any], device: torch.device | str
) -> RankerState:
    settings = settings_of(about["kind"], about["settings"])
    features = Features.load(path / "features", settings.features)
    learner = _learner(path, settings, about, features.layout, dense, device)
    learner.record()
    graph = settings.load_graph(path / "graph", RowView(learner.vocabulary, features.users, features.items))
    vectors = path / "arrays" / "user_vectors.npy"
    return RankerState(
        settings,
        features,
        learner,
        graph,
        mapped(vectors) if vectors.exists() else None,
        dense["strategy"],
        about["end_ms"],
        about["fingerprint"],
        about["losses"],
        content=settings.load_content(path / "content", features, learner.vocabulary.layout),
    )


def load_learner(path: Path, layout: Layout, device: torch.device | str = "cpu") -> Learner:
    """The weights of the daily model in `path` alone, for fields of this layout."""
    about = _about(path)
    settings = settings_of(about["kind"], about["settings"])
    dense = torch.load(path / "dense.pt", device, weights_only=True)
    return _learner(path, settings, about, layout, dense, device)


def _learner(
    path: Path,
    settings: SystemSettings,
    about: dict[str, Any],
    layout: Layout,
    dense_state: dict[str, Any],
    device: torch.device | str,
) -> Learner:
    arrays = {
        file.stem: mapped(file, "c" if file.stem in WRITABLE else "r")
        for file in sorted((path / "arrays").iterdir())
    }
    # Those that the ranker was made for: the state may have met the first vectors since.
    layout = replace(layout, vectors=tuple(about.get("vectors", (0, 0))))
    vocabulary = Vocabulary.from_arrays(layout, part_of(arrays, "vocabulary"))
    module = settings.module(layout, torch.Generator().manual_seed(0)).to(device)
    t = settings.training
    rows = RowOptimizer(t.optimizer, t.learning_rate, 0, 1, device)
    rows.steps = about["row_steps"]
    rows.state = [Rows(_tensor(arrays[f"moments{i}"], device)) for i in range(len(rows.state))]
    dense = dense_optimizer(t.optimizer, t.learning_rate, module)
    learner = Learner(module, Rows(_tensor(arrays["table"], device)), rows, dense, vocabulary)
    learner.restore_dense(dense_state["learner"])
    return learner


def save_hour(state: RankerState, path: Path, moves_to: Path | None = None) -> None:
    """Write what moved since the daily model, and the hours received since the last save.

    From then on `state` leans on that folder, as one that is loaded from it does.

    Args:
        state: a ranker with its history.
        path: the folder to write, beside those that the state leans on.
        moves_to: where the caller will move the folder, at the same depth; None: it stays.

    Raises:
        ValueError: the state leans on the folder that would be written over.
    """
    final, learner = moves_to or path, state.learner
    if final.absolute() in [link.folder.absolute() for link in state.chain]:
        raise ValueError(
            f"{final} holds an hour that this state leans on: save each hour to a folder of its own"
        )
    touched = learner.touched()
    moved = {
        "rows": touched,
        "table": learner.table.gather(touched),
        "moments": [part.gather(touched) for part in learner.rows.state],
        "grown": [(column, torch.from_numpy(ids)) for column, ids in state.grown],
    }
    hour = hour_name(state.end_ms, state.features.zone_offset_ms)
    about = {"fingerprint": state.fingerprint, "hour": hour, "row_steps": learner.rows.steps}
    with replace_folder(path) as folder:
        torch.save(moved | _dense_state(state), folder / "moved.pt")
        events = write_events(folder, state.hours)
        about |= {"events": events, "chain": described(state.chain, final)}
        (folder / ABOUT).write_text(json.dumps(about))
    state.chain, state.hours = [*state.chain, Link(final, hour, events)], []


def load_hour(daily: Path, path: Path, device: torch.device | str = "cpu") -> RankerState:
    """The state that `save_hour` wrote to `path`, of the daily model: bit for bit the one saved (CPU)."""
    base, about = _about(daily), json.loads(_existing(path / ABOUT).read_text())
    if about["fingerprint"] != base["fingerprint"]:
        raise ValueError(
            f"{path} was saved from another daily model than the one given (retrained since?): "
            f"run the day's hours again from its first one"
        )
    moved = torch.load(path / "moved.pt", device, weights_only=True)
    state = _load(daily, base, moved, device)
    state.resume(*received(path))
    for column, ids in moved["grown"]:
        state.grow(column, ids.cpu().numpy())
    learner = state.learner
    learner.table.scatter(moved["rows"], moved["table"])
    for part, values in zip(learner.rows.state, moved["moments"], strict=True):
        part.scatter(moved["rows"], values)
    learner.rows.steps = about["row_steps"]
    learner.touch(moved["rows"])
    return state


def _dense_state(state: RankerState) -> dict[str, Any]:
    return {"learner": state.learner.dense_state(), "strategy": state.strategy_state}


def _tensor(array: np.ndarray, device: torch.device | str) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array)).to(device)


def _existing(file: Path) -> Path:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no ranker was saved here; materialise it first")
    return file
