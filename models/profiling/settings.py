"""Settings of the Meta-Profile Network; defaults are the printed ones (paper 3.2, 3.3, 4.1), if printed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from models.profiling.source_tasks import SourceTaskSettings
from models.settings import Settings


class HeatSettings(Settings):
    """How cells enter the network: log1p, a scale a channel, and (ours) activity taken out of the heat."""

    #: divide a user's cells by their sum, and give the sum and the number of cells apart
    normalise_users: bool = False


class NetworkSettings(Settings):
    """The profile network g (3.3): about two million parameters with two image modalities."""

    widths: tuple[int, int, int, int] = (64, 128, 256, 512)  #: filters of the four levels (Table 2)
    modality_width: int = Field(
        default=512, ge=1
    )  #: of the dense layer after Flatten, and of 'absent' vectors
    join_width: int = Field(default=512, ge=1)  #: of the layer that joins the modalities
    embedding_width: int = Field(default=128, ge=1)  #: of a profile embedding
    category_width: int = Field(default=8, ge=1)  #: of a categorical demographic's embedding
    demographic_width: int = Field(default=64, ge=1)  #: hidden width of the demographics' MLP
    #: which demographic columns are input: all, those that no source task reads (a task that is itself an
    #: input teaches nothing about behaviour), or none
    demographics: Literal["all", "outside_tasks", "none"] = "outside_tasks"
    #: share of users from whom a modality is hidden in training, so that 'absent' is learned
    hidden_share: float = Field(default=0.0, ge=0, lt=1)


class RelationSettings(Settings):
    """The similarity f of a pair of profiles (3.2)."""

    #: relation: fully connected + ReLU + one logit; cosine: matching network; prototype: distance to the mean
    kind: Literal["relation", "cosine", "prototype"] = "relation"
    hidden: int = Field(default=64, ge=1)  #: width of the relation head


class EpisodeSettings(Settings):
    """What a mini-batch meets."""

    #: the ways are source tasks, or brands with first purchases after the data's as-of day as labels (ours)
    episodes: Literal["tasks", "brands"] = "tasks"
    ways: int = Field(default=9, ge=1)  #: N; drawn anew each step where there are more
    shots: int = Field(default=1, ge=1)  #: K members of each way in the support
    batch_size: int = Field(default=32, ge=1)  #: users of a mini-batch, none of them in the support
    #: a brand is a way only with so many customers among the training users
    min_members: int = Field(default=10, ge=1)


class ScheduleSettings(Settings):
    """Learning rates: cyclical first [28], then cosine with warm restarts [29] (4.1)."""

    cyclical_steps: int = Field(default=120, ge=0)  #: of the first phase
    cycle: int = Field(default=40, ge=2)  #: steps of one triangle
    low: float = Field(default=1e-4, gt=0)  #: the rate at the feet of a triangle
    high: float = Field(default=1e-3, gt=0)  #: the rate at its top, and at every warm restart
    restart_steps: int = Field(default=120, ge=0)  #: of the second phase
    first_period: int = Field(default=40, ge=1)  #: steps until the first warm restart
    period_factor: int = Field(default=2, ge=1)  #: each period is so many times the one before
    floor: float = Field(default=1e-6, gt=0)  #: the rate at the end of a period

    @property
    def steps(self) -> int:
        """Of both phases."""
        return self.cyclical_steps + self.restart_steps


class ValidationSettings(Settings):
    """Stopping by users held out of training (ours; the paper saw no overfitting)."""

    share: float = Field(default=0.0, ge=0, lt=1)  #: of the training users; 0 trains to the last step
    every: int = Field(default=20, ge=1)  #: steps between two looks
    episodes: int = Field(default=8, ge=1)  #: fixed mini-batches of held-out users that a look sees
    patience: int = Field(default=4, ge=1)  #: looks without a better one before training stops


class MetaProfileSettings(Settings):
    """A Meta-Profile Network and its training."""

    kind: Literal["meta_profile"] = "meta_profile"  #: which profiler the settings are of
    heat: HeatSettings = HeatSettings()
    network: NetworkSettings = NetworkSettings()
    relation: RelationSettings = RelationSettings()
    sources: SourceTaskSettings = SourceTaskSettings()
    episodes: EpisodeSettings = EpisodeSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    validation: ValidationSettings = ValidationSettings()
    checkpoint_steps: int = Field(default=50, ge=1)  #: steps between two checkpoints
    embed_batch: int = Field(default=64, ge=1)  #: users that are embedded at once; few fit a CPU's cache


class NormalTrainingSettings(Settings):
    """The baseline: the same g and f from a random start, on the target's labelled users alone; or from the
    meta-trained weights (`adapt`).
    """

    #: times that the labelled users are seen, within the bounds below
    passes: float = Field(default=8.0, gt=0)
    #: after 30 steps few labels still rank users upside down (development: AUROC .35–.42); 120 (.42–.59) are
    #: nearly as good as 240 (.43–.61), which is what an evaluation runs
    min_steps: int = Field(default=120, ge=1)
    max_steps: int = Field(default=240, ge=1)  #: as many as meta-training takes
    #: of the rates of the schedule, when starting from meta-trained weights
    finetune_rate: float = Field(default=0.1, gt=0)
    finetune_steps: int = Field(default=30, ge=1)  #: at most so many from meta-trained weights

    def steps(self, labelled: int, batch_size: int) -> int:
        """How long to train on so many labelled users."""
        wanted = round(self.passes * labelled / batch_size)
        return min(max(wanted, self.min_steps), self.max_steps)


#: The printed network, and one of the same shape that trains in seconds.
PRINTED = MetaProfileSettings()
TINY = MetaProfileSettings(
    network=NetworkSettings(
        widths=(4, 6, 8, 12), modality_width=12, join_width=16, embedding_width=8, demographic_width=8
    ),
    relation=RelationSettings(hidden=8),
    schedule=ScheduleSettings(cyclical_steps=10, cycle=10, restart_steps=10, first_period=10, high=5e-3),
    checkpoint_steps=5,
)
