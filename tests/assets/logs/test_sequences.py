"""Whatever becomes of the landing folder between loads: each row of its files is kept, set aside or named."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from assets.logs.ingest import BatchRejected, ingest, pending
from tests.assets.logs_on_disk import HOURS, NOW, exposures, make, put
from tests.warehouse.database import exported
from warehouse.home import SourceHome
from warehouse.store.warehouse import Warehouse

HOUR = st.integers(0, 2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("land"), HOUR, st.integers(1, 12), st.integers(0, 2)),
        st.tuples(st.just("land"), HOUR, st.integers(8, 12), st.just(7)),
        st.tuples(st.just("rewrite"), HOUR, st.integers(1, 12), st.just(0)),
        st.tuples(st.just("duplicate"), HOUR, st.just(0), st.just(0)),
        st.tuples(st.just("remove"), HOUR, st.just(0), st.just(0)),
        st.tuples(st.just("misplace"), HOUR, st.integers(1, 12), st.just(0)),
        st.tuples(st.just("ingest"), HOUR, st.just(0), st.just(0)),
    ),
    min_size=2,
    max_size=9,
)


def folder(home: SourceHome, hour: int) -> Path:
    return home.landing / "exposures" / "date=2026-05-01" / f"hour={hour:02d}"


def files(home: SourceHome, hour: int) -> list[Path]:
    return sorted(folder(home, hour).glob("*.parquet"))


def fresh(hour: int, rows: int, number: int, bad: int = 0) -> pd.DataFrame:
    """Rows of an hour with exposure ids of their own; the first `bad` ones break a rule."""
    frame = exposures(HOURS[hour], rows).assign(exposure_id=[f"{number}-{row}" for row in range(rows)])
    frame.loc[: bad - 1, "dwell_seconds"] = -5.0
    return frame


def act(home: SourceHome, number: int, step: str, hour: int, rows: int, bad: int) -> None:
    """One change of the landing folder; what asks for a file does nothing where there is none."""
    landed = files(home, hour)
    if step == "land":
        put(home.landing, "exposures", HOURS[hour], fresh(hour, rows, number, bad), f"{number:02d}.parquet")
    elif step == "misplace":
        fresh(hour, rows, number).to_parquet(home.landing / "exposures" / f"part-{number}.parquet")
    elif landed and step == "rewrite":
        fresh(hour, rows, number).to_parquet(landed[0])
    elif landed and step == "duplicate":
        shutil.copy(landed[0], landed[0].with_name(f"{number:02d}-copy.parquet"))
    elif landed and step == "remove":
        shutil.rmtree(folder(home, hour))


def rows_of(paths: Iterator[Path] | list[Path]) -> int:
    return sum(parquet.read_metadata(path).num_rows for path in paths)


def is_spoilt(paths: list[Path]) -> bool:
    """Whether more rows of an hour are bad than the gate tolerates: three, and a tenth."""
    contents = {path.read_bytes(): path for path in paths}
    rows = pd.concat([pd.read_parquet(path) for path in contents.values()])
    bad = int((rows["dwell_seconds"] < 0).sum())
    return bad > 3 and bad > 0.1 * len(rows)


def check(home: SourceHome, ever: set[str], indices: dict[str, dict[str, int]]) -> None:
    """Load what is pending, and compare the warehouse with the files."""
    due = pending(home, "exposures")
    spoilt = [key for key in due if is_spoilt(files(home, HOURS.index(key)))]
    if spoilt:
        before = exported(home.warehouse)
        with pytest.raises(BatchRejected) as caught:
            ingest(home, "exposures", now_ms=NOW)
        assert list(caught.value.report.failures) == spoilt
        assert exported(home.warehouse) == before, "a refused load leaves schema and tables as before"
        for key in spoilt:
            shutil.rmtree(folder(home, HOURS.index(key)))
        due = [key for key in due if key not in spoilt]
    report = ingest(home, "exposures", now_ms=NOW)
    landed = {HOURS[hour]: files(home, hour) for hour in range(3) if files(home, hour)}
    assert set(due) <= set(landed) and report.rows.index.tolist() == due and report.missing == ()
    beside = list((home.landing / "exposures").glob("part-*.parquet"))
    read = [path for key in due for path in landed[key]]
    unread = [file.path for file in report.unread]
    assert set(beside) <= set(unread)
    assert rows_of(read) + rows_of(beside) == report.kept + report.quarantined + rows_of(unread)
    ever |= set(due)
    assert pending(home, "exposures") == []
    if not home.warehouse.exists():
        return
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        loaded = warehouse.loaded("exposures").set_index("partition")["rows_in"].to_dict()
        for name in ("user", "item"):
            rows = dict(warehouse.connection.execute(f"FROM {name}_index").fetchall())
            assert indices.setdefault(name, {}).items() <= rows.items(), "an id changed its number"
            indices[name] = rows
    assert set(loaded) == ever, "loaded are those hours that had files at a load, no others"
    for key, paths in landed.items():
        contents = {path.read_bytes(): path for path in paths}
        assert loaded[key] == rows_of(list(contents.values()))


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    """A home with users and items, and no exposures yet."""
    home = make(tmp_path_factory.mktemp("beginning") / "home", hours=0)
    (home.landing / "exposures").mkdir()
    for table in ("users", "items"):
        ingest(home, table, now_ms=NOW)
    return home


EVERYTHING = [
    ("land", 0, 9, 0),
    ("land", 1, 5, 2),
    ("ingest", 0, 0, 0),
    ("duplicate", 0, 0, 0),
    ("misplace", 2, 4, 0),
    ("land", 2, 8, 7),
    ("rewrite", 1, 6, 0),
    ("ingest", 0, 0, 0),
    ("remove", 0, 0, 0),
]


@pytest.mark.slow
@example(EVERYTHING)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_every_row_is_accounted_for_after_any_sequence(beginning, tmp_path_factory, steps):
    home = SourceHome(tmp_path_factory.mktemp("home") / "home")
    shutil.copytree(beginning.root, home.root)
    ever: set[str] = set()
    indices: dict[str, dict[str, int]] = {}
    for number, (step, hour, rows, bad) in enumerate(steps):
        if step == "ingest":
            check(home, ever, indices)
        else:
            act(home, number, step, hour, rows, bad)
    check(home, ever, indices)
