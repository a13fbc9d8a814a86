"""Settings of saved rankers: read back whole, or refused with what to do."""

import json

import pytest

from models.ranking.registry import SYSTEMS, settings_of, with_ablations


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


def test_ablations_of_a_system_come_with_it_and_differ_from_it():
    names = with_ablations(["fm", "ablations:lsttm_spectral"])
    lacking = ("no_gate", "no_long_term", "no_gate_no_long_term", "no_factors")
    assert names == ("fm", "lsttm_spectral", *(f"lsttm_spectral_{what}" for what in lacking))
    settings = [SYSTEMS[name].real for name in names[1:]]
    assert len({one.model_dump_json() for one in settings}) == 5
    assert [one.uses_long_term for one in settings] == [True, True, False, False, True]
    assert [one.graph_factors is None for one in settings] == [False, False, False, False, True]
    assert [one.fusion for one in settings] == ["gate", "concat", "gate", "short_only", "gate"]
    with pytest.raises(ValueError, match="'fm' has no ablations; those that have: lsttm, lsttm_spectral"):
        with_ablations(["ablations:fm"])
