"""What is defined, held by a snapshot: a change of the graph is seen in review, never by accident.

After a change that is meant: HOURFOLD_UPDATE_SNAPSHOT=1 pytest tests/orchestration/test_definitions.py
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from orchestration.build import build
from warehouse.home import Deployment, Home

SNAPSHOT = Path(__file__).parent / "definitions.json"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    return build(Home(tmp_path_factory.mktemp("home")), Deployment(first_day="2026-03-02")).definitions


@pytest.fixture(scope="module")
def graph(definitions):
    return definitions.resolve_asset_graph()


def _mapping(node, parent):
    mapping = node.partition_mappings.get(parent)
    if isinstance(mapping, dg.TimeWindowPartitionMapping):
        return [mapping.start_offset, mapping.end_offset]
    return None if mapping is None else type(mapping).__name__


def _described(definitions, graph):
    repository = definitions.get_repository_def()
    assets = {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assets[key.to_user_string()] = {
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "owners": list(node.owners),
            "partitions": type(node.partitions_def).__name__ if node.partitions_def else None,
            "deps": {parent.to_user_string(): _mapping(node, parent) for parent in sorted(node.parent_keys)},
            "checks": {
                check.name: graph.get(check).blocking
                for check in sorted(graph.asset_check_keys)
                if check.asset_key == key
            },
            "single_run": bool(
                node.backfill_policy and node.backfill_policy.policy_type.value == "SINGLE_RUN"
            ),
            "pools": sorted(node.pools),
            "automation": node.automation_condition is not None,
        }
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    return {
        "assets": dict(sorted(assets.items())),
        "jobs": {
            job.name: {
                "assets": sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys),
                "executor": job.executor_def.name,
            }
            for job in sorted(jobs, key=lambda job: job.name)
        },
        "schedules": {
            schedule.name: [schedule.job_name, schedule.cron_schedule, schedule.execution_timezone]
            for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name)
        },
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def test_definitions_are_as_in_the_snapshot(definitions, graph):
    found = json.loads(json.dumps(_described(definitions, graph)))
    if os.environ.get("HOURFOLD_UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(json.dumps(found, indent=1) + "\n")
    assert found == json.loads(SNAPSHOT.read_text())


def test_every_asset_says_what_it_is_and_whose(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert len(node.description or "") > 40, f"{key}: a description of a sentence or more"
        assert node.owners, f"{key}: an owner"
        assert all(owner.startswith("team:") for owner in node.owners), f"{key}: a team"
        assert node.kinds, f"{key}: kinds"
        assert node.group_name in ("logs", "ranking", "profiling", "experiments", "upkeep"), f"{key}: a group"


def test_every_check_job_schedule_and_sensor_is_described(definitions, graph):
    repository = definitions.get_repository_def()
    things = [graph.get(key) for key in graph.asset_check_keys]
    things += [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    things += [*repository.schedule_defs, *repository.sensor_defs]
    assert len(things) > 10
    for thing in things:
        assert len(thing.description or "") > 20, thing


def test_all_definitions_load():
    found = build(Home.current(), Deployment(source="kuairand", zone="Etc/GMT-8", first_day="2022-04-24"))
    dg.Definitions.validate_loadable(found.definitions)
    assert found.partitions.hourly.timezone == "Etc/GMT-8"


def test_the_workspace_points_to_definitions_that_only_load():
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    (entry,) = workspace["load_from"]
    assert entry["python_module"]["module_name"] == "orchestration.definitions"
    tree = ast.parse((ROOT / "orchestration" / "definitions.py").read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]


def test_loading_definitions_imports_no_heavy_library():
    """A code server reloads them often, and every run's process loads them first."""
    heavy = ("torch", "torch_geometric", "mlflow", "great_expectations", "duckdb", "pandas", "matplotlib")
    code = f"import sys, orchestration.definitions; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]", done.stdout
    assert "Warning" not in done.stderr, done.stderr
