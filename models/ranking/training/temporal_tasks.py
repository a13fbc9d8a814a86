"""Temporal tasks: support from one service hour, query from the next (paper 3.5.1; Algorithm 1, line 3).

A task is a pair of *adjacent* service hours. Every training instance stands in exactly one query set an
epoch. An hour whose preceding hour holds no instance (the first of the log, the one after a silent hour) has
nothing to adapt on: its tasks carry an empty support set, so that their step is a plain training step.

Sampling works on cells: (hour) or (hour, group of similar users). Its cost is a few operations a *task*;
nothing loops over instances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.settings import Settings

HOURS_OF_DAY = 24


class TaskSettings(Settings):
    """How the training instances are cut into tasks (the paper, 5.3: 8 tasks of 128 and 128 instances)."""

    tasks: int = 8  #: tasks a batch
    instances: int = 128  #: instances in a support set, and in a query set
    #: a task is an hour, or an hour of one group of similar users
    task_granularity: Literal["hour", "hour_x_group"] = "hour"
    group_field: int = 0  #: user field whose value makes the group; read for `hour_x_group` only
    groups: int = 4  #: the most frequent values have a group each, all others share the last one


@dataclass(frozen=True)
class TaskBatch:
    """Positions of training instances for up to `tasks` tasks.

    Weight 0 marks padding, which repeats an instance of the task: it brings no neighbourhood of its own.

    Shapes: index int64 [T, B], weight float32 [T, B]; hours int64 [T], the query sets' service hours since
    the epoch.
    """

    support: np.ndarray
    support_weight: np.ndarray
    query: np.ndarray
    query_weight: np.ndarray
    hours: np.ndarray

    def __len__(self) -> int:
        return len(self.hours)


def user_groups(codes: np.ndarray, groups: int) -> np.ndarray:
    """Group of each instance by a categorical field of its user: frequent values alone, the rest together.

    Args:
        codes: int64 [N] category code of each instance's user.
        groups: number of groups, at least 1.

    Returns:
        int64 [N] in `[0, groups)`.
    """
    values, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    rank = np.empty(len(values), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(values))
    return np.minimum(rank, groups - 1)[inverse]


class TemporalTasks:
    """Cuts instances into cells once, and draws an epoch of diversified task batches from them at a time."""

    def __init__(self, hours: np.ndarray, settings: TaskSettings, groups: np.ndarray | None = None) -> None:
        """Args: `hours` int64 [N], service hour since the epoch of each instance; `groups` int64 [N] or None.

        Raises ValueError when there is no instance, or no group for `hour_x_group`.
        """
        if not len(hours):
            raise ValueError("no training instance: temporal tasks need at least one exposure")
        if settings.task_granularity == "hour_x_group" and groups is None:
            raise ValueError("task_granularity 'hour_x_group' needs the group of each instance's user")
        if settings.task_granularity == "hour" or groups is None:
            groups = np.zeros_like(hours)
        self._settings = settings
        self._stride = int(groups.max()) + 1
        keys = hours * self._stride + groups
        self._order = np.argsort(keys, kind="stable")
        self._cells, starts = np.unique(keys[self._order], return_index=True)
        self._bounds = np.append(starts, len(keys))

    def epoch(self, generator: np.random.Generator) -> list[TaskBatch]:
        """Draw one epoch: every instance in one query set, supports drawn anew without replacement."""
        chunks = self._query_chunks(generator)
        planned = _diversify([int(c.hour) for c in chunks], self._settings.tasks, generator)
        return [self._pack([chunks[i] for i in members], generator) for members in planned]

    def _query_chunks(self, generator: np.random.Generator) -> list[_Chunk]:
        size = self._settings.instances
        before = np.searchsorted(self._cells, self._cells - self._stride)
        supported = self._cells[before] == self._cells - self._stride
        chunks = []
        for cell, key in enumerate(self._cells):
            members = generator.permutation(self._order[self._bounds[cell] : self._bounds[cell + 1]])
            support = int(before[cell]) if supported[cell] else -1
            hour = int(key) // self._stride
            # Equal parts, not full ones and a rest: an instance of a tiny rest would weigh as much as dozens.
            parts = np.array_split(members, -(-len(members) // size))
            chunks += [_Chunk(hour, part, support) for part in parts]
        return chunks

    def _pack(self, chunks: list[_Chunk], generator: np.random.Generator) -> TaskBatch:
        shape = (len(chunks), self._settings.instances)
        query = np.repeat(np.array([chunk.instances[0] for chunk in chunks])[:, None], shape[1], axis=1)
        support = query.copy()
        support_weight, query_weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for row, chunk in enumerate(chunks):
            query[row, : len(chunk.instances)] = chunk.instances
            query_weight[row, : len(chunk.instances)] = 1.0
            if chunk.support_cell < 0:
                continue
            lo, hi = self._bounds[chunk.support_cell], self._bounds[chunk.support_cell + 1]
            drawn = generator.choice(hi - lo, size=min(shape[1], hi - lo), replace=False, shuffle=False)
            support[row] = self._order[lo + drawn[0]]
            support[row, : len(drawn)] = self._order[lo + drawn]
            support_weight[row, : len(drawn)] = 1.0
        return TaskBatch(support, support_weight, query, query_weight, np.array([c.hour for c in chunks]))


@dataclass(frozen=True)
class _Chunk:
    """The query set of one task to be, and the cell that its support is drawn from (-1: none)."""

    hour: int
    instances: np.ndarray
    support_cell: int


def _diversify(hours: list[int], tasks: int, generator: np.random.Generator) -> list[list[int]]:
    """Partition chunks into batches of at most `tasks`: no hour of day twice in a batch, days spread.

    Each batch takes the hours of day with the most chunks to go (which needs the fewest batches possible),
    and for each of them a chunk of the day that the batch has used least. Batches are shuffled at the end,
    because the greedy order would put the busiest hours first.
    """
    waiting: dict[int, dict[int, list[int]]] = {}  # chunks by hour of day and day
    for i in generator.permutation(len(hours)):
        day, hour = divmod(hours[i], HOURS_OF_DAY)
        waiting.setdefault(hour, {}).setdefault(day, []).append(int(i))
    remaining = {hour: sum(map(len, days.values())) for hour, days in waiting.items()}
    batches = []
    while remaining:
        tie = generator.permutation(HOURS_OF_DAY)
        chosen = sorted(remaining, key=lambda hour: (-remaining[hour], tie[hour]))[:tasks]
        used: dict[int, int] = {}
        members = []
        # The hour with the fewest days to choose from chooses first.
        for hour in sorted(chosen, key=lambda hour: len(waiting[hour])):
            days = waiting[hour]
            day = min(days, key=lambda day: (used.get(day, 0), -len(days[day])))
            members.append(days[day].pop())
            used[day] = used.get(day, 0) + 1
            remaining[hour] -= 1
            if not days[day]:
                del days[day]
            if not remaining[hour]:
                del remaining[hour]
        batches.append(members)
    return [batches[i] for i in generator.permutation(len(batches))]
