"""The asset over a deployment: what its page shows, what its check finds, and what an older home does."""

from __future__ import annotations

import json
import shutil

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import ipc

from assets.common.faults import NoBaseModel
from assets.ranking.instance_page import FieldCounts, fields_table, histograms, sample_of
from assets.ranking.states import States
from assets.ranking.training_instances import InstancePage
from models.ranking.features.codes import Codes, FieldSpec, Layout
from orchestration.session import Session
from tests.assets.ranking.day_logs import contents
from tests.deployed import BASE, HOURS

JOB, ONLY = "daily", ["training_instances"]


def materialised(ready):
    """Newest materialisation of each partition."""
    with Session(ready.deployment, ready.home) as session:
        records = session._instance.fetch_materializations(
            dg.AssetKey("training_instances"), limit=50, ascending=False
        ).records
    newest = {}
    for record in records:
        newest.setdefault(record.partition_key, record.asset_materialization)
    return newest


@pytest.mark.slow
def test_the_page_shows_the_day_and_a_second_run_changes_nothing(ready):
    (version,) = (ready.deployment.paths(ready.home).instances).iterdir()
    before = contents(version)
    made = materialised(ready)
    assert list(made) == [BASE]
    shown = {name: value.value for name, value in made[BASE].metadata.items()}
    with ready.warehouse.open() as opened:
        rows = int(opened.loaded("exposures").set_index("partition")["kept"].filter(like=BASE).sum())
    assert shown["rows"] == rows > 0 and shown["days encoded"] == 1 and shown["version"] == version.name
    assert 0 < shown["click rate"] < 1 and shown["bytes"] > rows and shown["µs an exposure"] > 0
    assert shown["fields"] == shown["table of fields"].count("\n") - 1
    assert shown["histograms"].startswith("![figure](data:image/png;base64,")
    assert set(shown["read by"].split(", ")) == set(ready.deployment.systems)
    with Session(ready.deployment, ready.home) as session:
        assert session.run(JOB, BASE, only=ONLY) == []
    again = {name: value.value for name, value in materialised(ready)[BASE].metadata.items()}
    assert again["days encoded"] == 0 and contents(version) == before


@pytest.mark.slow
def test_a_later_day_tells_of_the_earlier_ones_that_it_encodes(ready):
    shutil.rmtree(ready.deployment.paths(ready.home).instances)
    with Session(ready.deployment, ready.home) as session:
        session.run(JOB, HOURS[0][:10], only=ONLY)
    made = materialised(ready)
    assert made[HOURS[0][:10]].metadata["days encoded"].value == 2
    assert made[BASE].metadata["why"].value == "not encoded yet"


@pytest.mark.slow
def test_a_model_again_from_partitions_that_had_to_be_made_again_is_the_same(ready):
    """As after an upgrade: no instances are there, and `daily_ranker` alone is run."""
    system = ready.deployment.systems[0]
    states = States(ready.models)
    record = states.finished(states.daily(system, BASE))
    paths = ready.deployment.paths(ready.home)
    (version,) = paths.instances.iterdir()
    before = {name: data for name, data in contents(version).items() if "made_of_events" not in name}
    shutil.rmtree(paths.instances)
    with Session(ready.deployment, ready.home) as session:
        assert session.run(JOB, BASE, only=["daily_ranker"]) == []
    assert states.finished(states.daily(system, BASE)).state_hash == record.state_hash
    after = {name: data for name, data in contents(version).items() if "made_of_events" not in name}
    assert after == before


def test_a_model_of_an_earlier_version_is_no_base_and_says_what_to_do(tmp_path):
    from assets.ranking.states import StateRecord

    states = States(tmp_path)
    record = StateRecord(system="fm", partition=BASE, seed=0, settings={}, git_revision="r")
    with states.write(states.daily("fm", BASE), record) as path:
        path.mkdir()
        (path / "ranker.json").write_text(json.dumps({"kind": "fm"}))
    assert not states.trained("fm", BASE)
    with pytest.raises(NoBaseModel, match=f"earlier version wrote that of {BASE}: train it again"):
        states.newest_base("fm", HOURS[0][:10])


def some_codes():
    specs = (
        FieldSpec("user_id", "user_id"),
        FieldSpec("item_field0", "category"),
        FieldSpec("age", "bins", 4),
    )
    columns = [np.array([3, 3, 8, 0]), np.array([-1, 5, 5, -1]), np.array([0, 3, 1, 1])]
    return Codes.narrow(Layout(specs), columns)


def test_fields_are_counted_over_chunks():
    codes = some_codes()
    counts = FieldCounts(codes.layout.specs)
    for chunk in (slice(0, 1), slice(1, 4)):
        counts.add(codes.part(chunk))
    user, item, age = counts.summaries()
    assert counts.rows == 4 and user.codes.tolist() == [0, 3, 8] and user.times.tolist() == [1, 2, 1]
    assert item.missing == 2 and age.outside == 0 and age.times.tolist() == [1, 2, 1]
    table = fields_table([user, item, age], 4)
    assert "| `item_field0` | category | 2 | 50.0% | -1 (50.0%) |" in table and "4 bins" in table
    assert [field.name for field in sample_of([user, item, age])] == ["item_field0", "age"]
    assert histograms([item, age], "some").startswith(b"\x89PNG")


def test_the_check_names_missing_rows_and_codes_that_no_bin_has(tmp_path):
    codes = some_codes()
    wrong = Codes(codes.layout, (*codes.columns[:2], np.array([0, 4, 1, 1], np.uint8)))
    counts = FieldCounts(codes.layout.specs)
    counts.add(wrong)
    page = InstancePage(tmp_path, counts.rows, 2, tuple(counts.summaries()))
    few, outside = page.faults("v", 5)
    assert "4 instances of 5 exposures" in few and "1 codes of age are none of its 4 bins" in outside
    counts = FieldCounts(codes.layout.specs)
    counts.add(codes)
    assert InstancePage(tmp_path, 4, 2, tuple(counts.summaries())).faults("v", 4) == []


@pytest.mark.slow
def test_a_partition_is_read_by_arrow_alone(ready):
    """As docs/instances.md says."""
    (version,) = ready.deployment.paths(ready.home).instances.iterdir()
    with pa.memory_map(str(version / BASE / "rows.arrow")) as file:
        table = ipc.open_file(file).read_all()
    manifest = json.loads((version / BASE / "manifest.json").read_text())
    assert table.num_rows == manifest["rows"] and table.column_names[-3:] == [
        *("shown_at", "clicked", "dwell_seconds")
    ]
    assert sum(table["clicked"].to_pylist()) == manifest["clicks"]
