"""DeepFM, AutoInt and DIN against the same models of torch-rechub 0.9 and deepctr-torch 0.3.

The same rows, fields, embedding width, hidden layers and batch size, one thread. Two questions:

- **Speed**: instances trained a second. Aim: at least twice a peer's. A peer gets batches put together
  beforehand, while ours puts its own together inside the clock; beside it stands the peer with its own data
  loader, as published. Processor seconds, medians over rounds in which every side takes its turn.
- **AUC** on later rows after the same budget: one pass over the same batches. Each side takes that learning
  rate, of the same five, which is best on the first of two later spans, and is reported on the second.
  Aim: at least the better peer's, within .002.

First, DeepFM and AutoInt must give deepctr-torch's logits from the same weights, to 1e-4. DIN differs: theirs
is a network over the encoder's vector and the fields, ours has DeepFM there, so it computes more. The moving
average of weights is part of ours, as decay is of theirs, and batch normalisation of torch-rechub's.

Rows are simulated, with a taste planted so that there is something to learn, or KuaiRand's:

    python -m benchmarks.ranker_peers
    python -m benchmarks.ranker_peers --kuairand FOLDER     # trains before 2 May 2022, reports 3 May

The peers come with `pip install -c constraints.txt -e '.[bench]'`; deepctr-torch looks for a newer version of
itself when it is imported, and says so where it cannot.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.ranker_peer_models import ATTENTION, HEADS, HIDDEN, LAYERS, PEERS, WIDTH, DeepCTR
from benchmarks.ranker_peer_rows import BEHAVIOURS, Span, World, kuairand, simulated, world
from models.layers.din import DINSettings
from models.layers.embedding import initial_rows
from models.metrics import auc
from models.ranking.systems.autoint import AutoInt, AutoIntSettings
from models.ranking.systems.behaviours import BehaviourSettings
from models.ranking.systems.deepfm import DeepFM, DeepFMSettings
from models.ranking.systems.din import DINDeepFMSettings
from models.ranking.systems.fields import FieldSettings
from models.ranking.training.learner import make_learner
from models.ranking.training.loop import Plain, TrainingSettings

BATCH = 256
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
NO_LISTS = BehaviourSettings(internal=0)
MODELS: dict[str, FieldSettings] = {
    "deepfm": DeepFMSettings(behaviours=NO_LISTS, hidden=HIDDEN),
    "autoint": AutoIntSettings(
        behaviours=NO_LISTS, hidden=HIDDEN, layers=LAYERS, heads=HEADS, head_width=WIDTH // HEADS
    ),
    "din": DINDeepFMSettings(
        behaviours=BehaviourSettings(internal=BEHAVIOURS), hidden=HIDDEN, din=DINSettings(hidden=ATTENTION)
    ),
}


class Ours:
    """A system of ours, trained step by step as `Ranker.train` does."""

    name = "ours"

    def __init__(self, model: str, w: World, rate: float, seed: int) -> None:
        settings = MODELS[model]
        training = TrainingSettings(batch_size=BATCH, learning_rate=rate)
        generator = torch.Generator().manual_seed(seed)
        module = settings.module(w.features.layout, generator)
        table = initial_rows(w.vocabulary.size, WIDTH, training.embedding_std, generator)
        self.learner = make_learner(module, table, w.vocabulary, "adam", rate, training.average)
        self._strategy, self._lists = Plain(training), bool(settings.behaviours.lists)

    def train(self, span: Span, order: Sequence[np.ndarray]) -> None:
        """One pass over the batches of `order`."""
        instances = span.instances if self._lists else replace(span.instances, graph=None)
        for index in order:
            self._strategy.step(self.learner, instances, index[None])

    def scores(self, span: Span) -> np.ndarray:
        """Logits [N] at the present weights."""
        instances = span.instances if self._lists else replace(span.instances, graph=None)
        parts = np.array_split(np.arange(len(instances)), max(len(instances) // 512, 1))
        return np.concatenate([self.learner.logits(instances.batch(part[None]))[0].numpy() for part in parts])


def check(model: str, w: World) -> None:
    """Prints the largest difference between our logits and deepctr-torch's from the same random weights."""
    ours, peer = Ours(model, w, 1e-3, 0), DeepCTR(model, w.train.columns, 1e-3, 0)
    learner, theirs, module = ours.learner, peer.model, ours.learner.module
    assert isinstance(module, DeepFM | AutoInt) and module.mlp is not None
    learner.table.base.normal_(0, 0.03, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        first = 0
        for name, size in zip(w.train.columns.names, w.train.columns.sizes, strict=True):
            rows = learner.table.base[first : first + size - 1]
            theirs.embedding_dict[name].weight[1:] = rows[:, :-1]
            theirs.linear_model.embedding_dict[name].weight[1:] = rows[:, -1:]
            first += size - 1
        *hidden, last = module.mlp.layers
        for layer, linear in zip(hidden, theirs.dnn.linears, strict=True):
            linear.weight.copy_(layer.weight.T)
            linear.bias.copy_(layer.bias[0])
        theirs.out.bias.copy_(last.bias[0])
        read_outs = [last.weight]
        if isinstance(module, AutoInt):
            read_outs.insert(0, module.read_out.weight)
            for layer, other in zip(module.layers, theirs.int_layers, strict=True):
                names = ("W_Query", "W_key", "W_Value", "W_Res")
                for name, part in zip(names, layer.weight.chunk(4, dim=1), strict=True):
                    getattr(other, name).copy_(part)
        theirs.dnn_linear.weight.copy_(torch.cat(read_outs).T)
    probability = torch.from_numpy(peer.scores(w.report.columns)).double()
    worst = float((torch.logit(probability) - torch.from_numpy(ours.scores(w.report))).abs().max())
    if not worst < 1e-4:
        raise AssertionError(f"{model}: from the same weights, logits differ by up to {worst:.1e}")
    print(f"   {model}: logits from the same weights differ by at most {worst:.0e} from {peer.name}'s")


def speed(model: str, w: World, rounds: int, steps: int) -> None:
    """Prints a line a side; the ratio is the median over rounds of a peer's time ÷ ours."""
    ours, peers = Ours(model, w, 1e-3, 0), [peer(model, w.train.columns, 1e-3, 0) for peer in PEERS]
    times: dict[str, list[float]] = {}
    for done in range(rounds + 1):
        order = _order(w, seed=done)[:steps]
        part = w.train.columns.take(np.concatenate(order))
        runs: dict[str, Callable[[], None]] = {ours.name: partial(ours.train, w.train, order)}
        for peer in peers:
            runs[peer.name] = partial(peer.train, peer.batches(w.train.columns, order))
            runs[f"{peer.name}, its own loader"] = partial(peer.train_as_published, part, BATCH)
        for name, run in runs.items():
            began = time.process_time()
            run()
            if done:  # the first round warms up
                times.setdefault(name, []).append(time.process_time() - began)
    for name, spent in times.items():
        ratio = statistics.median(t / o for t, o in zip(spent, times[ours.name], strict=True))
        rate = steps * BATCH / statistics.median(spent)
        print(f"   {model}: {name}: {rate:,.0f} instances/s, {ratio:.1f}x our time", flush=True)


def quality(model: str, w: World, seeds: int) -> None:
    """Prints a line a side: AUC on the last span, and the learning rate that the span before it chose."""
    for side in (Ours, *PEERS):
        scored: dict[float, tuple[float, float]] = {}
        for rate in RATES:
            found = [_trained(side, model, w, rate, seed) for seed in range(seeds)]
            scored[rate] = (statistics.mean(a for a, _ in found), statistics.mean(b for _, b in found))
        best = max(RATES, key=lambda rate: scored[rate][0])
        others = ", ".join(f"{rate:g}: {scored[rate][1]:.4f}" for rate in RATES)
        print(f"   {model}: {side.name}: AUC {scored[best][1]:.4f} at rate {best:g} ({others})", flush=True)


def _trained(side: type, model: str, w: World, rate: float, seed: int) -> tuple[float, float]:
    """AUC on the two later spans after one pass."""
    order = _order(w, seed)
    if side is Ours:
        ours = Ours(model, w, rate, seed)
        ours.train(w.train, order)
        ours.learner.finish()
        scores = [ours.scores(span) for span in (w.choose, w.report)]
    else:
        peer = side(model, w.train.columns, rate, seed)
        peer.train(peer.batches(w.train.columns, order))
        scores = [peer.scores(span.columns) for span in (w.choose, w.report)]
    labels = (span.instances.labels > 0 for span in (w.choose, w.report))
    first, second = (auc(known, scored) for known, scored in zip(labels, scores, strict=True))
    assert first is not None and second is not None
    return first, second


def _order(w: World, seed: int) -> list[np.ndarray]:
    """The batches of a pass; the last one, if short, is left out: normalising a batch of one fails."""
    shuffled = np.random.default_rng(seed).permutation(len(w.train.columns))
    return [shuffled[first : first + BATCH] for first in range(0, len(shuffled) - BATCH + 1, BATCH)]


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.ranker_peers")
    parser.add_argument("--kuairand", type=Path, metavar="FOLDER", help="where KuaiRand-Pure lies")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--parts", nargs="+", choices=("speed", "auc"), default=["speed", "auc"])
    parser.add_argument("--instances", type=int, default=50_000, help="trained on, at most")
    parser.add_argument("--seeds", type=int, default=1, help="trainings a learning rate")
    parser.add_argument("--rounds", type=int, default=5, help="of timing")
    parser.add_argument("--steps", type=int, default=30, help="timed in a round")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    log, choose_ms, report_ms = simulated() if options.kuairand is None else kuairand(options.kuairand)
    w = world(log, choose_ms, report_ms, options.instances)
    source = "simulated rows" if options.kuairand is None else "KuaiRand"
    print(
        f"   {source}: {len(w.train.columns):,} to train on, {len(w.choose.columns):,} to choose a rate on, "
        f"{len(w.report.columns):,} to report; {len(w.features.layout)} fields, {w.vocabulary.size:,} rows"
    )
    for model in options.models:
        if model != "din":
            check(model, w)
        if "speed" in options.parts:
            speed(model, w, options.rounds, options.steps)
        if "auc" in options.parts:
            quality(model, w, options.seeds)


if __name__ == "__main__":
    main(sys.argv[1:])
