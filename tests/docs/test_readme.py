"""The README's 'Your own logs', followed word for word on a folder of logs made here."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
DAYS = pd.date_range("2026-05-06", "2026-05-08")
USERS, ITEMS, AN_HOUR, A_DAY = 300, 120, 60, 12
HOUR_MS = 3_600_000


def commands() -> str:
    """The block of commands under the heading, as it stands there."""
    section = (ROOT / "README.md").read_text().split("## Your own logs")[1].split("\n## ")[0]
    return next(block for block in re.findall(r"```\n(.*?)```", section, re.DOTALL) if "hourfold " in block)


def write_logs(folder: Path, rng: np.random.Generator) -> None:
    """Three days of a feed, and some months of a shop with the same accounts, as the README lays them out."""
    users = np.array([f"u{number}" for number in range(USERS)])
    taste, topic = rng.integers(0, 4, USERS), rng.integers(0, 4, ITEMS)
    (folder / "users").mkdir(parents=True)
    (folder / "items").mkdir()
    ages = rng.choice(["20s", "30s", "40s"], USERS)
    pd.DataFrame({"user_id": users, "age": ages}).to_csv(folder / "users/users.csv", index=False)
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)], "topic": [f"t{n}" for n in topic]})
    items.to_csv(folder / "items/items.csv", index=False)
    for start in pd.date_range(DAYS[0], DAYS[-1] + pd.Timedelta(hours=23), freq="h", tz="UTC"):
        user, item = rng.integers(0, USERS, AN_HOUR), rng.integers(0, ITEMS, AN_HOUR)
        hour = pd.DataFrame(
            {
                "exposure_id": [f"{start:%d%H}-{number}" for number in range(AN_HOUR)],
                "user_id": users[user],
                "item_id": items["item_id"].to_numpy()[item],
                "shown_at": start.value // 10**6 + np.sort(rng.integers(0, HOUR_MS, AN_HOUR)),
                "clicked": rng.random(AN_HOUR) < np.where(taste[user] == topic[item], 0.5, 0.1),
                "ctx_device": rng.choice(["phone", "tablet"], AN_HOUR),
            }
        )
        path = folder / f"exposures/date={start:%Y-%m-%d}/hour={start:%H}/part-0.parquet"
        path.parent.mkdir(parents=True)
        hour.to_parquet(path)
    for day in pd.date_range("2025-12-01", DAYS[-1], tz="UTC"):
        user = rng.integers(0, USERS, A_DAY)
        genre = np.where(rng.random(A_DAY) < 0.6, taste[user], rng.integers(0, 4, A_DAY))
        path = folder / f"purchases/date={day:%Y-%m-%d}/part-0.csv.gz"
        path.parent.mkdir(parents=True)
        pd.DataFrame(
            {
                "user_id": users[user],
                "purchased_at": day.value // 10**6 + rng.integers(0, 24 * HOUR_MS, A_DAY),
                "price": rng.gamma(2.0, 10.0, A_DAY).round(2),
                "genre": [f"shop/g{number}" for number in genre],
                "brand": [
                    f"b{number}-{kind}" for number, kind in zip(genre, rng.integers(0, 6, A_DAY), strict=True)
                ],
                "cancelled": 0,
            }
        ).to_csv(path, index=False)
    buyers = users[taste == 0][:30]
    pd.DataFrame({"user_id": buyers}).to_csv(folder.parent / "brand.csv", index=False)


@pytest.mark.slow
def test_the_readme_followed_on_logs_of_ones_own(tmp_path):
    write_logs(tmp_path / "logs", np.random.default_rng(0))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    done = subprocess.run(
        ["bash", "-ec", commands()], cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    audience = pd.read_csv(tmp_path / "audience.csv", dtype=str)
    assert set(audience["user_id"]) <= {f"u{number}" for number in range(USERS)}
    assert (tmp_path / "var/mine/sources/landing/reports/auc_by_hour_2026-05-08.svg").exists()
