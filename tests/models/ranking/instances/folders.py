"""The days of a log as partitions on disk."""

from __future__ import annotations

from pathlib import Path

from models.ranking.features.event_log import EventDays, EventLog
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.instances.day import encode_day
from models.ranking.instances.manifest import STATE
from models.ranking.instances.partition import write_day


def written(log: EventLog, settings: FeatureSettings, folder: Path) -> list[Path]:
    """Encode day after day, each from the state that the day before has left on disk."""
    folders: list[Path] = []
    for events in EventDays.of(log):
        features = Features.load(folders[-1] / STATE) if folders else Features.start(settings, log)
        day = encode_day(features, events)
        folders.append(folder / day.name)
        write_day(day, features, folders[-1], {"source": "toy"})
    return folders
