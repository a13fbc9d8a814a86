"""`ProfileData` from a warehouse: the same rows, cut at the date, in the models' own terms."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from assets.profiling import reading
from assets.profiling.plots import MOST_PANELS, heatmap_figure, heatmap_picture
from assets.profiling.profilers import hash_of
from assets.profiling.reading import (
    UnknownUser,
    profile_data,
    profile_data_hash,
    purchase_log,
    sparse_heatmaps,
    user_heatmaps,
)
from models.profiling.activity import activity_columns
from models.profiling.data import MISSING
from tests.models.profiling.toy import toy_log
from tests.simulator.shop import (
    DESCRIPTION,
    load,
    load_file,
    ms,
    opened,
    random_points,
    random_purchases,
)
from warehouse.home import Deployment, Home, SourceHome
from warehouse.store import profiling as store_profiling

AS_OF = "2017-06-10"
FRAME = random_purchases(400, "2016-05-20", 430, seed=5, users=9)
FRAME["brand"] = np.where(np.arange(400) % 7 == 0, None, np.char.add("b", (np.arange(400) % 5).astype(str)))
DOTS = random_points(120, "2016-05-20", 430, seed=5, users=12)
HOMES = pd.DataFrame({"user_id": ["3", "quiet"], "home": ["owner", None], "age": [31.0, np.nan]})
LABELS = pd.DataFrame(
    [
        ("1", "saver", True, ms("2017-03-01")),
        ("1", "saver", False, ms("2017-04-01")),
        ("1", "saver", True, ms("2017-06-10")),
        ("labelled", "spender", True, ms("2017-06-09 23:59")),
        ("1", "late", True, ms("2017-06-20")),
        ("only-late", "late", True, ms("2017-06-20")),
    ],
    columns=["user_id", "task", "label", "observed_at"],
)


def filled(home):
    with opened(home.root, {"purchases": FRAME, "points": DOTS}) as warehouse:
        load_file(warehouse, "demographics", HOMES, "demographics/all.csv", 0)
        moved = pd.DataFrame({"user_id": ["3"], "home": ["renter"], "age": [32.0]})
        load_file(warehouse, "demographics", moved, "demographics/b.csv", ms("2017-06-09"))
        load_file(warehouse, "demographics", moved.assign(age=99.0), "demographics/c.csv", ms(AS_OF))
        load_file(warehouse, "labels", LABELS, "labels/all.csv", 0)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    source_home = SourceHome(tmp_path_factory.mktemp("home"))
    filled(source_home)
    return source_home


@pytest.fixture(scope="module")
def data(home):
    return profile_data(home, DESCRIPTION, AS_OF)


def local_days(at):
    stamps = pd.to_datetime(at, unit="ms", utc=True).dt.tz_convert("America/New_York").dt.tz_localize(None)
    return (stamps.dt.normalize() - pd.Timestamp("1970-01-01")).dt.days


def test_users_are_all_that_were_known_before_the_date(data):
    before = FRAME[FRAME["purchased_at"] < ms(AS_OF)], DOTS[DOTS["occurred_at"] < ms(AS_OF)]
    known = {user for frame in before for user in frame["user_id"]} | {"3", "quiet", "1", "labelled"}
    assert data.user_ids.tolist() == sorted(known)
    assert data.positions(["quiet", "only-late"]).tolist() == [sorted(known).index("quiet"), MISSING]


def test_purchases_are_those_before_the_date_in_order(data):
    log, rows = data.purchases, FRAME[FRAME["purchased_at"] < ms(AS_OF)]
    rows = rows.sort_values("purchased_at", kind="stable")
    assert data.user_ids[log.user].tolist() == rows["user_id"].tolist()
    assert log.at_ms.tolist() == rows["purchased_at"].tolist()
    assert log.day.tolist() == local_days(rows["purchased_at"]).tolist()
    assert (np.lexsort((log.at_ms, log.day)) == np.arange(len(log))).all()
    np.testing.assert_array_equal(log.price, rows["price"].astype(np.float32))
    assert log.cancelled.tolist() == rows["cancelled"].tolist()
    brands = [None if brand == MISSING else log.brand_names[brand] for brand in log.brand]
    assert brands == rows["brand"].astype(object).where(rows["brand"].notna(), None).tolist()


def test_genres_have_every_level_and_short_paths_stand_for_themselves(data):
    log = data.purchases
    paths = FRAME[FRAME["purchased_at"] < ms(AS_OF)].sort_values("purchased_at", kind="stable")["genre"]
    assert log.genre.shape[1] == 3 == len(log.genre_names)
    for level in range(3):
        names = ["/".join(path.split("/")[: level + 1]) for path in paths]
        assert [log.genre_names[level][code] for code in log.genre[:, level]] == names


def test_demographics_are_the_last_row_valid_before_the_date(data):
    demographics = data.demographics
    assert (demographics.numeric_names, demographics.categorical_names) == (("age",), ("home",))
    three, quiet = data.positions(["3", "quiet"])
    assert demographics.numeric[three, 0] == 32.0
    assert demographics.categories[0][demographics.categorical[three, 0]] == "renter"
    assert demographics.present.sum() == 1 and not demographics.present[quiet]


def test_labels_are_the_last_observation_before_the_date(data):
    assert data.labels.tasks == ("saver", "spender")
    one, labelled = data.positions(["1", "labelled"])
    assert data.labels.value[one].tolist() == pytest.approx([0.0, np.nan], nan_ok=True)
    assert data.labels.value[labelled].tolist() == pytest.approx([np.nan, 1.0], nan_ok=True)
    assert np.isnan(data.labels.value).sum() == data.labels.value.size - 2


def test_heatmaps_agree_with_the_purchases(data):
    shopping, log = data.modality("shopping"), data.purchases.between(data.as_of_day - 365, data.as_of_day)
    bought = np.char.startswith(np.array(shopping.channels), "bought")[shopping.channel]
    got = np.zeros((len(data), 365))
    np.add.at(got, (shopping.rows[bought], shopping.day[bought]), shopping.value[bought])
    spent = np.zeros((len(data), 365))
    valid = ~log.cancelled
    np.add.at(spent, (log.user[valid], log.day[valid] - data.as_of_day + 365), log.price[valid])
    np.testing.assert_allclose(got, spent, rtol=1e-5)
    assert data.modality("points").present.sum() > 9


def test_numbers_of_brands_and_genres_stay_what_they_are_in_the_whole_log(home, data):
    ids, log = purchase_log(home, DESCRIPTION)
    assert len(log) == len(FRAME) and set(data.user_ids) < set(ids) and "only-late" in ids
    assert log.brand_names[: len(data.purchases.brand_names)] == data.purchases.brand_names
    for whole, before in zip(log.genre_names, data.purchases.genre_names, strict=True):
        assert whole[: len(before)] == before
    head = log.before(data.as_of_day)
    np.testing.assert_array_equal(head.brand, data.purchases.brand)
    np.testing.assert_array_equal(head.genre, data.purchases.genre)
    assert ids[head.user].tolist() == data.user_ids[data.purchases.user].tolist()


@pytest.mark.parametrize("rows", [7, 100])
def test_purchases_read_in_stretches_are_those_read_at_once(rows, home, data, monkeypatch):
    for module in (store_profiling, reading):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", rows)
    again = profile_data(home, DESCRIPTION, AS_OF).purchases
    assert len(again) == len(data.purchases) > rows
    for name in ("user", "day", "at_ms", "brand", "genre", "price", "cancelled"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data.purchases, name))
    assert again.nbytes <= 33 * len(again)


def test_cells_are_read_when_they_are_asked_for(home, monkeypatch):
    reads = []

    def read(heatmaps, modality, users):
        reads.append(modality)
        return sparse_heatmaps(heatmaps, modality, users)

    monkeypatch.setattr(reading, "sparse_heatmaps", read)
    data = profile_data(home, DESCRIPTION, AS_OF)
    digest = hash_of(data)
    whole = replace(data, modalities=tuple(data.modalities))
    assert reads == ["shopping", "points"] and tuple(data.modalities) == whole.modalities
    assert len(reads) == 2 and data.modality("points") is whole.modality("points")
    assert hash_of(profile_data(home, DESCRIPTION, AS_OF)) == digest != hash_of(whole)
    # Who was known from points alone is told from the users of the segments.
    for day in (data.as_of_day - 400, data.as_of_day - 200, data.as_of_day - 3, data.as_of_day):
        np.testing.assert_array_equal(data.known_before(day), whole.known_before(day))
    known = profile_data(home, DESCRIPTION, AS_OF).known_before(data.as_of_day - 3)
    bought = np.isin(np.arange(len(data)), data.purchases.before(data.as_of_day - 3).user)
    assert (known & ~bought).any() and not known.all()


def test_what_happens_on_and_after_the_date_changes_nothing(tmp_path, data):
    other = SourceHome(tmp_path)
    late = FRAME["purchased_at"] >= ms(AS_OF)
    changed = FRAME.assign(
        price=FRAME["price"].where(~late, 1.0),
        brand=FRAME["brand"].where(~late, "new"),
        genre=FRAME["genre"].where(~late, "new/genre/of/old"),
        user_id=FRAME["user_id"].where(~late, "newcomer"),
    )
    with opened(other.root, {"purchases": changed, "points": DOTS[DOTS["occurred_at"] < ms(AS_OF)]}) as w:
        load_file(w, "demographics", HOMES, "demographics/all.csv", 0)
        moved = pd.DataFrame({"user_id": ["3"], "home": ["renter"], "age": [32.0]})
        load_file(w, "demographics", moved, "demographics/b.csv", ms("2017-06-09"))
        load_file(w, "labels", LABELS[LABELS["observed_at"] < ms(AS_OF)], "labels/all.csv", 0)
    theirs = profile_data(other, DESCRIPTION, AS_OF)
    assert theirs.user_ids.tolist() == data.user_ids.tolist()
    for ours, heat in zip(data.modalities, theirs.modalities, strict=True):
        assert ours.channels == heat.channels
        for name in ("offsets", "day", "hour", "channel", "value"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(heat, name))
    for name in ("user", "at_ms", "price", "brand", "genre"):
        np.testing.assert_array_equal(getattr(data.purchases, name), getattr(theirs.purchases, name))
    assert theirs.purchases.brand_names == data.purchases.brand_names
    assert theirs.purchases.genre_names == data.purchases.genre_names
    np.testing.assert_array_equal(theirs.labels.value, data.labels.value)
    np.testing.assert_array_equal(theirs.demographics.numeric, data.demographics.numeric)


def test_purchases_only_are_an_ordinary_case(tmp_path):
    bare, plain = (
        SourceHome(tmp_path),
        DESCRIPTION.model_copy(
            update={"demographic_fields": (), "demographic_numbers": (), "local_zone": None}
        ),
    )
    with opened(bare.root) as warehouse:
        warehouse.configure(plain)
        load(warehouse, "purchases", FRAME.drop(columns="brand"))
    data = profile_data(bare, plain, AS_OF)
    assert [heat.modality for heat in data.modalities] == ["shopping"]
    assert data.demographics is None and data.labels is None
    assert data.purchases.brand_names == () and (data.purchases.brand == MISSING).all()
    assert activity_columns(data.purchases, data.as_of_day, len(data)).shape == (len(data), 19)


def test_the_hash_is_of_what_is_read(home):
    early, late, whole = (profile_data_hash(home, DESCRIPTION, at) for at in ("2017-01-01", AS_OF, None))
    assert len({early, late, whole}) == 3 and early == profile_data_hash(home, DESCRIPTION, "2017-01-01")


def test_a_date_without_data_and_an_unknown_user_are_clear_errors(home):
    with pytest.raises(ValueError, match="365 days before 2015-01-01"):
        profile_data(home, DESCRIPTION, "2015-01-01")
    with pytest.raises(UnknownUser, match=r"'nobody' has no purchase.* before 2017-06-10; 14 users"):
        user_heatmaps(home, DESCRIPTION, "nobody", AS_OF)


def test_one_user_as_in_everybodys_data(home, data):
    for heat in user_heatmaps(home, DESCRIPTION, "3", AS_OF):
        expected = data.modality(heat.modality).take(data.positions(["3"]))
        for name in ("offsets", "day", "hour", "channel", "value"):
            np.testing.assert_array_equal(getattr(heat, name), getattr(expected, name))


def test_the_picture_has_a_panel_a_channel_in_use(data):
    one = [heat.take(data.positions(["3"])) for heat in data.modalities]
    figure = heatmap_figure(one, "3", AS_OF, simulated=True)
    assert (
        "user 3, 2016-06-10 to 2017-06-09" in figure.get_suptitle() and "simulated" in figure.get_suptitle()
    )
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    used = {heat.channels[c] for heat in one for c in np.unique(heat.channel)}
    assert set(titles) == used and len(titles) == len(used)
    amounts = [float(axes.get_title(loc="right").replace(",", "")) for axes in figure.axes[: len(used)]]
    shopping = [a for a, title in zip(amounts, titles, strict=True) if title in one[0].channels]
    assert shopping == sorted(shopping, reverse=True)


def test_many_channels_and_none(data):
    log = toy_log(users=1, genres=40, brands=40, per_user=3000)
    from tests.models.profiling.toy import AS_OF as DAY
    from tests.models.profiling.toy import toy_heatmaps

    crowded = toy_heatmaps(log, DAY, 1)
    few = data.modality("points").take(data.positions(["3"]))
    figure = heatmap_figure([crowded, few], "1", AS_OF, simulated=False)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert len(titles) == MOST_PANELS and set(few.channels) < set(titles)
    empty = few.take(np.zeros(0, dtype=int))
    nobody = [empty.__class__(**{**empty.__dict__, "offsets": np.zeros(2, dtype=int)})]
    assert heatmap_picture(nobody, "1", AS_OF, simulated=False).startswith(b"\x89PNG")


def test_the_command_draws_and_prints(tmp_path, monkeypatch):
    from orchestration.cli import app

    home = Home.current()
    filled(home.source("landing"))
    landing = tmp_path / "mine"
    DESCRIPTION.save(landing)
    Deployment(source="landing", zone=DESCRIPTION.zone, first_day="2016-01-01", landing=str(landing)).save(
        home
    )
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    drawn = runner.invoke(app, ["heatmap", "--user", "3", "--as-of", AS_OF])
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / f"heatmap-3-{AS_OF}.png").read_bytes().startswith(b"\x89PNG")
    printed = runner.invoke(app, ["heatmap", "--user", "3", "--as-of", AS_OF, "--text"])
    lines = dict(line.split(": ", 1) for line in printed.stdout.splitlines())
    heatmaps = user_heatmaps(home.source("landing"), DESCRIPTION, "3", AS_OF)
    for one in heatmaps:
        values = [float(cell.split(": ")[1]) for cell in lines[one.modality].split("; ")]
        np.testing.assert_array_equal(np.float32(values), one.value)
    for user, date, why in (("x", AS_OF, "no purchase"), ("3", "2031-01-01", "no purchases and no points")):
        failed = runner.invoke(app, ["heatmap", "--user", user, "--as-of", date])
        assert failed.exit_code == 1 and why in " ".join(failed.stderr.split())
