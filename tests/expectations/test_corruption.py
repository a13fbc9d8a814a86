"""Every way to corrupt a row is caught by its own rule, and no row that was left alone is caught."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.gate import gate
from expectations.suites import rules
from simulator.corruption import WAYS, corrupt, corrupt_frame
from tests.expectations.frames import (
    FIELDS,
    ITEMS,
    NUMBERS,
    USERS,
    columns,
    context,
    good_rows,
    hour_key,
    judge,
)
from warehouse.landing import reading
from warehouse.landing.contract import RANKING_TABLES, TABLES
from warehouse.landing.description import SourceDescription

CONTRACTS = {
    table: contract.with_fields(FIELDS[table], NUMBERS.get(table, ())) for table, contract in TABLES.items()
}
FORMER = np.array([f"e-former-{i}" for i in range(500)], object)


def corrupted(table: str, rows: int, share: float, seed: int) -> tuple[pd.DataFrame, dict[str, int]]:
    good = good_rows(table, rows).drop(columns=["_partition", "_row"])
    rng = np.random.default_rng(seed)
    frame, counts = corrupt_frame(table, good, share, rng, former_ids=FORMER, contract=CONTRACTS[table])
    partition = next(iter(context(table).partitions))
    return frame.assign(_partition=partition, _row=np.arange(len(frame))), counts


@pytest.mark.parametrize("table", sorted(CONTRACTS))
def test_each_way_is_caught_by_its_own_rule_and_nothing_else_is(table):
    frame, counts = corrupted(table, rows=200, share=0.5, seed=1)
    known = {"users": [f"u{i}" for i in range(200)], "items": [f"i{i}" for i in range(200)]}
    result = judge(table, frame, existing_ids=FORMER, known=known)
    assert set(counts) == set(WAYS[table])
    assert result.quarantined["rule"].value_counts().to_dict() == counts
    assert sum(counts.values()) == 100
    copies = len(frame) - 200
    assert len(result.passed) == 200 - (100 - copies)


@pytest.mark.parametrize("table", sorted(CONTRACTS))
def test_every_row_rule_has_a_way(table):
    # Categories are judged `finite` too, which only a float column can break; users have no column but text.
    generic = {"finite"} if "number" not in {spec.kind for spec in columns(table).values()} else set()
    untimed = {"typed"} if table == "users" else set()
    assert set(rules(table)) - generic - untimed == set(WAYS[table])


def test_same_seed_same_rows_and_a_fraction_of_a_row_is_drawn():
    first, counts = corrupted("exposures", rows=150, share=0.1, seed=3)
    again, _ = corrupted("exposures", rows=150, share=0.1, seed=3)
    other, _ = corrupted("exposures", rows=150, share=0.1, seed=4)
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    assert sum(counts.values()) == 15
    drawn = [sum(corrupted("exposures", rows=10, share=0.05, seed=seed)[1].values()) for seed in range(40)]
    assert set(drawn) == {0, 1}
    untouched, none = corrupted("exposures", rows=10, share=0.0, seed=0)
    assert none == {}
    pd.testing.assert_frame_equal(untouched, good_rows("exposures", 10)[list(untouched)])


def test_text_times_are_refused():
    frame, _ = corrupted("exposures", rows=100, share=0.9, seed=0)
    with pytest.raises(TypeError, match=r"shown_at.*good rows"):
        corrupt_frame("exposures", frame, 0.9, np.random.default_rng(0))


@settings(max_examples=10)
@given(
    table=st.sampled_from(sorted(CONTRACTS)),
    rows=st.integers(0, 30),
    share=st.floats(0, 1),
    seed=st.integers(0, 10_000),
)
def test_rows_in_are_rows_kept_plus_rows_quarantined(table, rows, share, seed):
    parts = []
    for hour, partition in enumerate(context(table, hours=(0, 1)).partitions):
        frame, _ = corrupted(table, rows + hour, share, seed + hour)
        parts.append(frame.assign(_partition=partition))
    frame = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=seed)
    result = gate(table, frame, context(table, hours=(0, 1)))
    rows_in = frame.groupby("_partition").size()
    for partition, figures in result.statistics.iterrows():
        sound = set(result.passed.loc[result.passed["_partition"] == partition, "_row"])
        out = set(result.quarantined.loc[result.quarantined["partition"] == partition, "row"])
        assert figures["rows"] == rows_in.get(partition, 0) == len(sound) + len(out)
        assert (figures["kept"], figures["quarantined"]) == (len(sound), len(out))
        assert sound | out == set(frame.loc[frame["_partition"] == partition, "_row"])


def test_the_order_of_the_frame_does_not_matter():
    frame, _ = corrupted("exposures", rows=120, share=0.5, seed=9)
    columns_of_interest = ["row", "rule", "value"]
    results = [judge("exposures", part) for part in (frame, frame.sample(frac=1, random_state=0))]
    first, second = (result.quarantined.sort_values("row")[columns_of_interest] for result in results)
    pd.testing.assert_frame_equal(first.reset_index(drop=True), second.reset_index(drop=True))


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """A small landing folder of good rows, corrupted in place, with the report."""
    folder = tmp_path_factory.mktemp("landing")
    hours = (0, 1, 2)
    for table in ("exposures", "external_clicks"):
        for hour in hours:
            path = folder / table / "date=2022-05-01" / f"hour={hour:02d}" / "rows.parquet"
            path.parent.mkdir(parents=True)
            good_rows(table, 400, (hour,)).drop(columns=["_partition", "_row"]).to_parquet(path)
    for table, rows in (("users", USERS), ("items", ITEMS)):
        path = folder / table / "2022-05-01.parquet"
        path.parent.mkdir()
        good_rows(table, rows).drop(columns=["_partition", "_row"]).to_parquet(path)
    SourceDescription(
        name="simulator", simulated=True, first_day="2022-05-01", last_day="2022-05-01",
        user_fields=FIELDS["users"], item_fields=FIELDS["items"], context_fields=FIELDS["exposures"],
        domains=("video", "shop"),
    ).save(folder)  # fmt: skip
    return folder, corrupt(folder, share=0.1, seed=5, contracts=CONTRACTS)


def hashes(folder) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.parquet"))
    }


@pytest.mark.parametrize("table", sorted(RANKING_TABLES))
def test_a_corrupted_landing_folder_is_caught_as_reported(table, landed):
    folder, report = landed
    read = reading.read(folder, reading.describe(folder), table)
    hours = (0, 1, 2) if table in ("exposures", "external_clicks") else (0,)
    expected = context(table, hours=hours)
    if hours == (0,):
        expected = context(table, partitions={"2022-05-01.parquet": None})
    result = gate(table, read.frame, expected)
    assert result.quarantined["rule"].value_counts().to_dict() == report.broken[table]
    assert result.quarantined["file"].str.endswith(".parquet").all()
    if table == "exposures":
        assert report.rows[table] == 1200
        assert set(report.broken[table]) == set(WAYS[table])
    else:
        assert sum(report.broken[table].values()) == pytest.approx(0.1 * report.rows[table], abs=1)


def test_a_kept_row_is_what_it_was_before_its_neighbours_were_broken(landed):
    folder, _ = landed
    read = reading.read(folder, reading.describe(folder), "exposures", [hour_key(0)])
    rows = gate("exposures", read.frame, context("exposures")).passed
    before = judge("exposures", good_rows("exposures", 400)).passed
    # A copy of a good row stands at the end and is no original.
    assert rows["_row"].max() < 400
    pd.testing.assert_frame_equal(rows, before[before["_row"].isin(rows["_row"])].reset_index(drop=True))


def test_corrupting_a_folder_twice_with_one_seed_gives_the_same_bytes(tmp_path):
    digests = []
    for name in ("a", "b"):
        path = tmp_path / name / "users" / "2022-05-01.parquet"
        path.parent.mkdir(parents=True)
        good_rows("users", 40).drop(columns=["_partition", "_row"]).to_parquet(path)
        corrupt(tmp_path / name, share=0.2, seed=1, contracts=CONTRACTS)
        digests.append(hashes(tmp_path / name))
    assert digests[0] == digests[1]
