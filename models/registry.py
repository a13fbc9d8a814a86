"""Every system by name, each with a real configuration and a tiny one that trains in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from models.baselines.deepfm import DeepFMSettings
from models.system import SystemSettings
from models.training import TrainingSettings


@dataclass(frozen=True)
class SystemEntry:
    """A system's two configurations and what it is."""

    real: SystemSettings
    tiny: SystemSettings
    summary: str


SYSTEMS: dict[str, SystemEntry] = {
    "deepfm": SystemEntry(
        real=DeepFMSettings(),
        tiny=DeepFMSettings(hidden=(16,), training=TrainingSettings(learning_rate=5e-3, average=0.9)),
        summary="DeepFM over the shared features: the baseline",
    ),
}


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
