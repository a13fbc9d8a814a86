"""The same five hundred exposures as different teams would write them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import HOUR_MS

DAY, CLOCKS = "2026-05-01", (8, 9, 10, 11)
DESCRIPTION = SourceDescription(
    name="any form",
    first_day=DAY,
    last_day=DAY,
    user_fields=("age",),
    item_fields=("topic",),
    context_fields=("ctx_device",),
)
START = DESCRIPTION.service_zone.day_start_ms(DAY)
USERS, ITEMS, COUNT = 20, 15, 500

IDS = {
    "int64": lambda n: n + 1,
    "int64 with a gap": lambda n: 2**60 + n,
    "uint64": lambda n: 2**63 + n,
    "leading zeros": lambda n: f"{n:06d}",
    "beyond 2^53": lambda n: 2**53 + n,
    "mixed": lambda n: n + 1 if n % 2 else f"u{n}",
}
TIMES = ("ms", "Z", "+09:00", "timestamp[us]", "timestamp[ns]", "s", "us")
UNREADABLE_TIMES = ("s", "us")
FORMATS = ("parquet", "csv", "csv.gz", "jsonl", "jsonl.gz", "tsv", "semicolons")
HOUR_FOLDERS = (
    "date={day}/hour={hour:02d}/{name}",
    "date={day}/hour={hour}/{name}",
    "dt={compact}/hr={hour}/{name}",
    "year=2026/month=05/day=01/hour={hour:02d}/{name}",
    "year=2026/month=5/day=1/hour={hour}/{name}",
    "2026/05/01/{hour:02d}/{name}",
    "{day}/hour={hour}/region=eu/{name}",
    "region=eu/date={day}/h={hour}/{name}",
    "{day}T{hour:02d}_{name}",
    "logs-{compact}{hour:02d}-{name}",
)
DAY_FOLDERS = (
    *("date={day}/{name}", "dt={day}/region=eu/{name}"),
    *("exposures_{day}_{name}", "2026/05/01/{name}"),
)
LOST_FOLDERS = (
    *("date={day}/hour=24/{name}", "{name}"),
    *("date=2026-02-30/{name}", "date={day}/hour=09/{name}.txt"),
)
HEADERS = {"as they are": lambda name: name, "upper": str.upper, "spaces": lambda name: f" {name} "}
EXTRAS = ("note", "partition", "row", "_row", "_file", "valid_from", "user_index", "Clicked ")


@dataclass(frozen=True)
class Form:
    """How one team writes its logs."""

    ids: str = "leading zeros"
    times: str = "ms"
    formats: tuple[str, ...] = ("parquet",)
    folder: str = HOUR_FOLDERS[0]
    header: str = "as they are"
    extras: tuple[str, ...] = ()
    order: int = 0  #: seed of the columns' order
    copies: int = 0  #: files that lie there twice
    late: bool = False  #: one hour comes later, one is rewritten
    lost: str | None = None  #: where some rows lie that belong to no hour
    snapshot: str = "users.csv"


PLAIN = Form()


def rows(ids: str) -> pd.DataFrame:
    """Exposures with ids as objects; one user is missing where the form has a gap."""
    rng = np.random.default_rng(0)
    hours = np.repeat(CLOCKS, COUNT // len(CLOCKS))
    users, items = rng.integers(0, USERS, COUNT), rng.integers(0, ITEMS, COUNT)
    frame = pd.DataFrame(
        {
            "exposure_id": [f"e{n:05d}" for n in range(COUNT)],
            "user_id": pd.Series([IDS[ids](int(n)) for n in users], dtype=object),
            "item_id": [f"i{n}" for n in items],
            "shown_at": START + hours * HOUR_MS + rng.integers(0, HOUR_MS, COUNT),
            "clicked": rng.random(COUNT) < 0.4,
            "dwell_seconds": np.where(rng.random(COUNT) < 0.3, None, np.round(rng.random(COUNT) * 30, 2)),
            "ctx_device": np.array(["phone", "tablet", None], dtype=object)[rng.integers(0, 3, COUNT)],
            "hour": hours,
        }
    )
    if ids == "int64 with a gap":
        frame.loc[17, "user_id"] = None
    return frame


def _written_times(ms: pd.Series, times: str, name: str) -> pd.Series:
    at = pd.to_datetime(ms, unit="ms", utc=True)
    if times.startswith("timestamp") and name.endswith("parquet"):
        return at.astype(f"datetime64[{times[10:12]}, UTC]")
    if times == "+09:00":
        return at.dt.tz_convert("Asia/Tokyo").dt.strftime("%Y-%m-%dT%H:%M:%S.%f+09:00")
    if times == "ms":
        return ms
    if times in UNREADABLE_TIMES:
        return ms // 1000 if times == "s" else ms * 1000
    return at.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _absent(value: object) -> bool:
    return value is None or value is pd.NA or value != value


def _arrow(values: pd.Series) -> pa.Array:
    listed = [None if _absent(value) else value for value in values]
    if len({type(value) for value in listed if value is not None}) > 1:
        listed = [None if value is None else str(value) for value in listed]
    if any(isinstance(value, int) and value >= 2**63 for value in listed):
        return pa.array(listed, pa.uint64())
    return pa.array(listed)


def write_file(path: Path, frame: pd.DataFrame) -> None:
    """A file in the format that its name says (`semicolons.csv`: cut by them)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name.removesuffix(".txt")
    if ".jsonl" in name:
        rows = frame.astype(object).to_dict("records")
        lines = (
            json.dumps({k: v for k, v in row.items() if not _absent(v)}, default=str) + "\n" for row in rows
        )
        content = "".join(lines).encode()
    else:
        columns = {
            n: _arrow(column) if column.dtype == object else pa.array(column) for n, column in frame.items()
        }
        if name.endswith("parquet"):
            parquet.write_table(pa.table(columns), path)
            return
        sign = "\t" if name.endswith("tsv") else ";" if "semicolons" in name else ","
        sink = pa.BufferOutputStream()
        arrow_csv.write_csv(pa.table(columns), sink, arrow_csv.WriteOptions(delimiter=sign))
        content = sink.getvalue().to_pybytes()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


class Team:
    """Writes the rows in a form; knows how many rows each file has."""

    def __init__(self, landing: Path, form: Form) -> None:
        self.landing, self.form = landing, form
        self.rows = rows(form.ids)
        self.sizes: dict[Path, int] = {}
        self.lost: set[str] = set()  #: exposure ids in files of no hour

    def write_dimensions(self) -> None:
        """Users with the form's ids, and items."""
        DESCRIPTION.save(self.landing)
        users = pd.DataFrame({"user_id": [IDS[self.form.ids](n) for n in range(USERS)]}, dtype=object)
        users["age"] = [f"{10 * (n % 5)}s" for n in range(USERS)]
        write_file(self.landing / "users" / self.form.snapshot, users)
        items = pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)], "topic": ["a", "b", "c"] * 5})
        write_file(self.landing / "items" / "items.csv", items)

    def write_first(self) -> None:
        """What is there when the first load comes: all, or, where hours are late, not all of it."""
        frame = self.rows
        if self.form.late:
            halved = frame[frame["hour"] == CLOCKS[2]].iloc[::2].index
            frame = frame[frame["hour"] < CLOCKS[3]].drop(halved)
        self._write(frame)

    def write_rest(self) -> None:
        """The late hour, and the rewritten one; then copies of some files."""
        if self.form.late:
            self._write(self.rows)
        files = [path for path in sorted(self.sizes) if "lost" not in path.name]
        for path in files[: self.form.copies]:
            copy = path.with_name(f"{path.name.split('.')[0]}-again.{path.name.split('.', 1)[1]}")
            copy.write_bytes(path.read_bytes())
            self.sizes[copy] = self.sizes[path]

    def _write(self, frame: pd.DataFrame) -> None:
        if self.form.lost:
            lost, frame = frame[frame["hour"] == CLOCKS[0]].head(7), frame.drop(frame.index[:7])
            self.lost = set(lost["exposure_id"])
            self._put(self.form.lost, "lost", lost, 9, self.form.formats[0])
        whole_days = self.form.folder in DAY_FOLDERS
        for hour, part in [(0, frame)] if whole_days else list(frame.groupby("hour")):
            size = -(-len(part) // len(self.form.formats))
            for number, kind in enumerate(self.form.formats):
                self._put(self.form.folder, f"part-{number}", part.iloc[number * size :][:size], hour, kind)

    def _put(self, folder: str, name: str, frame: pd.DataFrame, hour: int, kind: str) -> None:
        ending = "semicolons.csv" if kind == "semicolons" else kind
        relative = folder.format(day=DAY, compact=DAY.replace("-", ""), hour=hour, name=f"{name}.{ending}")
        path = self.landing / "exposures" / relative
        written = frame.drop(columns="hour")
        written["shown_at"] = _written_times(written["shown_at"], self.form.times, ending)
        written = written.rename(columns=HEADERS[self.form.header])
        for extra in self.form.extras:
            written[extra] = "x"
        order = np.random.default_rng(self.form.order).permutation(written.shape[1])
        write_file(path, written[[written.columns[n] for n in order]])
        self.sizes[path] = len(frame)


def plain(form: Form) -> Form:
    """The same rows with the same ids, written plainly."""
    return replace(PLAIN, ids=form.ids)
