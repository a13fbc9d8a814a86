"""Kill a loading process at ten random points: what is left is whole, and loading again mends it."""

import time

import numpy as np
import pytest

from tests.faults import loader
from tests.faults.loader import DESCRIPTION, HOURS
from warehouse.store.warehouse import Warehouse

KILLS = 10
ROWS = 20_000


def run(process, root, version, delay=None):
    """Load in a process of its own; kill it `delay` seconds after the load began. Was it over by then?"""
    here, there = process.Pipe()
    child = process.Process(target=loader.load, args=(root, version, there))
    child.start()
    try:
        assert here.recv() == "begins"
        began = time.perf_counter()
        if delay is not None:
            over = here.poll(delay)
            child.kill()
        else:
            over = here.recv() == "over"
        return over, time.perf_counter() - began
    finally:
        child.join()


def stored(root):
    """What a reader sees: rows of each hour and version, batches, data hash, and the dense numbers."""
    with Warehouse(loader.SourceHome(root).warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        indices = [warehouse.connection.execute(f"FROM {kind}_index").fetchall() for kind in ("user", "item")]
        for index in indices:
            assert sorted(number for _, number in index) == list(range(len(index)))
        query = "SELECT partition, split_part(exposure_id, '-', 1), count(*) FROM exposures GROUP BY ALL"
        rows = sorted(warehouse.connection.execute(query).fetchall())
        start = DESCRIPTION.service_zone.hour_start_ms(HOURS[0])
        return (
            rows,
            warehouse.loaded("exposures")["rows_in"].tolist(),
            warehouse.data_hash(start, start + 2**40),
            indices,
        )


@pytest.mark.slow
def test_ten_kills_leave_whole_hours(tmp_path, process):
    for version in (0, 1):
        loader.write_version(tmp_path, version, ROWS)
    # What each version looks like when nobody is killed; the second load also tells how long one takes.
    whole = {}
    for version in (0, 1, 0):
        over, seconds = run(process, tmp_path, version)
        assert over
        whole[version] = stored(tmp_path)
    assert whole[0][1] != whole[1][1]

    delays = np.random.default_rng(11).permutation((np.arange(KILLS) + 0.5) / KILLS) * seconds
    held, interrupted = 0, 0
    for kill, delay in enumerate(delays):
        wanted = (kill + 1) % 2
        over, _ = run(process, tmp_path, wanted, float(delay))
        found = stored(tmp_path)
        # Before or after, nothing between; and after only what was told as over, or over but not yet told.
        assert found[:3] in (whole[held][:3], whole[wanted][:3])
        assert not over or found[:3] == whole[wanted][:3]
        interrupted += not over
        assert run(process, tmp_path, wanted)[0]
        mended = stored(tmp_path)
        assert mended[:3] == whole[wanted][:3]
        # The numbers given before the kill still mean the same.
        for before, after in zip(whole[0][3], mended[3], strict=True):
            assert set(before) <= set(after)
        held = wanted
    assert interrupted >= 3, f"only {interrupted} of {KILLS} kills hit a load: nothing was tested"
