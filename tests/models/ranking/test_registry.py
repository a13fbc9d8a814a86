"""Settings of saved rankers: read back whole, or refused with what to do."""

import json

import pytest

from models.ranking.registry import SYSTEMS, settings_of


def test_settings_are_read_back():
    for entry in SYSTEMS.values():
        assert settings_of(entry.real.kind, entry.real.model_dump_json()) == entry.real


def test_settings_of_another_version_say_what_to_do():
    document = json.loads(SYSTEMS["lightgbm"].tiny.model_dump_json())
    document["trees"]["ids"] = False
    with pytest.raises(ValueError, match=r"does not take \(trees\.ids: .*\): retrain it"):
        settings_of("lightgbm", json.dumps(document))
    with pytest.raises(ValueError, match="of kind 'gone'; this version knows"):
        settings_of("gone", "{}")
