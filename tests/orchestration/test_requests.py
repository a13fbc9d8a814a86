"""The folder of requests: each runs once, a changed one again, a malformed one is put aside with a reason."""

import json
import os
import time

import dagster as dg
import pytest

from assets.common.resources import HomeResource
from assets.profiling.audience.inbox import SETTLED_SECONDS, look, mark
from assets.profiling.audience.requests import load_request
from assets.profiling.few_shot_job import REQUESTS
from orchestration.build import build
from warehouse.home import Deployment, Home

DEPLOYMENT = Deployment(source="landing", first_day="2026-03-02", systems=("deepfm",))


@pytest.fixture
def home(tmp_path):
    found = Home(tmp_path / "home")
    DEPLOYMENT.model_copy(update={"landing": str(tmp_path / "shop")}).save(found)
    DEPLOYMENT.paths(found).requests.mkdir(parents=True)
    return found


def put(home, name="spring", text=None, customers="a\nb\n", age=60.0, **changes):
    """A request with its customers' file, as though put there `age` seconds ago."""
    folder = DEPLOYMENT.paths(home).requests
    values = {"customers": f"{name}.txt", "as_of": "2026-03-03", "top": 5} | changes
    files = {folder / f"{name}.json": json.dumps(values) if text is None else text}
    if customers is not None:
        files[folder / f"{name}.txt"] = customers
    for path, content in files.items():
        path.write_text(content)
        os.utime(path, (time.time() - age,) * 2)


def tick(home, instance, cursor=None):
    repository = build(home, Deployment.load(home)).definitions.get_repository_def()
    # As the daemon builds it: with a reference to the instance, against which new partitions are validated.
    with dg.SensorEvaluationContext(
        instance_ref=instance.get_ref(),
        last_tick_completion_time=None,
        last_run_key=None,
        cursor=cursor,
        repository_name=repository.name,
        repository_def=repository,
        resources={"home": HomeResource(root=str(home.root))},
    ) as context:
        result = repository.get_sensor_def("audience_requests").evaluate_tick(context)
    for request in result.dynamic_partitions_requests or ():
        instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
    return result


def test_a_request_is_a_partition_and_a_run_once(home):
    with dg.instance_for_test() as instance:
        assert tick(home, instance).run_requests == []
        put(home)
        put(home, "broken", text="{ no json")
        first = tick(home, instance)
        assert [request.partition_key for request in first.run_requests] == ["spring"]
        assert instance.get_dynamic_partitions(REQUESTS.name) == ["spring"]
        assert tick(home, instance, first.cursor).run_requests == []
        put(home, customers="a\nb\nc\n")
        again = tick(home, instance, first.cursor)
        assert [request.partition_key for request in again.run_requests] == ["spring"]
        assert again.run_requests[0].run_key != first.run_requests[0].run_key, "another list is another run"
        assert not again.dynamic_partitions_requests


@pytest.mark.parametrize(
    "name, content, reason",
    [
        ("broken", {"text": "{ no json"}, "Invalid JSON"),
        ("typo", {"tops": 5}, "tops: Extra inputs are not permitted"),
        ("never", {"as_of": "2026-02-30"}, "is no date"),
        ("none", {"top": 0}, "greater than or equal to 1"),
        ("alone", {"customers": None, "text": '{"customers": "x.csv", "as_of": "2026-03-03"}'}, "not there"),
        ("a name", {}, "must be letters"),
    ],
)
def test_a_malformed_request_is_put_aside_with_the_reason(home, name, content, reason):
    put(home, name, **content)
    put(home, "sound")
    folder = DEPLOYMENT.paths(home).requests
    found = look(folder, time.time())
    assert set(found.ready) == {"sound"} and reason in found.rejected[f"{name}.json"]
    assert not (folder / f"{name}.json").exists()
    assert (folder / "rejected" / f"{name}.json").exists()
    assert reason in (folder / "rejected" / f"{name}.reason.txt").read_text()
    assert look(folder, time.time()).rejected == {}, "and it is not looked at again"


@pytest.mark.parametrize("named", ["absolute", "above", "link", "absent"])
def test_a_request_reads_no_file_outside_of_its_folder(home, tmp_path, named):
    secret = tmp_path / "shadow"
    secret.write_text("hidden:x:0\n")
    folder = DEPLOYMENT.paths(home).requests
    (folder / "list.csv").symlink_to(secret)
    names = {"absolute": str(secret), "link": "list.csv", "absent": str(tmp_path / "no such file")}
    asked = {"customers": names.get(named) or os.path.relpath(secret, folder), "as_of": "2026-03-03"}
    put(home, text=json.dumps(asked), customers=None)
    found = look(folder, time.time() + 60)
    assert found.ready == {} and "lies outside of" in found.rejected["spring.json"]
    assert "hidden" not in (folder / "rejected" / "spring.reason.txt").read_text()


def test_a_request_that_is_a_link_outside_is_refused(home, tmp_path):
    put(home)
    folder = DEPLOYMENT.paths(home).requests
    moved = (folder / "spring.json").rename(tmp_path / "elsewhere.json")
    (folder / "spring.json").symlink_to(moved)
    assert "leads out of" in look(folder, time.time()).rejected["spring.json"]
    assert moved.exists()


def test_a_pipe_is_no_request(home):
    folder = DEPLOYMENT.paths(home).requests
    os.mkfifo(folder / "pipe.json")
    assert look(folder, time.time() + 60).rejected == {"pipe.json": "pipe.json is no file"}


def test_a_file_that_is_still_coming_is_left_alone(home):
    put(home, "coming", text="{ half", age=SETTLED_SECONDS / 2)
    folder = DEPLOYMENT.paths(home).requests
    assert look(folder, time.time()).rejected == {}
    assert set(look(folder, time.time() + SETTLED_SECONDS).rejected) == {"coming.json"}
    put(home, "listed", age=SETTLED_SECONDS / 2)
    assert look(folder, time.time()).ready == {}
    assert set(look(folder, time.time() + SETTLED_SECONDS).ready) == {"listed"}
    assert look(folder / "no such folder", time.time()).ready == {}


def test_a_request_that_was_run_by_hand_is_not_run_again_by_the_sensor(home):
    put(home)
    path = DEPLOYMENT.paths(home).requests / "spring.json"
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions(REQUESTS.name, ["spring"])
        made_from = {"request": mark(path, load_request(path))}
        event = dg.AssetMaterialization("few_shot_job", partition="spring", metadata=made_from)
        instance.report_runless_asset_event(event)
        first = tick(home, instance)
        assert first.run_requests == []
        put(home, customers="a\nb\nc\n")
        assert [request.partition_key for request in tick(home, instance).run_requests] == ["spring"]
