"""What a training goes through: its epochs, a day held out for the replay, a last pass in time order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.progress import Progress, silent
from models.ranking.instances.newcomers import Newcomers
from models.ranking.instances.stream import InstanceStream
from models.ranking.training.adaptation import AdaptationSettings
from models.ranking.training.learner import Learner
from models.ranking.training.loop import Phase, Plain, Strategy, TrainingSettings
from models.ranking.training.replay import choose, held_out_from
from models.ranking.training.temporal_maml import TemporalMAML


@dataclass(frozen=True)
class Phases:
    """The parts of a training, by the settings alone."""

    strategy: Strategy
    training: TrainingSettings
    adaptation: AdaptationSettings

    @property
    def with_rows(self) -> Newcomers:
        """Who is new to the table: nobody else has a row."""
        last = self.training.last_pass == "time" and self.training.newcomers != "own"
        return "hour" if last else self.training.newcomers

    def of(self, stream: Callable[[Newcomers], InstanceStream], progress: Progress = silent) -> list[Phase]:
        """The phases over the instances of a window.

        Args:
            stream: gives all instances, by who is hidden as new.
            progress: called during the replay.

        Raises:
            ValueError: a replay or a last pass is set where training does not go by gradient steps.
        """
        training, adaptation = self.training, self.adaptation
        data = stream(training.newcomers)
        first, end = int(data.chunks[0, 0]), int(data.chunks[-1, 0]) + 1
        held_out = held_out_from(first, end) if adaptation.online == "replayed" else end
        if held_out < end or training.last_pass == "time":
            _check_steps(self.strategy)
        out = [Phase(data.between(first, held_out), self.strategy, training.epochs)]
        if adaptation.online == "replayed":
            unhidden = stream("own").between(held_out, end)

            def replay(learner: Learner) -> dict[str, Any]:
                return {"replay": choose(learner, unhidden, adaptation, progress)}

            out.append(Phase(data.between(held_out, end), self.strategy, training.epochs, replay))
        if training.last_pass == "time":
            in_order = Plain(training.model_copy(update={"order": "time"}), training.last_pass_rate)
            out.append(Phase(stream("hour"), in_order, 1, _reset_items))
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
