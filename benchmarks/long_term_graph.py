"""Claim: an epoch of the long-term graph costs in proportion to its clicks, from 10^5 to 10^7 nodes.

Clicks are drawn at random, the same number a node at every size: nine nodes of ten are users, and few items
have most of the clicks. Each size is a process of its own on one thread, so that its peak of memory is its
own; seconds are processor time. Parts: the graph out of the columns of clicks, the order of neighbours and
the table (`start`), an epoch of walks, and the vectors of all nodes.

The peer is the former step (until decision 0036), in a slim copy: 2,048 paths, each with 50 noise nodes of
its own, and padded lists of 30 neighbours for all nodes. It is timed on a few steps at the smallest size, and
its epoch is extrapolated from them; so is ours where `--steps` limits it, and the vectors are left out then.
The output says which.

    python -m benchmarks.long_term_graph --nodes 100000 1000000 10000000 --json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from models.layers.gat import GATLayer
from models.ranking.lsttm.long_term_encoder import Hop, LongTermEncoder, LongTermSettings
from models.ranking.lsttm.long_term_training import LongTermTraining
from models.ranking.lsttm.random_walks import ClickGraph, Clicks, Sample

CLICKS_A_NODE = 4
USERS = 0.9  #: share of the nodes
FORMER = {"noise_nodes": None, "step_neighbours": 30, "paths_per_step": 2048}  #: settings of the former step
FORMER_STEPS = 4


def clicks_of(nodes: int) -> Clicks:
    """Random clicks; an item's share falls with the square root of its number."""
    users = int(nodes * USERS)
    generator = np.random.default_rng(0)
    user = generator.integers(0, users, nodes * CLICKS_A_NODE, dtype=np.int32)
    item = np.square(generator.random(len(user), dtype=np.float32)) * (nodes - users - 1)
    return Clicks(user, item.astype(np.int32), np.empty(0, np.int64), users, nodes - users)


class FormerLists:
    """Neighbours of all nodes as padded lists, int64 [nodes, K], drawn once an epoch."""

    def __init__(self, training: LongTermTraining) -> None:
        nodes = torch.arange(training.graph.users + training.graph.items)
        lists = training.neighbourhoods.draw(nodes, training.settings.neighbours, None)
        self.neighbours, self.mask = lists

    def draw(self, nodes: Tensor, *_: Any) -> Sample:
        """The lists of these nodes."""
        return Sample(self.neighbours[nodes], self.mask[nodes])


class FormerEncoder(LongTermEncoder):
    """Neighbours gathered one by one."""

    def layer(self, layer: int, rows: Tensor, hop: Hop) -> Tensor:
        """As `LongTermEncoder.layer`."""
        sides = []
        for side, part in ((self.users, slice(hop.users)), (self.items, slice(hop.users, None))):
            neighbours, mask, targets = (t[part][None] for t in (hop.neighbours, hop.mask, hop.targets))
            gat = cast("GATLayer", side[layer])
            sides.append(gat.over_lists(rows[None], rows[None], neighbours, mask, targets)[0][0])
        return torch.cat(sides)


def as_formerly(training: LongTermTraining) -> None:
    """Turn a training with 30 neighbours a step and noise of each path's own into the former one."""
    training.encoder.__class__ = FormerEncoder
    training.neighbourhoods = FormerLists(training)  # type: ignore[assignment]


def measure(nodes: int, steps: int | None, former: bool) -> dict[str, Any]:
    """Seconds of each part and the peak of memory, in this process."""
    torch.set_num_threads(1)
    settings = LongTermSettings()
    if former:
        settings = settings.model_copy(update=FORMER)
    clicks = clicks_of(nodes)
    seconds: dict[str, float] = {}
    began = time.process_time()

    def lap(name: str) -> None:
        nonlocal began
        seconds[name], began = time.process_time() - began, time.process_time()

    graph = ClickGraph.of(clicks, timed=False)
    lap("graph")
    training = LongTermTraining(graph, settings, 0, None)
    if former:
        as_formerly(training)
    lap("start")
    paths, every = settings.paths_per_step, training.connected
    whole = -(-len(every) // paths)
    if steps is not None and steps < whole:
        training.connected = every[torch.randperm(len(every))[: steps * paths]].sort().values
    training.run_epoch(None)
    lap("epoch")
    done, training.connected = -(-len(training.connected) // paths), every
    seconds["step"] = seconds["epoch"] / done
    seconds["epoch"] = seconds["step"] * whole
    if not former and done == whole:
        training.vectors()
        lap("vectors")
    return {
        "nodes": nodes,
        "clicks": len(clicks.user),
        "former": former,
        "cpu_seconds": seconds,
        "epoch_extrapolated_from_steps": done if done < whole else None,
        "microseconds_a_click": 1e6 * seconds["epoch"] / len(clicks.user),
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def apart(nodes: int, steps: int | None, former: bool = False) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.long_term_graph", "--one", "--nodes", str(nodes)]
    command += ["--former"] * former + ([] if steps is None else ["--steps", str(steps)])
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(ran.stdout)
    return measured


def compare(sizes: list[int], steps: int | None) -> dict[str, Any]:
    """All sizes, and the former step at the smallest."""
    former = apart(min(sizes), FORMER_STEPS, former=True)
    ours = [apart(nodes, steps) for nodes in sizes]
    ours.sort(key=lambda one: int(one["nodes"]))
    least, most = ours[0], ours[-1]
    return {
        "ours": ours,
        "former": former,
        "former_epoch_over_ours": former["cpu_seconds"]["epoch"] / least["cpu_seconds"]["epoch"],
        "click_growth": most["microseconds_a_click"] / least["microseconds_a_click"],
    }


def show(found: dict[str, Any]) -> None:
    """Print what `compare` returns."""
    for one in [found["former"], *found["ours"]]:
        name = f"{'former: ' if one['former'] else ''}{one['nodes']:,} nodes, {one['clicks']:,} clicks"
        parts = ", ".join(f"{part} {value:.1f} s" for part, value in one["cpu_seconds"].items())
        limited = one["epoch_extrapolated_from_steps"]
        said = f" (epoch extrapolated from {limited} steps)" if limited else ""
        print(f"   {name}: {parts}{said}")
        print(f"      {one['microseconds_a_click']:.0f} µs a click, peak {one['peak_gib']:.1f} GiB")
    print(f"   former epoch over ours: {found['former_epoch_over_ours']:.1f}x")
    print(f"   a click at the largest size over one at the smallest: {found['click_growth']:.2f}")


def main() -> None:
    show(compare([50_000, 200_000], steps=None))


def run() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_term_graph")
    add = parser.add_argument
    add("--nodes", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000], help="sizes of graphs")
    add("--steps", type=int, help="steps of an epoch to take (default: the whole epoch)")
    add("--json", action="store_true", help="print one JSON object")
    add("--one", action="store_true", help="measure one size in this process and print it as JSON")
    add("--former", action="store_true", help="with --one: the former step")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.nodes[0], given.steps, given.former)))
        return
    found = compare(given.nodes, given.steps)
    if given.json:
        print(json.dumps(found))
    else:
        show(found)


if __name__ == "__main__":
    run()
