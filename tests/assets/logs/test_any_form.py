"""However a team writes its logs: the same tables, or a refusal with a reason, and no row unaccounted for."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from assets.logs.ingest import ingest, pending
from assets.logs.reports import BatchRejected
from tests.assets.logs.any_form import (
    DAY_FOLDERS,
    DESCRIPTION,
    EXTRAS,
    FORMATS,
    HEADERS,
    HOUR_FOLDERS,
    IDS,
    LOST_FOLDERS,
    TIMES,
    UNREADABLE_TIMES,
    Form,
    Team,
    plain,
)
from warehouse.home import SourceHome
from warehouse.landing.files import FileRejected
from warehouse.store.warehouse import Warehouse

NOW = DESCRIPTION.service_zone.day_start_ms("2026-06-01")
ROWS = """
    SELECT e.partition, exposure_id, u.user_id, i.item_id, shown_at, clicked, dwell_seconds, c.value AS device
    FROM exposures e JOIN user_index u USING (user_index) JOIN item_index i USING (item_index)
    LEFT JOIN category_index c ON c.table_name = 'exposures' AND c.column_name = 'ctx_device'
        AND c.code = e.field_ctx_device
    ORDER BY exposure_id
"""
DIMENSIONS = """
    SELECT u.user_id, c.value AS age FROM users d JOIN user_index u USING (user_index)
    LEFT JOIN category_index c ON c.table_name = 'users' AND c.column_name = 'age' AND c.code = d.field_age
    ORDER BY user_id
"""
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # an example takes seconds
FORMS = st.builds(
    Form,
    ids=st.sampled_from(sorted(IDS)),
    times=st.sampled_from(TIMES),
    formats=st.lists(st.sampled_from(FORMATS), min_size=1, max_size=3).map(tuple),
    folder=st.sampled_from(HOUR_FOLDERS + DAY_FOLDERS),
    header=st.sampled_from(sorted(HEADERS)),
    extras=st.lists(st.sampled_from(EXTRAS), unique=True, max_size=3).map(tuple),
    order=st.integers(0, 99),
    copies=st.integers(0, 2),
    late=st.booleans(),
    lost=st.none() | st.sampled_from(LOST_FOLDERS),
    snapshot=st.sampled_from(["users.csv", "users_2026-04-30.parquet", "dt=20260430/part-0.jsonl"]),
)


@cache
def dimensions(ids: str, snapshot: str) -> Path:
    """A home with users and items alone: judging them once saves the test half its time."""
    home = SourceHome(Path(mkdtemp()))
    Team(home.landing, Form(ids=ids, snapshot=snapshot)).write_dimensions()
    for table in ("users", "items"):
        assert ingest(home, table, now_ms=NOW).quarantined == 0
    return home.root


def load(home: SourceHome, team: Team) -> list:
    """Everything that a team's folder has, as far as it goes; reports of all loads."""
    shutil.copytree(dimensions(team.form.ids, team.form.snapshot), home.root, dirs_exist_ok=True)
    reports = []
    team.write_first()
    if team.form.late:
        reports.append(ingest(home, "exposures", now_ms=NOW))
        accounted(home, team, reports[-1])
    team.write_rest()
    reports.append(ingest(home, "exposures", now_ms=NOW))
    accounted(home, team, reports[-1])
    return reports


def accounted(home: SourceHome, team: Team, report) -> None:
    """Rows in the files = kept + quarantined + those of files that the report names."""
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        batches = warehouse.loaded("exposures")
    unread = sum(team.sizes[file.path] for file in report.unread)
    assert batches["kept"].sum() + batches["quarantined"].sum() + unread == sum(team.sizes.values())


def tables(home: SourceHome) -> tuple[pd.DataFrame, pd.DataFrame]:
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        return tuple(warehouse.connection.execute(query).df() for query in (ROWS, DIMENSIONS))


@cache
def plain_tables(form: Form) -> tuple[pd.DataFrame, pd.DataFrame]:
    home = SourceHome(Path(mkdtemp()))
    load(home, Team(home.landing, form))
    return tables(home)


def refusal(form: Form) -> str | None:
    """What the refusal of a form says that can be read in two ways; None for one that is read."""
    if form.header != "as they are" and "Clicked " in form.extras:
        return "may both be 'clicked'"
    return "exposures.*partition" if form.times in UNREADABLE_TIMES else None


@pytest.mark.slow
@settings(max_examples=30, phases=WITHOUT_SHRINKING, suppress_health_check=list(HealthCheck))
@given(form=FORMS)
def test_any_form_gives_the_same_tables_or_a_reason(form):
    home = SourceHome(Path(mkdtemp()))
    team = Team(home.landing, form)
    reason = refusal(form)
    if reason:
        event("refused")
        with pytest.raises((BatchRejected, FileRejected), match=reason):
            load(home, team)
        with Warehouse(home.warehouse, read_only=True) as warehouse:
            assert warehouse.loaded("exposures").empty
        return
    event("loaded")
    reports = load(home, team)
    assert pending(home, "exposures") == [] and pending(home, "users") == []
    wanted_rows, wanted_users = plain_tables(plain(form))
    got_rows, got_users = tables(home)
    wanted_rows = wanted_rows[~wanted_rows["exposure_id"].isin(team.lost)].reset_index(drop=True)
    pd.testing.assert_frame_equal(got_rows, wanted_rows)
    pd.testing.assert_frame_equal(got_users, wanted_users)
    assert reports[-1].quarantined <= 1
    assert bool(reports[-1].unread) == bool(form.lost or form.copies)
