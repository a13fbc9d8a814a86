"""Complete Journey as a landing folder: every row, plausible times, labels that know no future."""

import pandas as pd
import pyarrow.dataset as ds
import pytest

from warehouse.landing import layout
from warehouse.landing.description import SourceDescription
from warehouse.sources import complete_journey as source
from warehouse.sources.complete_journey_labels import OBSERVED, label_rows

ROWS, UNLISTED = 1_469_307, 4_836


@pytest.fixture(scope="module")
def package():
    return source.read_package()


@pytest.fixture(scope="module")
def landing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("complete-journey") / "landing"
    source.fill(folder)
    return folder


@pytest.fixture(scope="module")
def purchases(landing):
    return read(landing, "purchases")


def read(landing, table):
    return ds.dataset(landing / table, partitioning="hive").to_table().to_pandas()


def test_every_row_lands_in_the_folder_of_its_day(purchases, package):
    assert len(purchases) == ROWS
    assert purchases["price"].sum() == pytest.approx(package["transactions"]["sales_value"].sum())
    zone = SourceDescription(
        name="x", zone=source.ZONE, first_day="2017-01-01", last_day="2017-01-01"
    ).service_zone
    day = pd.to_datetime(purchases["purchased_at"] + zone.offset_ms, unit="ms").dt.strftime("%Y-%m-%d")
    assert (day == purchases["date"].astype(str)).all()
    assert purchases["user_id"].nunique() == 2_469
    assert not purchases["cancelled"].any()


def test_products_that_are_not_listed_are_kept_as_unknown(purchases):
    unlisted = purchases["genre"] == "unknown"
    assert unlisted.sum() == UNLISTED
    assert (purchases["brand"].isna() == unlisted).all()
    depth = purchases.loc[~unlisted, "genre"].str.count("/") + 1
    assert depth.between(1, 3).all() and (depth == 3).mean() > 0.99
    assert not purchases["genre"].str.contains(r"^/|//|/$").any()


def test_slashes_inside_names_do_not_make_levels():
    products = pd.DataFrame(
        {
            "department": ["A", "A", "A", "A/B"],
            "product_category": ["ICE - CUBED/CRUSHED", None, None, "c"],
            "product_type": ["x/y", "t", None, None],
        }
    )
    assert source.genre_paths(products).tolist() == [
        "A/ICE - CUBED-CRUSHED/x-y", "A/unknown/t", "A", "A-B/c",
    ]  # fmt: skip


def test_times_are_utc_shown_in_new_york(purchases, package):
    local = pd.to_datetime(purchases["purchased_at"], unit="ms", utc=True).dt.tz_convert(source.LOCAL_ZONE)
    for month in (1, 7):  # winter and summer
        by_hour = local[local.dt.month == month].dt.hour.value_counts()
        assert by_hour.idxmax() == 17 and by_hour.idxmin() in (3, 4, 5)
    shopped = pd.MultiIndex.from_arrays([purchases["user_id"], local.dt.tz_localize(None).dt.normalize()])
    redeemed = package["coupon_redemptions"]
    dated = pd.MultiIndex.from_frame(redeemed[["household_id", "redemption_date"]])
    assert dated.isin(shopped).all()
    assert (local.min().date(), local.max().date()) == (
        pd.Timestamp("2017-01-01").date(),
        pd.Timestamp("2017-12-31").date(),
    )


def test_points_are_the_discounts_of_each_basket(landing, package):
    points = read(landing, "points")
    paid = package["transactions"]
    for column, kind in source.KINDS.items():
        assert points.loc[points["kind"] == kind, "amount"].sum() == pytest.approx(paid[column].sum())
    assert (points["amount"] > 0).all()
    assert not points.duplicated(["user_id", "occurred_at", "kind"]).any()


def test_survey_and_description(landing):
    description = SourceDescription.load(landing)
    assert description == source.describe(landing)
    assert (description.zone, description.local_zone) == ("Etc/GMT+5", "America/New_York")
    assert (description.first_day, description.last_day) == ("2017-01-01", "2017-12-31")
    assert description.points == "amounts" and not description.simulated
    people = pd.read_parquet(landing / "demographics" / "households.parquet")
    assert list(people) == ["user_id", *description.demographic_fields] and len(people) == 801
    assert people["home_ownership"].isna().sum() == 233
    days = layout.partitions(landing, description.contract("purchases"))
    assert len(days) == 364 and "2017-12-25" not in days


def test_labels_are_observed_at_month_ends(landing):
    labels = read(landing, "labels")
    local = pd.to_datetime(labels["observed_at"], unit="ms", utc=True).dt.tz_convert(source.LOCAL_ZONE)
    moments = sorted(local.dt.strftime("%Y-%m-%d %H:%M:%S").unique())
    assert len(moments) == len(OBSERVED) == 10
    assert moments[0] == "2017-03-31 23:59:59" and moments[-1] == "2017-12-31 23:59:59"
    assert not labels.duplicated(["user_id", "task", "observed_at"]).any()
    shares = labels.groupby("task")["label"].mean()
    assert shares["private_label_share"] == pytest.approx(0.5, abs=0.001)
    assert 0.01 < shares["coupon_redemption"] < shares["campaign_response"] < 0.3


def test_labels_know_nothing_of_what_comes_later(package):
    """Everything from a month's end on is replaced by noise: no label observed before may change."""
    bought = source.purchase_rows(package["transactions"], package["products"])
    whole = label_rows(bought, package, source.LOCAL_ZONE)
    cut = pd.Timestamp("2017-07-01")
    cut_ms = int(cut.tz_localize(source.LOCAL_ZONE).timestamp() * 1000)
    later = bought["purchased_at"] >= cut_ms
    changed = bought.assign(
        price=bought["price"].where(~later, 1000.0), private_label=bought["private_label"] ^ later
    )
    coupons = package["coupon_redemptions"]
    campaigns = package["campaign_descriptions"]
    tables = package | {
        "coupon_redemptions": coupons[coupons["redemption_date"] < cut],
        "campaign_descriptions": campaigns[campaigns["start_date"] < cut],
    }
    perturbed = label_rows(changed, tables, source.LOCAL_ZONE)
    before = [frame[frame["observed_at"] < cut_ms].reset_index(drop=True) for frame in (whole, perturbed)]
    assert len(before[0]) > 15_000
    pd.testing.assert_frame_equal(*before)
    after = [frame[frame["observed_at"] >= cut_ms].reset_index(drop=True) for frame in (whole, perturbed)]
    assert not after[0].equals(after[1])


def test_filling_again_replaces_and_another_source_is_left_alone(package, tmp_path, monkeypatch):
    small = package | {"transactions": package["transactions"].tail(2_000)}
    monkeypatch.setattr(source, "read_package", lambda: small)
    told = []
    copy = tmp_path / "copy"
    source.fill(copy, progress=lambda *step: told.append(step))
    stray = copy / "purchases" / "date=2016-01-01" / "old.parquet"
    stray.parent.mkdir()
    stray.write_bytes(b"left over")
    source.fill(copy)
    assert not stray.exists()
    assert [step[1:] for step in told] == [(done, 5) for done in range(6)] and len(
        {step[0] for step in told}
    ) == 1
    other = source.describe(copy).model_copy(update={"name": "mine"})
    other.save(copy)
    with pytest.raises(FileExistsError, match="another source"):
        source.fill(copy)
    assert read(copy, "purchases").shape[0] == 2_000
