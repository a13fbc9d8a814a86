"""Real runs killed at durable events: the next command does what is left, and the home is as undisturbed."""

import dataclasses
import os

import pytest

from tests.faults import victim
from tests.faults.campaign import Campaign, summary


@pytest.fixture(scope="module")
def campaign(process, tmp_path_factory):
    kept = {name: os.environ.get(name) for name in ("HOURFOLD_HOME", "DAGSTER_HOME")}
    yield Campaign(process, tmp_path_factory.mktemp("campaign"), seed=1, landed=(0, 1, 24))
    for name, value in kept.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_stage_is_killed_and_the_next_command_goes_on_from_there(campaign):
    assert set(campaign.events) == set(victim.STAGES) and min(campaign.events.values()) > 50
    kills = list(campaign.kills(len(victim.STAGES)))
    assert all(kill.died for kill in kills)
    assert [kill for kill in kills if not kill.recovered or kill.leftovers] == []
    assert summary(kills)["stages"]["all"]["recovered"] == len(kills)


@pytest.mark.slow
def test_what_is_missing_or_different_is_seen(campaign):
    whole = campaign.undisturbed
    assert list(whole.differences(whole)) == [] and whole.rows_lost(whole) == 0
    assert whole.champion and len(whole.states) == 4  # two systems, a day and an hour
    short = {**whole.tables, "exposures": whole.tables["exposures"].iloc[1:].reset_index(drop=True)}
    lost = dataclasses.replace(whole, tables=short, champion="", unfinished_runs=1)
    assert set(whole.differences(lost)) == {"exposures", "champion", "runs that seem to go on"}
    assert whole.rows_lost(lost) == whole.tables["exposures"]["kept"].iloc[0] > 0
    model = min(whole.states)
    other = dataclasses.replace(whole, states={**whole.states, model: "0" * 64})
    assert list(whole.differences(other)) == [f"model {model}"]
