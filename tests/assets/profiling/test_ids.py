"""An id from the landing folder to the audience's files: the same text everywhere, whatever its type was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from assets.common.tracking import PROFILING, Tracking
from assets.profiling import profilers
from assets.profiling.audience.requests import AudienceSettings
from assets.profiling.audience.run import carry_out
from assets.profiling.sources import ProfileSource
from tests.assets.profiling import shop_on_disk
from tests.assets.profiling.profiler_stand_in import ENTRY
from tests.models.profiling.toy import AS_OF

pytestmark = pytest.mark.slow
AS_OF_KEY = str(np.datetime64(AS_OF, "D"))
BIG = 9_100_000_000_000_000_000
BRAND = "brand1"


def big(number):
    return BIG + number


def padded(number):
    return f"{number:07d}"


@pytest.mark.parametrize("name_of", [big, padded])
def test_ids_survive_from_landing_to_audience(tmp_path, monkeypatch, name_of):
    monkeypatch.setattr(profilers, "PROFILERS", {"meta_profile_prior": ENTRY})
    rows = shop_on_disk.purchases()
    numbers = rows["user_id"].str[1:].astype(int)
    names = pd.Series([name_of(number) for number in numbers], index=rows.index)
    rows["user_id"] = names.astype("Int64") if name_of is big else names
    visitors = rows.index[::97]  # who was not logged in
    rows.loc[visitors, "user_id"] = pd.NA if name_of is big else None
    home = shop_on_disk.load(tmp_path, rows)
    logged_in = rows.dropna(subset="user_id").astype({"user_id": "string"})
    before = logged_in[logged_in["day"] < AS_OF_KEY]
    customers = before.loc[before["brand"] == BRAND, "user_id"].unique().tolist()
    listed = tmp_path / "brand.parquet"
    column = pa.array([*customers, None])
    parquet.write_table(pa.table({"user_id": column.cast(pa.int64()) if name_of is big else column}), listed)

    settings = AudienceSettings(customers=str(listed), as_of=AS_OF_KEY, keep_customers=True, horizon_days=30)
    source = ProfileSource.opened(home, "landing", tmp_path / "shop")
    tracking = Tracking(home.mlflow, "landing", simulated=False, purpose=PROFILING)
    made = carry_out(settings, source, tracking, tmp_path / "audience")

    assert made.result.customers.ids == tuple(customers) and made.result.customers.blanks == 1
    assert (made.result.known, made.result.unknown) == (len(customers), ())
    assert made.result.lift is not None and made.result.lift.brand == BRAND, "the very customers of the brand"
    table = parquet.read_table(made.files.parquet, columns=["user_id", "nearest_1"])
    assert {str(field.type) for field in table.schema} <= {"string", "large_string"}
    everybody = set(before["user_id"])
    assert sorted(table["user_id"].to_pylist()) == sorted(everybody), (
        "no id that nobody sent, and none missing"
    )
    assert set(table["nearest_1"].to_pylist()) <= set(customers)
    written = pd.read_csv(made.files.csv, dtype=str)
    assert written["user_id"].tolist() == table["user_id"].to_pylist()
