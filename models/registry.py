"""Every system by name, each with a real configuration and a tiny one that trains in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.adaptation import AdaptationSettings
from models.baselines.deepfm import DeepFMSettings
from models.lsttm.long_term_encoder import LongTermSettings
from models.lsttm.short_term_graph import ShortTermSettings
from models.lsttm.system import LSTTMSettings
from models.lsttm.typed import LSTTMTypedSettings
from models.lsttm.typed_events import TypedSettings
from models.meta.temporal_tasks import TaskSettings
from models.system import SystemSettings
from models.training import TrainingSettings


@dataclass(frozen=True)
class SystemEntry:
    """A system's two configurations and what it is."""

    real: SystemSettings
    tiny: SystemSettings
    summary: str


#: The paper's optimiser and hourly rule (3.5, 5.3), of both LSTTM systems.
#: An item's row is trained from its second hour on, as it is online: the inner step is to move young rows.
_PRINTED_TRAINING = TrainingSettings(optimizer="adagrad", learning_rate=0.01, average=None, newcomers="hour")
_PRINTED_ADAPTATION = AdaptationSettings(online="sgd")
_LSTTM = LSTTMSettings(training=_PRINTED_TRAINING, adaptation=_PRINTED_ADAPTATION)
_TINY_LSTTM = LSTTMSettings(
    short_term=ShortTermSettings(neighbours=5),
    hidden=(16,),
    tasks=TaskSettings(tasks=4, instances=32),
    training=_PRINTED_TRAINING,
    adaptation=_PRINTED_ADAPTATION,
)

SYSTEMS: dict[str, SystemEntry] = {
    "deepfm": SystemEntry(
        real=DeepFMSettings(training=TrainingSettings(learning_rate=5e-4)),
        tiny=DeepFMSettings(hidden=(16,), training=TrainingSettings(learning_rate=5e-3, average=0.9)),
        summary="DeepFM over the shared features: the baseline",
    ),
    "lsttm_no_meta": SystemEntry(
        real=_LSTTM.model_copy(update={"meta": None}),
        tiny=_TINY_LSTTM.model_copy(update={"meta": None}),
        summary="LSTTM trained plainly: short-term graph, long-term vectors, gate and DeepFM",
    ),
    "lsttm": SystemEntry(
        real=_LSTTM,
        tiny=_TINY_LSTTM,
        summary="The paper's LSTTM: trained by temporal MAML, second order, adapted by its inner step",
    ),
    "lsttm_typed": SystemEntry(
        real=LSTTMTypedSettings(training=TrainingSettings(batch_size=128)),
        tiny=LSTTMTypedSettings(
            typed=TypedSettings(neighbours=5, item_side=False),
            hidden=(16,),
            training=TrainingSettings(learning_rate=5e-3, average=0.9),
        ),
        summary="Ours: LSTTM over typed neighbours (clicks, skips, engagement, external), two-speed online",
    ),
}


def long_term_settings(size: Literal["real", "tiny"]) -> LongTermSettings:
    """The long-term graph that all systems of a deployment share."""
    return LongTermSettings() if size == "real" else LongTermSettings(neighbours=5, epochs=2)


def settings_of(kind: str, document: str) -> SystemSettings:
    """Settings from their JSON; `kind` is the one written in it.

    Raises:
        ValueError: no registered system is of that kind.
    """
    classes = {entry.real.kind: type(entry.real) for entry in SYSTEMS.values()}
    if kind not in classes:
        raise ValueError(
            f"a saved ranker is of kind {kind!r}; this version knows {sorted(classes)}: retrain it"
        )
    return classes[kind].model_validate_json(document)
