"""Claim (a): one LSTTM training step (8 tasks of 128 + 128, second order) on one CPU thread, against the same
model written from GATConv on edge lists with `higher` (edge_list_lsttm.py). Aim: at least 5 times as fast.

Both start from the same weights and take the same tasks with the same sampled neighbours. Drawing those is
in neither (it is printed apart), but what our step needs beyond (profiles merged, sums sorted) is ours. The
losses of the first step must agree to 1e-4 before anything is timed. Times are CPU seconds of the one thread.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.edge_list_lsttm import EdgeListLSTTM, TaskSet, meta_step, task_sets
from benchmarks.simulated_log import simulated_log
from models.layers.embedding import initial_rows
from models.ranking.features.batch import Batch
from models.ranking.features.features import Features
from models.ranking.features.instances import Instances, LatestVectors
from models.ranking.features.neighbours import RowView
from models.ranking.features.vocabulary import Vocabulary
from models.ranking.instances.maker import InstanceMaker
from models.ranking.instances.newcomers import vocabulary_of
from models.ranking.instances.stream import InstanceStream
from models.ranking.instances.window import TrainingWindow
from models.ranking.lsttm.model import dense_group
from models.ranking.lsttm.short_term_graph import ShortTermIndex
from models.ranking.lsttm.system import LSTTMSettings
from models.ranking.training.learner import Learner, make_learner
from models.ranking.training.maml import expand, inner_step, join, meta_gradient, task_losses
from models.ranking.training.rates import InnerRates, MetaSettings
from models.ranking.training.temporal_tasks import TaskBatch, TaskSettings, TemporalTasks

RATE = 0.01
WARM = 2  #: steps before the timed ones


@dataclass(frozen=True)
class World:
    """A daily log, its instances, and the tasks of one epoch."""

    settings: LSTTMSettings
    instances: Instances
    features: Features
    vocabulary: Vocabulary
    tasks: list[TaskBatch]

    def draw(self, task: TaskBatch, *, bagged: bool) -> tuple[Batch, Batch, float]:
        """Support, query, and the seconds that it took; bagged is how our step wants its neighbourhoods."""
        assert isinstance(self.instances.graph, ShortTermIndex)
        self.instances.graph.bagged = bagged
        began = time.process_time()
        support = self.instances.batch(task.support, task.support_weight)
        query = self.instances.batch(task.query, task.query_weight)
        return support, query, time.process_time() - began


def world(users: int, items: int, hours: int, exposures_per_hour: int) -> World:
    """Tasks from the last two days of a log; the days before only fill the neighbourhoods."""
    settings = LSTTMSettings(meta=MetaSettings(inner_rate=RATE))
    log = simulated_log(users=users, items=items, hours=hours, exposures_per_hour=exposures_per_hour, seed=0)
    window = TrainingWindow.of(log, settings.features, days=2)
    features, vocabulary = window.features, vocabulary_of(window.layout, window.spans(), "own")
    graph = settings.graph(window.events, RowView(vocabulary, features.users, features.items))
    vectors = np.random.default_rng(1).normal(0, 0.3, (users, 16)).astype(np.float32)
    maker = InstanceMaker(vocabulary, log.zone_offset_ms, graph, LatestVectors(vectors))
    stream = InstanceStream(window, maker)
    instances = stream.load(np.arange(len(stream.chunks)))
    epoch = TemporalTasks(instances.hour, TaskSettings()).epoch(np.random.default_rng(0))
    tasks = [b for b in epoch if len(b) == 8 and b.support_weight.any(1).all()]
    return World(settings, instances, features, vocabulary, tasks)


def learner_of(w: World, rows: int) -> Learner:
    """A learner whose table has `rows` rows; those beyond the vocabulary are users not met these days."""
    generator = torch.Generator().manual_seed(0)
    module = w.settings.module(w.features.layout, generator)
    table = initial_rows(rows, 16, 0.1, generator)
    return make_learner(module, table, w.vocabulary, "adagrad", RATE, None)


def our_step(learner: Learner, support: Batch, query: Batch, settings: MetaSettings) -> list[float]:
    joined = join(support, query)
    gradient = meta_gradient(
        learner.module,
        learner.table.gather(joined.unique),
        joined,
        InnerRates(settings),
        settings,
        learner.row_groups(joined.unique),
        dense_group,
    )
    learner.apply(gradient.rows, gradient.row_gradient, list(gradient.dense.values()))
    return gradient.query_loss.tolist()


class Peer:
    """The edge-list model with its optimisers."""

    def __init__(self, learner: Learner) -> None:
        self.model = EdgeListLSTTM(learner.module, learner.table.merged())
        self.outer = torch.optim.Adagrad(self.model.parameters(), lr=RATE)
        self.inner = torch.optim.SGD(self.model.parameters(), lr=RATE)

    def step(self, support: list[TaskSet], query: list[TaskSet], order: int) -> list[float]:
        """One training step; returns the query losses."""
        return meta_step(self.model, self.outer, self.inner, support, query, order)


def compare(w: World, rows: int, order: int, rounds: int) -> float:
    """Prints one line; returns the peer's time ÷ ours."""
    settings = MetaSettings(inner_rate=RATE, order=order)
    learner = learner_of(w, rows)
    peer = Peer(learner)
    worst, ours, theirs, sampling = 0.0, [], [], []
    for i in range(WARM + rounds):
        task = w.tasks[i]
        support, query, drawing = w.draw(task, bagged=False)
        edges = task_sets(support), task_sets(query)
        support, query, sorting = w.draw(task, bagged=True)
        began = time.process_time()
        a = our_step(learner, support, query, settings)
        middle = time.process_time()
        b = peer.step(*edges, order)
        ended = time.process_time()
        if i == 0:
            worst = float(np.abs(np.array(a) - np.array(b)).max())
        if worst > 1e-4:
            raise AssertionError(f"query losses differ by {worst:.1e} in the first step: {a} against {b}")
        if i >= WARM:
            ours.append(middle - began + max(sorting - drawing, 0.0))
            sampling.append(drawing)
            theirs.append(ended - middle)
    ratio = statistics.median(theirs) / statistics.median(ours)
    mine, other, drawing = (1e3 * statistics.median(times) for times in (ours, theirs, sampling))
    print(
        f"   {rows:,} rows, order {order}: ours {mine:.0f} ms, peer {other:.0f} ms a step: {ratio:.1f}x"
        f" (median of {rounds}; first losses differ by {worst:.0e});"
        f" drawing the neighbours, in neither: {drawing:.0f} ms"
    )
    return ratio


def parts(w: World, rounds: int) -> None:
    """Where the time of our step goes."""
    settings, learner = MetaSettings(inner_rate=RATE), learner_of(w, w.vocabulary.size)
    rates = InnerRates(settings)
    spent: dict[str, list[float]] = {}
    for task in w.tasks[:rounds]:
        support, query, sorting = w.draw(task, bagged=True)
        spent.setdefault("(drawing and sorting)", []).append(sorting)
        clock = [time.process_time()]

        def lap(name: str, clock: list[float] = clock) -> None:
            clock.append(time.process_time())
            spent.setdefault(name, []).append(clock[-1] - clock[-2])

        joined = join(support, query)
        groups = learner.row_groups(joined.unique)
        rows = learner.table.gather(joined.unique).requires_grad_()
        lap("join support and query, gather rows")
        with torch.no_grad():
            learner.module(rows[joined.support_at], support)
        lap("(one forward pass alone)")
        dense = dict(learner.module.named_parameters())
        adapted_rows, adapted, _ = inner_step(
            learner.module, rows, expand(dense, 8), joined, rates(), settings, groups, dense_group
        )
        lap("inner step: forward, gradient with its graph")
        logits = torch.func.functional_call(learner.module, adapted, (adapted_rows[joined.query_at], query))
        loss = task_losses(logits, query).sum()
        lap("query forward at the adapted weights")
        gradients = torch.autograd.grad(loss, [rows, *dense.values()], materialize_grads=True)
        lap("outer gradient, through the inner step")
        unique, inverse = torch.unique(joined.unique, return_inverse=True)
        summed = torch.zeros(len(unique), 17).index_add_(0, inverse, gradients[0])
        learner.apply(unique, summed, list(gradients[1:]))
        lap("scatter and Adagrad on touched rows")
    print(f"   where our time goes (order 2, ms): {len(joined.unique):,} row copies")
    for name, times in spent.items():
        print(f"     {1e3 * statistics.median(times):7.1f}  {name}")


def main() -> None:
    torch.set_num_threads(1)
    w = world(users=30_000, items=8_000, hours=240, exposures_per_hour=3000)
    print(
        f"   simulated log of 30,000 users, 8,000 items, 720,000 exposures; {len(w.features.layout)} fields"
    )
    for rows in (w.vocabulary.size, 1_000_000):
        for order in (2, 1):
            compare(w, rows, order, rounds=3)
    parts(w, rounds=3)


if __name__ == "__main__":
    main()
