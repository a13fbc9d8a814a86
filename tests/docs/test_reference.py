"""Documentation is part of the build: stale or silent pages fail."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location("build_reference", ROOT / "docs" / "build_reference.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["settings.md", "rules.md", "commands.md", "assets.md"])
def test_reference_pages_are_what_the_code_says(builder, name):
    page = builder.REFERENCE / name
    assert set(builder.PAGES) >= {name}
    assert page.exists(), "run python docs/build_reference.py"
    assert page.read_text() == builder.PAGES[name](), f"{name} is stale: run python docs/build_reference.py"


def test_every_setting_says_what_it_does(builder):
    silent = [
        f"{one.module}.{one.name}.{field.name}"
        for one in builder.settings_classes()
        for field in one.fields
        if not field.meaning and not field.type.endswith("Settings") and "Settings |" not in field.type
    ]
    assert not silent, "explain each in Field(description=…), a docstring below it or a #: comment"


def test_every_settings_class_says_what_it_is_for(builder):
    assert all(one.doc for one in builder.settings_classes())


def test_every_asset_has_a_description_group_owner_and_kind():
    from orchestration.definitions import defs

    graph = defs.get_repository_def().asset_graph
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    assert len(nodes) >= 8
    for node in nodes:
        assert node.description and len(node.description) > 40, node.key
        assert node.group_name != "default" and node.owners and node.kinds, node.key
    for key in graph.asset_check_keys:
        assert graph.get(key).description, key


def test_every_job_schedule_and_sensor_has_a_description():
    from orchestration.definitions import defs

    repository = defs.get_repository_def()
    named = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    for thing in [*named, *repository.schedule_defs, *repository.sensor_defs]:
        assert thing.description, thing.name
