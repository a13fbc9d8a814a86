"""The benchmark of cost at size, from end to end at a size of seconds."""

from __future__ import annotations

import pyarrow.parquet as parquet
import pytest

from benchmarks import profiling_size
from warehouse.home import Home

ACCOUNTS = 300


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("size")


def test_every_stage_is_measured_in_a_process_of_its_own(root):
    result = profiling_size.run(ACCOUNTS, root, ("simulate", "ingest", "heatmaps"))
    stages = result["stages"]
    files = sorted(profiling_size.landing_of(Home(root)).rglob("*.parquet"))
    rows = sum(parquet.read_metadata(file).num_rows for file in files)
    assert len(files) == 365 and 20 * ACCOUNTS < rows < 80 * ACCOUNTS
    assert stages["ingest"]["rows"] == rows
    assert stages["heatmaps"]["segments"] == 15
    for figures in stages.values():
        assert figures["seconds"] > 0 and figures["cpu_seconds"] > 0 and figures["bytes"] > 0
        assert 0.05 < figures["peak_gib"] < 2
    assert f"{ACCOUNTS} accounts" in profiling_size.table(result)


def test_the_list_asked_for_is_one_brands_customers(root):
    home = Home(root)
    brand, ids = profiling_size.asked(home)
    data = profiling_size.opened(home).read(profiling_size.AS_OF)
    log = data.purchases
    bought = (log.brand == log.brand_names.index(brand)) & ~log.cancelled
    assert ids == sorted(set(data.user_ids[log.user[bought]].tolist()))
    assert 0 < len(ids) <= profiling_size.MANY * len(data)


def test_a_stage_that_fails_ends_the_run(tmp_path):
    with pytest.raises(SystemExit, match="stage ingest failed"):
        profiling_size.run(ACCOUNTS, tmp_path, ("ingest",))
