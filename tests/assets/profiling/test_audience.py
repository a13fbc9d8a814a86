"""From a file of customers to an audience: what is found, left out, listed and refused; twice is once."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from assets.common.faults import BadRequest
from assets.profiling import profilers
from assets.profiling.audience.files import AudienceFiles, frame, write
from assets.profiling.audience.make import make_audience
from assets.profiling.audience.requests import AudienceSettings
from models.profiling.data import MISSING
from tests.assets.profiling import profiler_stand_in as stand_in
from tests.assets.profiling.profiler_stand_in import AS_OF_KEY, ENTRY, brand_customers, read, trainer
from tests.models.profiling.toy import AS_OF

BRAND = 1


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch):
    monkeypatch.setattr(profilers, "PROFILERS", {"meta_profile_prior": ENTRY, "meta_profile": ENTRY})


def listed(tmp_path, ids, name="brand.csv"):
    path = tmp_path / name
    path.write_text("\n".join(["user_id", *ids]) + "\n")
    return path


def asked(path, **changes):
    return AudienceSettings(customers=str(path), as_of=AS_OF_KEY, top=30, **changes)


def made(tmp_path, settings, **changes):
    values = {"source": "toy", "simulated": True} | changes
    return make_audience(settings, trainer(tmp_path / "models"), **values)


def test_customers_are_left_out_and_the_rest_is_ranked(tmp_path):
    customers = brand_customers(BRAND)
    result = made(tmp_path, asked(listed(tmp_path, [*customers, customers[0], "nobody", "no-one"])))
    assert result.known == len(customers)
    assert result.customers.repeats == 1
    assert result.unknown == ("nobody", "no-one")
    assert len(result.audience) == 30
    assert not set(result.user_ids) & set(customers)
    assert result.audience.candidates == 400 - len(customers)
    rows = frame(result)
    assert rows["rank"].tolist() == list(range(1, 31))
    assert (rows["score"].diff().dropna() <= 0).all() and rows["percentile"].iloc[0] > 99
    assert set(rows["nearest_1"]) <= set(customers)
    assert (rows["similarity_1"] >= rows["similarity_2"]).all()
    assert rows["similarity_3"].between(-1, 1).all()


def test_customers_can_be_kept(tmp_path):
    customers = brand_customers(BRAND)
    result = made(tmp_path, asked(listed(tmp_path, customers), keep_customers=True, lift=False))
    assert result.audience.candidates == 400
    assert set(result.user_ids) & set(customers)
    assert result.lift is None and "not asked for" in result.no_lift


def test_the_lift_of_a_brand_leans_on_its_own_newcomers_with_the_clock_held_back(tmp_path):
    result = made(tmp_path, asked(listed(tmp_path, brand_customers(BRAND))))
    lift = result.lift
    assert (lift.brand, lift.until) == (f"brand{BRAND}", AS_OF_KEY)
    assert lift.since == lift.model_as_of == str(np.datetime64(AS_OF - 90, "D")), "nothing later was used"
    before, after = set(brand_customers(BRAND, AS_OF - 90)), set(brand_customers(BRAND))
    assert lift.own_newcomers == len(after - before) and 0 < lift.own_share < 1
    assert lift.rate == pytest.approx(len(after - before) / (400 - len(before)))
    assert lift.curve.at(0.2)[0] > 0.2, "the toy's users have tastes"


def test_a_later_model_is_never_used(tmp_path):
    held = trainer(tmp_path / "models")
    held.train("meta_profile_prior", AS_OF_KEY)
    earlier = str(np.datetime64(AS_OF - 30, "D"))
    assert held.at("meta_profile_prior", earlier).record.partition == earlier
    assert held.at("meta_profile_prior", AS_OF_KEY).record.partition == AS_OF_KEY
    day_before = str(np.datetime64(AS_OF - 1, "D"))
    assert held.at("meta_profile_prior", day_before).record.partition == earlier, "the newest before it"


def test_a_list_that_is_no_brand_takes_the_mean_of_like_ones(tmp_path):
    some = [f"u{number:05d}" for number in range(0, 400, 9)]
    result = made(tmp_path, asked(listed(tmp_path, some)))
    assert result.lift.basis == "like brands" and result.lift.brand is None
    assert result.lift.curve.brands > 1
    assert "no brand of the log" in result.lift.why


def test_a_date_without_a_date_before_it_has_no_lift(tmp_path):
    day = str(np.datetime64(AS_OF - 160, "D"))
    settings = asked(listed(tmp_path, brand_customers(BRAND, AS_OF - 160))).model_copy(update={"as_of": day})
    result = made(tmp_path, settings)
    assert result.lift is None and "no heatmaps" in result.no_lift
    files = AudienceFiles.at(tmp_path / "out.html")
    write(result, files)
    assert "None can be told" in files.page.read_text() and not files.lift.exists()


def test_a_log_without_brands_gives_an_audience_without_lift(tmp_path, monkeypatch):
    def bare(as_of):
        data = read(as_of)
        purchases = replace(data.purchases, brand=np.full_like(data.purchases.brand, MISSING), brand_names=())
        return replace(data, purchases=purchases, demographics=None, labels=None)

    monkeypatch.setattr(stand_in, "read", bare)
    result = made(tmp_path, asked(listed(tmp_path, brand_customers(BRAND))))
    assert len(result.audience) == 30
    assert result.lift is None and "no brand had enough newcomers" in result.no_lift


def test_two_runs_are_identical_byte_for_byte(tmp_path):
    path = listed(tmp_path, [*brand_customers(BRAND), "nobody"])
    for run in ("one", "two"):
        write(made(tmp_path / run, asked(path)), AudienceFiles.at(tmp_path / run / "audience.csv"))
    names = {path.name for path in (tmp_path / "one").iterdir()} - {"models"}
    assert names == {f"audience{end}" for end in (".parquet", ".csv", ".json", ".html", "-lift.csv")}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_the_files_hold_the_same_audience(tmp_path):
    result = made(tmp_path, asked(listed(tmp_path, [*brand_customers(BRAND), "nobody"])))
    files = AudienceFiles.at(tmp_path)
    write(result, files)
    table = pd.read_csv(files.csv)
    pd.testing.assert_frame_equal(table, pd.read_parquet(files.parquet), check_dtype=False, rtol=1e-6)
    summary = json.loads(files.summary.read_text())
    assert summary["simulated"] is True and summary["customers"]["unknown"] == ["nobody"]
    assert summary["model"]["partition"] == AS_OF_KEY
    lift = pd.read_csv(files.lift)
    assert lift["reached"].iloc[-1] == 1.0 and lift["lift"].iloc[-1] == 1.0


def test_the_csv_holds_no_formula_unless_raw_is_asked_for(tmp_path):
    ids = ["+cmd|' /C calc'!A0", "=1+1", "-7", "@SUM(A1)", " =1", "\t=1", "＝1", "a=1", "007"]
    path = listed(tmp_path, brand_customers(BRAND))
    result = made(tmp_path, asked(path, lift=False))
    result = replace(result, user_ids=np.array([*ids, *result.user_ids[len(ids) :]]))
    files = AudienceFiles.at(tmp_path / "out")
    write(result, files)
    cells = pd.read_csv(files.csv, dtype=str)["user_id"][: len(ids)].tolist()
    assert cells == [*(f"'{one}" for one in ids[:-2]), "a=1", "007"]
    assert pd.read_parquet(files.parquet)["user_id"][: len(ids)].tolist() == ids
    write(replace(result, settings=asked(path, lift=False, raw_csv=True)), files)
    assert pd.read_csv(files.csv, dtype=str)["user_id"][: len(ids)].tolist() == ids


def test_the_list_itself_is_never_written_over(tmp_path):
    path = listed(tmp_path, ["u00001"], "brand.csv")
    for out in ("brand", "brand.html", "brand.parquet"):
        with pytest.raises(BadRequest, match="another name"):
            AudienceFiles.at(tmp_path / out).spare(path)
    AudienceFiles.at(tmp_path / "other").spare(path)


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.outside, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.outside += [v for k, v in attrs if k in ("src", "href") and not v.startswith("data:")]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_stands_alone_and_escapes_what_it_was_given(tmp_path):
    path = listed(tmp_path, [*brand_customers(BRAND), "<script>alert(1)</script>"])
    files = AudienceFiles.at(tmp_path / "audience")
    write(made(tmp_path, asked(path)), files)
    page = _Page()
    page.feed(files.page.read_text())
    assert page.outside == [] and not {"script", "link", "iframe"} & set(page.tags)
    assert page.tags.count("img") == 2
    text = "".join(page.text)
    for heading in ("simulated", "Expected lift", "Who the customers are", "Unknown ids", "How it was made"):
        assert heading in text, heading
    assert "<script>alert(1)</script>" in text, "shown as text"


@pytest.mark.parametrize(
    "name, content, error",
    [
        ("empty.csv", "", "no user id"),
        ("head.csv", "user_id\n", "no user id"),
        ("blank.txt", "\n\n", "no user id"),
        ("wide.csv", "name,age\nx,1\n", "usual name for user ids"),
        ("strangers.csv", "user_id\nx\ny\n", "none of its 2 user ids is known"),
        ("ragged.csv", "user_id\na,b,c\n", "cannot be read"),
    ],
)
def test_a_list_that_helps_nobody_is_refused_by_name(tmp_path, name, content, error):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(BadRequest, match=error) as caught:
        made(tmp_path, asked(path))
    assert name in str(caught.value)


def test_everybody_is_no_list_of_customers(tmp_path):
    with pytest.raises(BadRequest, match="nobody is left"):
        made(tmp_path, asked(listed(tmp_path, read(AS_OF_KEY).user_ids)))


def test_a_date_without_data_is_an_error_of_its_own(tmp_path):
    settings = asked(listed(tmp_path, ["u00001"])).model_copy(update={"as_of": "1999-01-01"})
    with pytest.raises(LookupError, match="1999-01-01"):
        made(tmp_path, settings)


def test_an_unknown_brand_is_refused(tmp_path):
    with pytest.raises(BadRequest, match="brand 'Nix' is not in the log"):
        made(tmp_path, asked(listed(tmp_path, ["u00001"]), brand="Nix"))
