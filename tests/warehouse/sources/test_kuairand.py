"""The KuaiRand adapter on small files in the official layout."""

import numpy as np
import pandas as pd
import pytest

from warehouse.landing import reading
from warehouse.landing.service_time import HOUR_MS, ServiceZone
from warehouse.sources import kuairand
from warehouse.sources.kuairand_fields import ITEM_FIELDS, USER_FIELDS

ZONE = ServiceZone("Etc/GMT-8")
DAY = ZONE.day_start_ms("2022-05-07")
MORNING, EVENING = DAY + 9 * HOUR_MS + 5, DAY + 23 * HOUR_MS + 7


def official(folder, kind="csv", history=True):
    """Two users, three videos: four exposures in tab 1 (one row twice), clicks and skips in other tabs."""
    log = pd.DataFrame(
        [
            (1, 10, MORNING, 1, 1500, 1),
            (2, 11, MORNING, 0, 0, 1),
            (2, 11, MORNING, 0, 0, 1),
            (1, 11, EVENING, 0, 20, 1),
            (1, 12, MORNING + 60_000, 1, 900, 4),
            (2, 12, MORNING + 60_000, 0, 900, 4),
            (2, 10, EVENING, 1, 900, 0),
        ],
        columns=["user_id", "video_id", "time_ms", "is_click", "play_time_ms", "tab"],
    ).assign(date=20220507, hourmin=900, is_like=1, is_rand=0, long_view=1)
    users = pd.DataFrame({"user_id": [1, 2]} | {name: [4.0, np.nan] for name in USER_FIELDS})
    users["register_days_range"] = ["730+", "181-365"]
    videos = pd.DataFrame(
        {
            "video_id": [10, 11, 12],
            "author_id": [7, 7, 8],
            "upload_dt": ["2022-04-10", "2022-04-09", None],
            "upload_type": ["Web", "Web", "Kmovie"],
            "video_duration": [8000.0, 90_000.0, np.nan],
            "server_width": [720.0, 720.0, np.nan],
            "server_height": [1280.0, 720.0, np.nan],
            "music_type": [9.0, np.nan, 4.0],
            "tag": ["39,5", "2", None],
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in ((kuairand.LOG, log), (kuairand.USERS, users), (kuairand.VIDEOS, videos)):
        if kind == "parquet":
            frame.to_parquet(folder / f"{name}.parquet")
        else:
            frame.to_csv(folder / f"{name}.{kind}", index=False)
    if history:
        views = pd.DataFrame({"user_id": [1, 2], "video_ids": [[10, 11], []]})
        views.to_parquet(folder / "long_views_before_2022-05-07.parquet")
    return folder


def table(root, description, name):
    return reading.read(root, description, name).frame


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet"])
def test_exposures_are_tab_one_and_clicks_elsewhere_are_external(tmp_path, kind):
    description = kuairand.fill(tmp_path / "landing", official(tmp_path / "data", kind))
    found = table(tmp_path / "landing", description, "exposures")
    assert found["exposure_id"].tolist() == [f"1-{MORNING}-10", f"2-{MORNING}-11", f"1-{EVENING}-11"]
    assert found["clicked"].tolist() == [True, False, False]
    assert found["dwell_seconds"].tolist() == [1.5, 0, 0.02]
    assert found["_partition"].tolist() == ["2022-05-07-09:00"] * 2 + ["2022-05-07-23:00"]
    clicks = table(tmp_path / "landing", description, "external_clicks")
    assert sorted(clicks["domain"]) == ["long_view_history", "long_view_history", "tab_0", "tab_4"]
    assert description.domains == ("long_view_history", "tab_0", "tab_4")
    assert (description.first_day, description.last_day) == ("2022-05-06", "2022-05-07")
    assert kuairand.describe(tmp_path / "landing") == description
    assert not description.simulated


def test_external_clicks_are_received_at_the_next_midnight(tmp_path):
    description = kuairand.fill(tmp_path / "landing", official(tmp_path / "data"))
    clicks = table(tmp_path / "landing", description, "external_clicks")
    late = clicks[clicks["domain"] != "long_view_history"]
    assert set(late["received_at"]) == {DAY + 24 * HOUR_MS}
    assert set(late["_partition"]) == {"2022-05-08-00:00"}


def test_the_delay_is_a_setting(tmp_path):
    settings = kuairand.KuaiRandSettings(external_delay_hours=1.5)
    description = kuairand.fill(tmp_path / "landing", official(tmp_path / "data", history=False), settings)
    clicks = table(tmp_path / "landing", description, "external_clicks")
    assert (clicks["received_at"] - clicks["occurred_at"]).tolist() == [1.5 * HOUR_MS] * 2


def test_earlier_long_views_arrive_a_millisecond_before_their_date(tmp_path):
    description = kuairand.fill(tmp_path / "landing", official(tmp_path / "data"))
    clicks = table(tmp_path / "landing", description, "external_clicks")
    history = clicks[clicks["domain"] == "long_view_history"]
    assert set(history["_partition"]) == {"2022-05-06-23:00"}
    assert set(history["received_at"]) == set(history["occurred_at"]) == {DAY - 1}
    assert history["item_id"].tolist() == ["10", "11"]


def test_without_long_views_the_first_day_is_the_logs_own(tmp_path):
    description = kuairand.fill(tmp_path / "landing", official(tmp_path / "data", history=False))
    assert description.first_day == "2022-05-07" and "long_view_history" not in description.domains


def test_fields_are_codes_known_before_the_exposure(tmp_path):
    description = kuairand.fill(tmp_path / "landing", official(tmp_path / "data"))
    users, items = (table(tmp_path / "landing", description, name) for name in ("users", "items"))
    assert description.user_fields == tuple(USER_FIELDS) and len(USER_FIELDS) == 6
    assert description.item_fields == tuple(ITEM_FIELDS) and len(ITEM_FIELDS) == 6
    assert "author_id" in ITEM_FIELDS
    assert users["onehot_feat1"].fillna("?").tolist() == ["4", "?"]
    assert items["tag"].fillna("?").tolist() == ["39", "2", "?"]
    assert items["music_type"].fillna("?").tolist() == ["9", "?", "4"]
    assert items["duration_bucket"].fillna("?").tolist() == ["8.0s", "64.0s", "?"]
    assert items["frame"].fillna("?").tolist() == ["720x1280", "720x720", "?"]
    assert items["published_at"].fillna(0).tolist() == [
        ZONE.day_start_ms("2022-04-10"), ZONE.day_start_ms("2022-04-09"), 0,
    ]  # fmt: skip


def test_the_official_archive_has_its_files_in_a_data_folder(tmp_path):
    official(tmp_path / "KuaiRand-Pure" / "data")
    assert kuairand.fill(tmp_path / "landing", tmp_path / "KuaiRand-Pure").last_day == "2022-05-07"


@pytest.mark.parametrize("name", [kuairand.LOG, kuairand.USERS, kuairand.VIDEOS])
def test_a_missing_file_is_named_with_where_to_get_it(tmp_path, name):
    official(tmp_path / "data")
    (tmp_path / "data" / f"{name}.csv").unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name}.*kuairand\.com"):
        kuairand.fill(tmp_path / "landing", tmp_path / "data")
    assert not (tmp_path / "landing").exists()


def test_a_missing_column_is_named(tmp_path):
    official(tmp_path / "data")
    path = tmp_path / "data" / f"{kuairand.LOG}.csv"
    pd.read_csv(path).drop(columns="time_ms").to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"log_standard.*'time_ms'"):
        kuairand.fill(tmp_path / "landing", tmp_path / "data")


def test_filling_again_replaces_and_never_touches_another_source(tmp_path):
    kuairand.fill(tmp_path / "landing", official(tmp_path / "data"))
    stale = tmp_path / "landing" / "exposures" / "date=2022-05-01"
    stale.mkdir()
    kuairand.fill(tmp_path / "landing", tmp_path / "data")
    assert not stale.exists()
    (tmp_path / "own" / "users").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="another source"):
        kuairand.fill(tmp_path / "own", tmp_path / "data")
