"""The hourly step chosen by replaying the last day before the daily model is finished **(ours)**.

Whether an hourly step pays, and how large it should be, differs from log to log and from system to system
(spec 9). So the last day of training instances is held out; a copy of the weights lives through it hour by
hour, once for each candidate and once without any step; and the candidate with the best AUC is taken if it
beats the still model by more than the standard error of the difference. Only then is the day trained on.
Nothing of the day to be ranked is read.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from models.metrics import auc_difference
from models.progress import Progress, silent
from models.ranking.features.instances import Instances
from models.ranking.instances.rows import InstanceRows
from models.ranking.training.adaptation import AdaptationSettings, Adapter, TwoSpeed
from models.ranking.training.learner import Learner

HOURS_OF_DAY = 24
CHUNK = 512  #: instances scored at once


class HeldOut(Protocol):
    """The instances held out, nobody hidden: online, newcomers get rows once their first hour is over."""

    def hours(self) -> Iterable[InstanceRows]:
        """The rows of each hour, in time order."""

    def instances(self, rows: InstanceRows) -> Instances:
        """Some rows as instances, as the vocabulary knows them now."""


def held_out_from(first: int, end: int) -> int:
    """The first hour to hold out: the last day's, or the last quarter of a short log's.

    Args:
        first, end: hours of the instances, `[first, end)`, in service hours since the epoch.
    """
    return end - min(HOURS_OF_DAY, (end - first) // 4)


def choose(
    learner: Learner,
    held_out: HeldOut,
    settings: AdaptationSettings,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Replay the held-out hours for every candidate.

    Returns:
        `chosen`, the position of a candidate in `settings.candidates` or −1 for none; and for each candidate
        its gain in AUC over the still model (`gains`) and the gain's standard error (`errors`; DeLong,
        paired). With nothing held out, or one class only, there is no evidence: the first candidate is taken.
    """
    labels = np.concatenate([np.empty(0, bool), *(hour.clicked for hour in held_out.hours())])
    if not len(labels) or labels.all() or not labels.any():
        return {"chosen": 0, "gains": [], "errors": []}
    adapters: Sequence[Adapter | None] = [None, *(TwoSpeed.at(settings, c) for c in settings.candidates)]
    scores = []
    for done, adapter in enumerate(adapters, start=1):
        scores.append(replayed(learner, held_out, adapter, settings.batch_size))
        progress("replay", done, len(adapters))
    tests = [auc_difference(labels, other, scores[0]) for other in scores[1:]]
    gains = [0.0 if test is None else float(test[0]) for test in tests]
    errors = [0.0 if test is None else float(test[1]) for test in tests]
    best = int(np.argmax(gains))
    chosen = best if gains[best] > settings.margin * errors[best] else -1
    return {"chosen": chosen, "gains": gains, "errors": errors}


def replayed(learner: Learner, held_out: HeldOut, adapter: Adapter | None, batch_size: int) -> np.ndarray:
    """Scores float64 [N] of the held-out instances, each hour's by a copy adapted on the hours before it."""
    vocabulary = learner.vocabulary
    # The graph looks rows up in this very vocabulary, so newcomers are added to it and taken back at the end.
    learner = copy.deepcopy(learner, {id(vocabulary): vocabulary})
    learner.finish()
    scores = []
    for rows in held_out.hours():
        hour = held_out.instances(rows)
        for chunk in _chunks(len(hour), CHUNK):
            batch = hour.batch(chunk[None]).to(learner.device)
            scores.append(torch.sigmoid(learner.logits(batch)[0].double()).cpu().numpy())
        if adapter is None:
            continue
        learner.grow(vocabulary.user_column, hour.user)
        learner.grow(vocabulary.item_column, hour.item)
        hour = held_out.instances(rows)
        for chunk in _chunks(len(hour), batch_size):
            adapter.step(learner, hour.batch(chunk[None]).to(learner.device))
        adapter.finish(learner)
    vocabulary.shrink()
    return np.concatenate(scores)


def _chunks(length: int, size: int) -> list[np.ndarray]:
    return np.split(np.arange(length), range(size, length, size))
