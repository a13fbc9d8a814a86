"""A clean-up that is killed at any durable step leaves nothing half and loses nothing that is needed."""

from __future__ import annotations

import os
import random
import shutil
import signal
from pathlib import Path

import dagster as dg
import pytest

from assets.common import model_registry
from assets.common.provenance import content_hash
from assets.ranking.states import States
from assets.ranking.tracking import record_day, record_hour
from orchestration.settings import prepare_home
from tests.assets.upkeep.small_home import KEEP as USUAL
from tests.assets.upkeep.small_home import LAST, SYSTEMS, VERSION, days, names, small_home, tracking_of
from tests.faults import cleaner
from tests.faults.kills import kills

KILLS = kills("clean-up")
KEEP = USUAL.model_copy(update={"plots": 1, "hour_runs": 2, "dagster_runs": 1})
SHOWN = 8


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-03-01", end_date="2026-03-09"))
def made() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"rows": 1})


def clean(process, home: Path, step: int = 0) -> tuple[int | None, int | None]:
    """Clean up in a process of its own, killed at a step: its exit code, and how many steps it told of."""
    here, there = process.Pipe()
    child = process.Process(target=cleaner.run, args=(home, LAST, step, there))
    child.start()
    there.close()
    try:
        steps = here.recv()
    except EOFError:
        steps = None
    child.join()
    return child.exitcode, steps


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A home with twelve days, runs of hours, versions and old runs of Dagster."""
    root = tmp_path_factory.mktemp("original") / "home"
    resource = small_home(root, 12, KEEP)
    prepare_home(resource.home)
    states, tracking = States(resource.paths.models), tracking_of(resource)
    for number, day in enumerate(days(4)):
        base = states.finished(states.daily(SYSTEMS[0], day))
        parent = record_day(tracking, base, day, by_hour={"auc": 0.5}, step=0)
        record_hour(tracking, base, f"{day}-00:00", parent, metrics={"auc": 0.5}, tags={})
        folder = states.daily(SYSTEMS[0], days(12)[number])
        version = model_registry.register(
            tracking, SYSTEMS[0], days(12)[number], folder, parent, states.finished(folder).state_hash, {}
        )
        if number == 0:
            model_registry.point(tracking, "champion", version, {})
    with dg.DagsterInstance.from_config(str(resource.home.dagster)) as instance:
        for day in range(1, SHOWN + 1):
            dg.materialize([made], instance=instance, partition_key=f"2026-03-0{day}")
    return root


def copied(original: Path, folder: Path) -> Path:
    shutil.copytree(original, folder)
    return folder


def whole(home: Path) -> None:
    """Everything under its own name is complete, and what is needed is there."""
    models = home / "sources" / "simulator" / "models"
    states = States(models)
    for folder in [*models.glob("daily/*/2*"), *models.glob("hourly/*/2*"), *models.glob("long_term/2*")]:
        record = states.finished(folder)
        assert content_hash(states.ranker_path(folder)) == record.state_hash, folder
        if record.base_partition is not None:
            states.base_of(record)
            assert all(states.record(link) for link in states.leans_on(folder)), folder
    for partition in (home / "sources" / "simulator" / "instances" / VERSION).glob("2*"):
        assert {"rows.arrow", "manifest.json"} <= set(names(partition)), partition
    assert names(models / "daily" / SYSTEMS[0])[0] == days(12)[0], "the champion is gone"
    assert names(models / "daily" / SYSTEMS[0])[-1] == days(12)[-1]


def outcome(home: Path) -> dict[str, object]:
    """What a home holds, in a form that can be compared: no times, no numbers of runs."""
    source = home / "sources" / "simulator"
    files = sorted(str(path.relative_to(source)) for path in source.rglob("*") if path.is_file())
    os.environ["DAGSTER_HOME"] = str(home / "dagster")
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        runs, partitions = len(instance.get_runs()), instance.get_materialized_partitions(made.key)
    from assets.common.resources import HomeResource

    tracking = tracking_of(HomeResource(root=str(home)))
    hours = tracking.client.search_runs([tracking.experiment], "tags.kind = 'hour'")
    versions = tracking.client.search_model_versions("name='ranking-simulated'")
    return {
        "files": [name for name in files if not name.startswith("warehouse")],
        "runs": runs,
        "partitions": partitions,
        "hours": sorted(run.data.tags["partition"] for run in hours),
        "versions": sorted(str(version.version) for version in versions),
        "trash": [str(path) for path in home.rglob(".trash/*")],
    }


@pytest.mark.slow
@pytest.mark.timeout(300 + 240 * KILLS)
def test_a_killed_clean_up_leaves_nothing_half_and_a_second_one_finishes(
    process, original, tmp_path, monkeypatch
):
    monkeypatch.setenv("DAGSTER_HOME", "")
    undisturbed = copied(original, tmp_path / "undisturbed")
    code, steps = clean(process, undisturbed)
    assert code == 0
    wanted = outcome(undisturbed)
    assert steps > 100 and wanted["runs"] == 0
    assert wanted["partitions"] == {f"2026-03-0{day}" for day in range(1, SHOWN + 1)}
    whole(undisturbed)
    for step in random.Random(0).sample(range(1, steps + 1), KILLS):
        home = copied(original, tmp_path / f"killed-{step}")
        assert clean(process, home, step) == (-signal.SIGKILL, None), step
        whole(home)
        assert clean(process, home)[0] == 0, step
        assert outcome(home) == wanted, f"killed at step {step} of {steps}"
        shutil.rmtree(home)
