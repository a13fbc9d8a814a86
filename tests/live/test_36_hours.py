"""36 hours of a live log whose files come on time, late, twice, corrected, cut short, broken or never.

Day one is loaded hour by hour and trained on at night, half of day two is ranked. In the end the home must
hold what a fresh home makes of the files as they lie there at last.
"""

import shutil

import pandas as pd
import pytest

from assets.ranking.states import States
from orchestration.run import run_hours
from orchestration.session import Session
from tests.live.world import (
    DAYS,
    HOUR_MS,
    ROWS,
    START_MS,
    SYSTEMS,
    World,
    at,
    deployment,
    describe,
    hour_key,
    land,
    stored,
)
from warehouse.home import Home

MINUTE_MS = 60_000
TABLES = ("exposures", "external_clicks")
HOURS = 36
#: How the files of some hours are in the end; hours counted from the first one.
MISSING, WITHOUT_CLICKS, CUT, REFUSED, COPIED = 29, 33, 10, 32, 26
DOWN = (31,)  #: hours after which neither schedule nor sensor ticked

#: Hour after which a file comes → table, its hour, version, name. Everything else comes on time.
EXTRA = {
    6: [("exposures", 3, "", "part-0.parquet")],  # three hours late
    7: [("external_clicks", 5, "", "part-0.parquet")],
    15: [("exposures", 12, "", "part-0.parquet")],  # refused at first
    28: [("exposures", COPIED, "", "again.parquet")],  # the same bytes under another name
    30: [
        ("exposures", 27, "corrected", "part-0.parquet"),
        ("exposures", 28, "", "part-0.parquet"),  # two hours late
    ],
    33: [("exposures", 31, "", "part-0.parquet")],  # cut short at first
    34: [("external_clicks", 34, "", "part-0.parquet")],
}
FIRST_VERSION = {12: "early", 31: "cut", CUT: "cut", REFUSED: "early"}
LATE = {("exposures", 3), ("external_clicks", 5), ("exposures", 28), ("external_clicks", 34)}
NEVER = {("exposures", MISSING), ("external_clicks", WITHOUT_CLICKS)}


def live(landing, world):
    """Let 36 hours pass."""
    for number in range(HOURS):
        for table in TABLES:
            if (table, number) not in LATE | NEVER:
                land(landing, table, hour_key(number), FIRST_VERSION.get(number, "") * (table == "exposures"))
        end_ms = START_MS + (number + 1) * HOUR_MS
        if number not in DOWN:
            world.tick("every_hour", end_ms + 10 * MINUTE_MS)
        for table, hour, version, name in EXTRA.get(number, ()):
            land(landing, table, hour_key(hour), version, name)
        quiet = number in DOWN or (number < 20 and number % 4 and number not in EXTRA)
        if not quiet:
            world.tick("late_files", end_ms + 20 * MINUTE_MS)
            world.tick("late_hours", end_ms + 25 * MINUTE_MS)
        if number == 23:
            world.tick("every_night", end_ms + 40 * MINUTE_MS)
    world.tick("late_days", end_ms + 50 * MINUTE_MS)
    world.tick("late_hours", end_ms + 55 * MINUTE_MS)


@pytest.mark.slow
def test_every_hour_is_ranked_once_by_the_right_state_or_its_check_says_why_not(tmp_path):
    landing = tmp_path / "landing"
    describe(landing)
    world = World(landing, Home(tmp_path / "home"))
    live(landing, world)

    ranked = [hour_key(n) for n in range(24, HOURS) if n not in (MISSING, REFUSED)]
    now = stored(world.warehouse)
    for system in SYSTEMS:
        rows = now["scores"][now["scores"]["system"] == system]
        assert rows["partition"].value_counts().to_dict() == dict.fromkeys(ranked, ROWS)
        assert rows["exposure_id"].is_unique
        states = States(world.home.source("landing").models)
        bases = {states.finished(states.hourly(system, hour)).base_partition for hour in ranked}
        assert bases == {DAYS[0]}

    # What is not ranked is told by the check of its hour, and nothing is told of any other.
    assert world.failed("share_quarantined") == {hour_key(REFUSED)}
    assert world.failed("landed") == {hour_key(n) for n in (MISSING, CUT, COPIED)}
    assert world.failed("landed", "external_clicks") == {hour_key(WITHOUT_CLICKS)}
    assert set(world.times_made("exposures")) == set(now["exposures"]["partition"])
    failures = {hour for _, hour, succeeded in world.ran if not succeeded}
    assert failures == {hour_key(n) for n in (CUT, 12, 31, REFUSED)}
    times = world.times_made("hourly_auc")
    assert [times[hour_key(n)] for n in (24, 25, 26)] == [1, 1, 1], "the same bytes again are no news"
    assert times[hour_key(27)] == 2 and max(times.values()) <= 4

    fresh = Home(tmp_path / "fresh")
    shutil.copytree(landing, tmp_path / "copy")
    with at(START_MS + HOURS * HOUR_MS), Session(deployment(tmp_path / "copy"), fresh) as session:
        outcome = run_hours(session, DAYS[1])
        assert outcome.ranked == ranked
        clean = World(tmp_path / "copy", fresh)
    for name, frame in stored(clean.warehouse).items():
        pd.testing.assert_frame_equal(now[name], frame, obj=name)
