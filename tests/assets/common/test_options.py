"""One declaration of an option: what the command line and the launchpad show is what the setting says."""

from __future__ import annotations

import inspect

import pytest
import typer.main
from pydantic import ValidationError

from assets.common.options import option
from assets.experiments.ab.assets import ABConfig
from assets.experiments.ab.settings import ABSettings
from assets.experiments.comparison.assets import ComparisonConfig
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.tuning.settings import TuneSettings
from assets.profiling.audience.requests import AudienceSettings
from orchestration.cli import app
from orchestration.cli.options import Chosen, from_settings

GROUP = typer.main.get_command(app)
MIRRORED = {
    "ab": ABSettings,
    "compare": CompareSettings,
    "tune": TuneSettings,
    "profile-eval": ProfileEvalSettings,
    "prospect": AudienceSettings,
}
NOT_ON_THE_COMMAND_LINE = {"size", "tuned"}


def mirrored():
    for command, settings in MIRRORED.items():
        parameters = {parameter.name: parameter for parameter in GROUP.commands[command].params}
        for name in settings.model_fields:
            if name in parameters:
                yield command, option(settings, name), parameters[name]


def test_defaults_bounds_and_help_are_those_of_the_setting():
    seen = list(mirrored())
    assert len(seen) > 35
    for command, of, parameter in seen:
        about = f"{command} {of.name}"
        assert parameter.required == (of.default is ...), about
        assert of.default is ... or (parameter.default or None) == (of.default or None), about
        assert parameter.help.lower() == f"{of.description}.".lower(), about
        assert getattr(parameter, "min", None) == of.least, about
        assert getattr(parameter, "max", None) == of.most, about


def test_no_setting_of_a_study_is_missing_on_its_command_line():
    hidden = NOT_ON_THE_COMMAND_LINE | {"draws", "resplits"}
    for command, settings in MIRRORED.items():
        parameters = {parameter.name for parameter in GROUP.commands[command].params}
        assert set(settings.model_fields) - parameters <= hidden, command


def test_the_launchpad_and_the_command_line_have_one_default():
    for name in set(ABConfig.model_fields) - {"workers"}:
        field, of = ABConfig.model_fields[name], option(ABSettings, name)
        assert field.default == of.default and field.description == of.description, name
    assert ABConfig().chosen()["aa"] is False
    with pytest.raises(ValidationError, match="greater than or equal to 30"):
        ABConfig(candidates=3)


def test_what_a_deployment_decides_may_be_left_open_in_the_launchpad():
    assert ComparisonConfig().chosen() == {"seeds": 1, "overrides": []}
    assert ComparisonConfig(systems="all").chosen()["systems"] == "all"
    assert "otherwise the deployment's" in ComparisonConfig.model_fields["systems"].description


def test_settings_read_what_a_person_writes():
    made = CompareSettings.model_validate(
        {"source": "simulator", "systems": "deepfm, lsttm", "days": "2025-03-08..2025-03-09", "seeds": 2}
    )
    assert made.systems == ("deepfm", "lsttm") and made.seeds == (0, 1)
    assert made.days == ("2025-03-08", "2025-03-09")
    again = CompareSettings.model_validate_json(made.model_dump_json())
    assert again == made
    everything = {"source": "simulator", "systems": "all", "days": "2025-03-08"}
    fewer = CompareSettings.model_validate(everything | {"overrides": ["*.features.counts=false"]})
    assert set(CompareSettings.model_validate(everything).systems) - set(fewer.systems) == {"item_rate"}


def test_a_command_receives_the_values_under_the_names_of_the_settings():
    seen = {}

    @from_settings(ABSettings, leave_out=("tuned",), names={"explore": "--wander"})
    def command(chosen: Chosen, more: int = 3) -> None:
        seen.update(chosen, more=more)

    tool = typer.Typer()
    tool.command()(command)
    words = [
        "--arms",
        "fm,truth",
        "--wander",
        "0.2",
        "--tiny",
        "--set",
        "a.b=1",
        "--set",
        "c.d=2",
        "--no-bounds",
    ]
    typer.main.get_command(tool).main(words, standalone_mode=False)
    assert seen["explore"] == 0.2 and seen["size"] == "tiny" and seen["bounds"] is False and seen["more"] == 3
    assert seen["overrides"] == ["a.b=1", "c.d=2"] and "tiny" not in seen
    assert ABSettings.model_validate({k: v for k, v in seen.items() if k != "more"}).arms == ("fm", "truth")
    assert set(inspect.signature(command).parameters) >= {"arms", "more"}
