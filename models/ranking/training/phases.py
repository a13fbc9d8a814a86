"""What a training goes through: its epochs, a day held out for the replay, a last pass in time order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from models.progress import Progress
from models.ranking.features.codes import Layout
from models.ranking.features.instances import Instances
from models.ranking.features.vocabulary import hide_newcomers
from models.ranking.training.adaptation import AdaptationSettings
from models.ranking.training.learner import Learner
from models.ranking.training.loop import Phase, Plain, Strategy, TrainingSettings
from models.ranking.training.replay import HeldOut, choose, held_out_from
from models.ranking.training.temporal_maml import TemporalMAML


class TrainingCodes:
    """Codes of the training instances, as the phases read them: they differ in who counts as new."""

    def __init__(
        self,
        layout: Layout,
        codes: np.ndarray,
        hours: np.ndarray,
        training: TrainingSettings,
        adaptation: AdaptationSettings,
    ) -> None:
        """Args: codes int64 [N, F] of the pipeline; hours int64 [N], service hours since the epoch."""
        self.held_out_from = held_out_from(hours) if adaptation.online == "replayed" else len(hours)
        self.held_out = codes[self.held_out_from :].copy()
        self.last: np.ndarray | None = None
        if training.last_pass == "time":
            self.last = codes.copy()
            hide_newcomers(layout, self.last, hours, "hour")
        self.main = codes
        if training.newcomers != "own":
            hide_newcomers(layout, self.main, hours, training.newcomers)
        #: what tables have rows for
        self.known = self.main if self.last is None or training.newcomers == "own" else self.last


def phases(
    codes: TrainingCodes,
    instances: Callable[[np.ndarray], Instances],
    strategy: Strategy,
    training: TrainingSettings,
    adaptation: AdaptationSettings,
    progress: Progress | None,
) -> list[Phase]:
    """The phases of a training.

    Args:
        codes: of the training instances.
        instances: makes instances of codes [N, F].
        strategy: how epochs go.
        training, adaptation: the system's settings.
        progress: called during the replay.

    Raises:
        ValueError: a replay or a last pass is set where training does not go by gradient steps.
    """
    if len(codes.held_out) or codes.last is not None:
        _check_steps(strategy)
    data, first = instances(codes.main), codes.held_out_from
    out = [Phase(data.part(0, first), strategy, training.epochs)]
    if adaptation.online == "replayed":
        last_day = data.part(first, len(data))

        def replay(learner: Learner) -> dict[str, Any]:
            return {"replay": choose(learner, HeldOut(last_day, codes.held_out), adaptation, progress)}

        out.append(Phase(last_day, strategy, training.epochs, replay))
    if codes.last is not None:
        in_order = Plain(training.model_copy(update={"order": "time"}), training.last_pass_rate)
        out.append(Phase(instances(codes.last), in_order, 1, _reset_items))
    return out


def _check_steps(strategy: Strategy) -> None:
    # Others keep more than the weights between steps, or begin anew with every plan.
    if not isinstance(strategy, Plain | TemporalMAML):
        raise ValueError(
            "adaptation.online 'replayed' and training.last_pass 'time' go on training in gradient steps, "
            f"which {type(strategy).__name__} does not; choose 'two_speed' and 'none'"
        )


def _reset_items(learner: Learner) -> dict[str, Any]:
    learner.reset_items()
    return {}
