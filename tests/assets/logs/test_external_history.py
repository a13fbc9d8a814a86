"""External clicks from before the first exposure, from landed files to what models read."""

from __future__ import annotations

import pytest

from assets.common.resources import HomeResource
from assets.experiments.source_logs import Logs, hash_of, read_day, read_history
from assets.logs.external_history import history_due, left_out, load_history
from assets.logs.ingest import ingest
from tests.assets import logs_on_disk as disk

EARLY, DAY = disk.EARLY, "2026-05-01"  #: the first external clicks, the first exposures
HOURS = [f"{EARLY}-{hour:02d}:00" for hour in (3, 20)]
CLICKS = disk.CLICKS


@pytest.fixture
def home(tmp_path):
    """External clicks of two hours of the day before; the first hour of the feed is loaded."""
    made = HomeResource(root=str(disk.with_history(tmp_path, HOURS).root))
    for table in ("users", "items"):
        ingest(made.paths, table)
    for table in ("exposures", "external_clicks"):
        ingest(made.paths, table, disk.HOURS[:1])
    return made


def external_read(home, deployment):
    logs = Logs.deployed(deployment, home.home, simulated=False)
    return read_history(logs, disk.ZONE.day_after(DAY)), hash_of(logs, [DAY])


def test_models_read_what_was_clicked_elsewhere_before_the_first_exposure(home):
    before, hash_before = external_read(home, home.deployment)
    assert len(before.external) == CLICKS
    assert history_due(home) == HOURS
    load = load_history(home)
    assert (load.hours, load.rows_in, load.rows_loaded, load.refused) == (2, 2 * CLICKS, 2 * CLICKS, {})
    assert history_due(home) == []
    whole, hash_after = external_read(home, home.deployment)
    assert len(whole.external) == 3 * CLICKS and hash_after != hash_before
    assert whole.start_ms == disk.ZONE.day_start_ms(EARLY)
    assert len(whole.exposures) == len(before.exposures)
    feed_alone = home.deployment.model_copy(update={"external_first_day": None})
    assert len(external_read(home, feed_alone)[0].external) == CLICKS
    logs = Logs.deployed(home.deployment, home.home, simulated=False)
    assert logs.start_ms == whole.start_ms
    alone = Logs.deployed(feed_alone, home.home, simulated=False)
    assert hash_of(logs, [DAY]) != hash_of(alone, [DAY])


def test_a_test_days_history_begins_with_them(home):
    load_history(home)
    for hour in ("2026-05-02-05:00",):
        frame = disk.exposures(disk.HOURS[0]).assign(shown_at=disk.ZONE.hour_start_ms(hour) + 1)
        frame["exposure_id"] = [f"{hour}/{i}" for i in range(len(frame))]
        disk.put(home.paths.landing, "exposures", hour, frame)
        ingest(home.paths, "exposures", [hour], force=True)
    history, hours = read_day(Logs.deployed(home.deployment, home.home, simulated=False), "2026-05-02")
    assert len(history.external) == 3 * CLICKS
    assert history.external.received_at.max() < hours[0].start_ms


def test_what_lies_before_the_first_day_is_counted_and_said(home):
    assert left_out(home.paths.landing) == []
    disk.DESCRIPTION.save(home.paths.landing)  # without a first day of their own
    (said,) = left_out(home.paths.landing)
    assert said.startswith(f"external_clicks: 2 hours with files, {HOURS[0]} to {HOURS[1]}, lie before {DAY}")
    assert f'"external_first_day": "{EARLY}"' in said
    disk.put(home.paths.landing, "exposures", HOURS[0], disk.exposures(disk.HOURS[0]))
    assert any(line.startswith("exposures: 1 hours") for line in left_out(home.paths.landing))


def test_a_refused_hour_is_named_and_the_others_are_loaded(home):
    bad = disk.external_clicks(HOURS[0]).assign(received_at=disk.ZONE.hour_start_ms(disk.HOURS[5]))
    disk.put(home.paths.landing, "external_clicks", HOURS[0], bad)
    load = load_history(home)
    assert load.hours == 1 and list(load.refused) == [HOURS[0]]
    assert history_due(home) == [HOURS[0]]
