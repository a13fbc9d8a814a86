"""Training DeepFM for an epoch from disk: ours, torch-rechub, deepctr-torch, FuxiCTR, by their own loaders.

The same simulated exposures, fields, embedding width (16), hidden layers (128, 64), batch size (256) and
Adam; one thread. Ours reads partitions of instances, as a night does; the peers read files of these columns
(`.npz`, codes numbered by field) by what their libraries offer. Processor seconds from opening the files to
the end of the epoch, medians of rounds in which every side takes its turn. Peers train on fewer instances
where `--peer-instances` says so: their rates do not depend on it.

`--against FOLDER`, a checkout of an earlier commit, also trains there: whole epochs of some systems, each in
a process of its own, in turn with today's.

    python -m benchmarks.training_peers [--json] [--against FOLDER]

A peer that is not installed is left out, and said how to install.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

BATCH, RATE = 256, 1e-3
USERS, ITEMS, EXPOSURES_PER_HOUR = 20_000, 4_000, 1_500
INSTALL = {
    "torch_rechub": "pip install torch-rechub==0.9.0",
    "deepctr_torch": "pip install deepctr-torch==0.3.0",
    "fuxictr": "pip install fuxictr==2.3.10",
}


@dataclass(frozen=True)
class Stored:
    """The same instances on disk, in our form and in the peers'."""

    folders: list[Path]  #: partitions of days
    file: Path  #: columns for the peers
    sizes: dict[str, int]  #: codes of each field
    instances: int
    peer_instances: int


def simulated(hours: int) -> Any:
    """The log that all are trained on."""
    from benchmarks.simulated_log import simulated_log

    return simulated_log(users=USERS, items=ITEMS, hours=hours, exposures_per_hour=EXPOSURES_PER_HOUR, seed=0)


def store(folder: Path, hours: int, peer_instances: int) -> Stored:
    """Write a simulated log's days as partitions, and their columns for the peers."""
    from benchmarks.fuxictr_peer import write
    from models.ranking.features.event_log import EventDays
    from models.ranking.features.features import Features
    from models.ranking.instances.day import encode_day
    from models.ranking.instances.partition import write_day

    log, folders, columns, labels = simulated(hours), [], [], []
    features = Features.start(system().features, log)
    for part in EventDays.of(log):
        day = encode_day(features, part)
        features.refresh(log.users, log.items)
        folders.append(folder / day.name)
        write_day(day, features, folders[-1], {})
        features = Features.load(folders[-1] / "state")
        for rows in day.read():
            columns.append(rows.codes.matrix())
            labels.append(rows.clicked)
    matrix, clicked = np.concatenate(columns), np.concatenate(labels).astype(np.float32)
    numbered = [np.unique(column, return_inverse=True) for column in matrix.T]
    names = [spec.name for spec in features.layout.specs]
    sizes = {name: len(values) + 1 for name, (values, _) in zip(names, numbered, strict=True)}
    few = slice(0, peer_instances)
    codes = {name: (at + 1).astype(np.int32)[few] for name, (_, at) in zip(names, numbered, strict=True)}
    write(codes, clicked[few], folder / "columns.npz")
    return Stored(folders, folder / "columns.npz", sizes, len(clicked), len(clicked[few]))


def system() -> Any:
    """Our DeepFM without lists of behaviours, which the peers' has none of."""
    from models.ranking.systems.behaviours import BehaviourSettings
    from models.ranking.systems.deepfm import DeepFMSettings
    from models.ranking.training.loop import TrainingSettings

    training = TrainingSettings(batch_size=BATCH, learning_rate=RATE)
    return DeepFMSettings(behaviours=BehaviourSettings(internal=0), training=training)


def epochs_of(train: Callable[[], Any]) -> float:
    """Processor seconds that `train` spends in the training loop, reading its blocks included."""
    from models.ranking import daily_training

    spent, fit = [], daily_training.fit

    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.process_time()
        out = fit(*arguments, **named)
        spent.append(time.process_time() - began)
        return out

    daily_training.fit = timed
    try:
        train()
    finally:
        daily_training.fit = fit
    return sum(spent)


def ours(stored: Stored) -> float:
    """Processor seconds of our epoch."""
    from models.ranking.instances.window import TrainingWindow
    from models.ranking.ranker import Ranker

    window = TrainingWindow.open(stored.folders, system().features)
    return epochs_of(lambda: Ranker.train(system(), window, seed=0))


def peers(stored: Stored, folder: Path) -> Iterator[tuple[str, Callable[[], float]]]:
    """Each installed peer by name, and how to time its epoch."""
    from benchmarks import fuxictr_peer
    from benchmarks.ranker_peer_models import Columns, DeepCTR, Rechub

    names, sizes = tuple(stored.sizes), tuple(stored.sizes.values())

    def read() -> Columns:
        with np.load(stored.file) as file:
            fields = np.stack([file[name] for name in names], axis=1)
            labels = file[fuxictr_peer.LABEL]
        return Columns(names, sizes, (), fields, np.zeros((len(labels), 0, 0), np.int32), labels)

    def seconds(train: Callable[[], None]) -> float:
        began = time.process_time()
        train()
        return time.process_time() - began

    for module, peer in (("torch_rechub", Rechub), ("deepctr_torch", DeepCTR)):
        if importlib.util.find_spec(module):
            made = peer("deepfm", read(), RATE, 0)

            def epoch(made: Any = made) -> None:
                made.train_as_published(read(), BATCH)

            yield peer.name, partial(seconds, epoch)
    if importlib.util.find_spec("fuxictr"):
        described = fuxictr_peer.feature_map(stored.sizes, folder)
        fuxi = fuxictr_peer.model(described, folder, RATE)
        yield "FuxiCTR", lambda: seconds(lambda: fuxictr_peer.epoch(fuxi, described, stored.file, BATCH))


def against_peers(hours: int, rounds: int, peer_instances: int) -> dict[str, Any]:
    """Instances a second of all sides, and the median ratio to ours."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        stored = store(folder, hours, peer_instances)
        sides = dict(peers(stored, folder))
        rates: dict[str, list[float]] = {}
        for _ in range(rounds):
            rates.setdefault("ours", []).append(stored.instances / ours(stored))
            for name, seconds in sides.items():
                rates.setdefault(name, []).append(stored.peer_instances / seconds())
    return {
        "simulated": f"{stored.instances:,} exposures, {len(stored.sizes)} fields; peers on "
        f"{stored.peer_instances:,} of them",
        "instances a second": {name: round(statistics.median(values)) for name, values in rates.items()},
        "ours / peer": {
            name: round(statistics.median(a / b for a, b in zip(rates["ours"], values, strict=True)), 2)
            for name, values in rates.items()
        },
        "not installed": {m: how for m, how in INSTALL.items() if not importlib.util.find_spec(m)},
    }


def one_epoch(name: str, hours: int) -> None:
    """Print the processor seconds of one epoch of a system of the registry: the part of a checkout."""
    import orchestration  # noqa: F401  # settles threads and memory as that commit does
    from models.ranking.lsttm.long_term_state import LongTermState
    from models.ranking.ranker import Ranker
    from models.ranking.registry import SYSTEMS

    chosen, g = SYSTEMS[name].real, np.random.default_rng(1)
    users, items = (g.normal(0, 0.3, (n, 16)).astype(np.float32) for n in (USERS, ITEMS))
    state = LongTermState(users, items, users.any(1), items.any(1), (), (), "{}")
    long_term = state if chosen.uses_long_term else None
    log = simulated(hours)
    print(epochs_of(lambda: Ranker.train(chosen, log, seed=0, long_term=long_term)))


def against_checkout(folder: Path, names: Sequence[str], hours: int, rounds: int) -> dict[str, Any]:
    """Whole epochs here and in a checkout, turn by turn: instances a second of both, and their ratio."""
    here, out = Path(__file__).resolve().parents[1], {}
    for name in names:
        rates: dict[Path, list[float]] = {here: [], folder: []}
        for _ in range(rounds):
            for root, measured in rates.items():
                code = Path(__file__).read_text()
                command = [sys.executable, "-c", code, "--one", name, "--hours", str(hours)]
                environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
                ran = subprocess.run(
                    command, cwd=root, env=environment, capture_output=True, text=True, check=True
                )
                measured.append(hours * EXPOSURES_PER_HOUR / float(ran.stdout.split()[-1]))
        ratios = [a / b for a, b in zip(rates[here], rates[folder], strict=True)]
        out[name] = {
            "instances a second": round(statistics.median(rates[here])),
            "there": round(statistics.median(rates[folder])),
            "ratio": round(statistics.median(ratios), 2),
            "ratios": [round(ratio, 2) for ratio in ratios],
        }
    return out


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.training_peers")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--hours", type=int, default=72, help=f"of {EXPOSURES_PER_HOUR:,} exposures each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-instances", type=int, default=25_600)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="a checkout of an earlier commit")
    parser.add_argument("--systems", nargs="+", default=["deepfm", "lsttm", "lsttm_spectral"])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        one_epoch(options.one, options.hours)
        return
    import torch

    from models.threads import settle_memory

    settle_memory()
    torch.set_num_threads(1)
    figures = {"peers": against_peers(options.hours, options.rounds, options.peer_instances)}
    if options.against:
        there = options.against.resolve()
        figures["against"] = against_checkout(there, options.systems, options.hours, options.rounds)
    print(json.dumps(figures) if options.json else json.dumps(figures, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
