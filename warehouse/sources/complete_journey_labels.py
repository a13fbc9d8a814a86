"""What Complete Journey knows of its households beside their baskets: a survey, and how they use the service.

**Survey** (demographics): seven columns, all stored as categories, since the package gives bands. Four are
ordinal, with an open end: `age` (19-24 … 65+), `income` (Under 15K … 250K+, thousands of dollars a year),
`household_size` (1 … 5+) and `kids_count` (0 … 3+). Three are nominal: `home_ownership` (and Probable …),
`marital_status`, `household_comp`. When the survey was taken is not said; it counts from the beginning.

**Usage** (labels): observed in the last second of the local months March to December, each over the 90 local
days that end there; January and February lack 90 days before them. Nothing later than the moment of
observation enters. Redemptions are dated by local day.

| task | households | label 1 |
|---|---|---|
| coupon_redemption | who bought in the 90 days | redeemed a coupon in them |
| campaign_response | who were sent a campaign that ran in them | redeemed a coupon of one in them |
| private_label_share | who spent anything in them | share of the shop's own brands above the median share |
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

SURVEY_FIELDS = (
    "age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count",
)  # fmt: skip

WINDOW_DAYS = 90
OBSERVED = tuple(f"2017-{month:02d}" for month in range(3, 13))  #: months, each at its end
_REDEEMED = "redemption_date"


def survey_rows(demographics: pd.DataFrame) -> pd.DataFrame:
    """Rows of demographics: `user_id` and the seven fields, missing where the survey has no answer."""
    fields = {name: demographics[name].astype("string") for name in SURVEY_FIELDS}
    return pd.DataFrame({"user_id": demographics["household_id"], **fields})


def label_rows(purchases: pd.DataFrame, tables: Mapping[str, pd.DataFrame], local_zone: str) -> pd.DataFrame:
    """Rows of labels in order of time, with `day`, the local day at whose end they were observed.

    Args:
        purchases: `user_id`, `purchased_at`, `price`, `private_label`.
        tables: the package's campaigns, campaign_descriptions and coupon_redemptions.
        local_zone: whose months are meant.
    """
    sent = tables["campaigns"].merge(tables["campaign_descriptions"], on="campaign_id")
    redeemed = tables["coupon_redemptions"]
    frames = []
    for month in OBSERVED:
        last_day = pd.Timestamp(month) + pd.offsets.MonthEnd(0)
        # Local midnights, so that a clock change does not cut an hour off the window.
        first_day = last_day - pd.Timedelta(days=WINDOW_DAYS - 1)
        start_ms = _local_ms(first_day, local_zone)
        observed_ms = _local_ms(last_day + pd.Timedelta(days=1), local_zone) - 1000
        inside = (purchases["purchased_at"] >= start_ms) & (purchases["purchased_at"] < observed_ms)
        within = redeemed[redeemed[_REDEEMED].between(first_day, last_day)]
        running = sent[(sent["start_date"] <= last_day) & (sent["end_date"] >= first_day)]
        tasks = {
            "coupon_redemption": _redemption(purchases[inside], within),
            "campaign_response": _response(running, within),
            "private_label_share": _private_share(purchases[inside]),
        }
        for task, labels in tasks.items():
            frames.append(
                pd.DataFrame(
                    {
                        "user_id": labels.index.to_numpy(),
                        "task": task,
                        "label": labels.to_numpy(bool),
                        "observed_at": observed_ms,
                        "day": last_day.strftime("%Y-%m-%d"),
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def _redemption(bought: pd.DataFrame, redeemed: pd.DataFrame) -> pd.Series:
    households = pd.Index(np.unique(bought["user_id"]))
    return pd.Series(households.isin(redeemed["household_id"]), index=households)


def _response(running: pd.DataFrame, redeemed: pd.DataFrame) -> pd.Series:
    answered = redeemed.merge(running, on=["household_id", "campaign_id"])["household_id"]
    households = pd.Index(np.unique(running["household_id"]))
    return pd.Series(households.isin(answered), index=households)


def _private_share(bought: pd.DataFrame) -> pd.Series:
    own = bought["price"].where(bought["private_label"], 0.0)
    spent = bought["price"].groupby(bought["user_id"]).sum()
    spent = spent[spent > 0]
    share = (own.groupby(bought["user_id"]).sum() / spent).dropna()
    return share > share.median()


def _local_ms(midnight: pd.Timestamp, zone: str) -> int:
    return int(midnight.tz_localize(zone).timestamp() * 1000)
