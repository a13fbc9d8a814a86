"""Which brands are targets: named in a file, asked for by size, or by the protocol: by nothing after D."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from assets.experiments.profilers import protocol
from assets.experiments.profilers.brand_list import lines_of, named_brands
from assets.experiments.profilers.cases import cases
from assets.experiments.profilers.data import evaluation_of
from assets.experiments.profilers.facts import described, sentences, trainings
from assets.experiments.profilers.folds import Fold
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.size_band import SizeBand
from assets.experiments.profilers.systems import PROFILE_SYSTEMS
from models.profiling.brand_counts import customers_by_brand
from models.profiling.data import MISSING
from tests.assets.experiments.test_profile_eval import BRANDS, USERS, settings, shop_of
from tests.models.profiling.toy import AS_OF, toy_log


@pytest.fixture(scope="module")
def log():
    return toy_log(users=USERS, brands=BRANDS, genres=8, days=300, per_user=50)


def listed(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "brands.csv"
    path.write_bytes(text.encode(encoding))
    return str(path)


def asked(**changes):
    return settings(**{"targets": 2, "brands": None, "table": "brands"} | changes)


def test_a_number_stays_a_number_and_a_file_becomes_its_lines(tmp_path):
    assert settings(targets="8").targets == settings(targets=8).targets == 8
    path = listed(tmp_path, "Acme\n\n  Ben & Jerry's, Inc \n")
    named = asked(targets=path)
    assert named.named == ("Acme", "Ben & Jerry's, Inc") and named.studied == 8
    moved = tmp_path / "elsewhere.txt"
    moved.write_text("Acme\nBen & Jerry's, Inc")
    assert asked(targets=str(moved)).key("hash", {}) == named.key("hash", {}), (
        "the content counts, not the path"
    )
    stored = ProfileEvalSettings.model_validate(named.model_dump(mode="json"))
    assert stored == named


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_are_read_in_the_usual_encodings(tmp_path, encoding):
    assert lines_of(tmp_path.joinpath(listed(tmp_path, "Müller\r\nÅhléns\r\n", encoding))) == (
        "Müller",
        "Åhléns",
    )


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfa\x80x", b"a\0b"])
def test_lists_that_are_no_text_or_empty_are_refused(tmp_path, content):
    path = tmp_path / "brands.txt"
    path.write_bytes(content)
    with pytest.raises(ValidationError, match=r"brands\.txt"):
        asked(targets=str(path))


def test_a_list_that_is_missing_is_refused_as_neither_number_nor_file():
    with pytest.raises(ValidationError, match="neither a number nor a file"):
        asked(targets="brands-of-tomorrow.txt")
    with pytest.raises(ValidationError):
        asked(targets=0)


def test_names_are_found_exactly_then_but_for_case_with_a_remark():
    names = ("Acme", "acme", "Zeta", "Ben & Jerry's, Inc", "131")
    found = named_brands(("brand", "Acme", "ZETA", "Ben & Jerry's, Inc", '"131";12', "zeta"), names)
    assert found.brands == (0, 2, 3, 4)
    remarks = " ".join(found.remarks)
    assert "header" in remarks and "'ZETA' as 'Zeta'" in remarks and "1 lines" in remarks
    with pytest.raises(ValueError, match="may be 'Acme', 'acme'"):
        named_brands(("ACME",), names)


def test_unknown_names_are_refused_with_those_like_them():
    with pytest.raises(
        ValueError, match=r"2 brands of the list are not in the log: 'Zetta' \(like it: 'Zeta'\)"
    ):
        named_brands(("Acme", "Zetta", "Nobody"), ("Acme", "Zeta"))
    with pytest.raises(ValueError, match="header alone"):
        named_brands(("brand",), ("Acme",))


def test_named_brands_are_all_evaluated_on_both_sides_and_teach_nowhere(log, tmp_path):
    names = ["brand0", "brand9", "brand17", "brand25", "BRAND30"]
    path = listed(tmp_path, "\n".join(names))
    for development in (False, True):
        made = evaluation_of(shop_of(log), asked(targets=path, development=development))
        assert [made.name(t) for t in range(len(made.targets))] == [name.lower() for name in names]
        assert set(made.excluded) == set(made.targets)
        assert len(made.folds) == (1 if development else protocol.FOLDS)
        said = " ".join(made.remarks)
        assert "not halved by hash" in said and "'BRAND30' as 'brand30'" in said
        fold = Fold(made, 0, 0, "tiny", "cpu", scratch=None)
        assert len(fold.source.brands) and not set(fold.source.brands) & set(made.targets)


def test_the_studies_take_the_first_eight_of_a_list(log, tmp_path):
    path = listed(tmp_path, "\n".join(f"brand{b}" for b in range(0, 22, 2)))
    chosen = asked(targets=path, table="all", draws=1)
    made = evaluation_of(shop_of(log), chosen)
    planned = cases(chosen, made)
    assert {case.target for case in planned if case.study == "brands"} == set(range(11))
    assert {case.target for case in planned if case.study == "labels"} == set(range(8))


def test_a_listed_brand_without_customers_before_the_date_is_left_out_and_named(log, tmp_path):
    late = replace(log, brand=np.where((log.brand == 5) & (log.day < AS_OF), MISSING, log.brand))
    made = evaluation_of(shop_of(late), asked(targets=listed(tmp_path, "brand4\nbrand5\nbrand6")))
    assert [made.name(t) for t in range(len(made.targets))] == ["brand4", "brand6"]
    assert any("'brand5'" in text for text in made.remarks)
    with pytest.raises(ValueError, match="no brand of the list has a customer"):
        evaluation_of(shop_of(late), asked(targets=listed(tmp_path, "brand5")))


@pytest.mark.parametrize(
    "text, low, high, of_users",
    [
        ("1.5%-15%", 0.015, 0.15, True),
        ("1.5-15%", 0.015, 0.15, True),
        (" 1.5 % – 15 % ", 0.015, 0.15, True),
        ("40-800", 40, 800, False),
        ("40 to 800", 40, 800, False),
    ],
)
def test_bands_are_shares_or_counts(text, low, high, of_users):
    band = SizeBand.read(text)
    assert (band.low, band.high, band.of_users) == (pytest.approx(low), pytest.approx(high), of_users)
    assert SizeBand.read(band.written) == band


@pytest.mark.parametrize(
    "text", ["", "40", "15%-1.5%", "800-40", "50%-150%", "1.5%-800", "1.5-15", "a-b", "1..2-3"]
)
def test_other_bands_are_refused_with_the_forms(text):
    with pytest.raises(ValidationError, match=r"1\.5%-15%, or customers, 40-800"):
        asked(size_band=text)


def sizes(log, made):
    share = customers_by_brand(log.before(AS_OF)) / made.known.sum()
    return share[[log.brand_names.index(made.name(t)) for t in range(len(made.targets))]]


def test_a_band_of_shares_holds_brands_of_that_size_and_leaves_half_to_teach(log):
    share = customers_by_brand(log.before(AS_OF)) / evaluation_of(shop_of(log), asked(brands=4)).known.sum()
    low, high = (round(float(value), 2) for value in np.quantile(share, [0.1, 0.9]))
    band = f"{100 * low:.0f}%-{100 * high:.0f}%"
    inside = int(((share >= low) & (share <= high)).sum())
    assert BRANDS // 2 < inside < BRANDS
    made = evaluation_of(shop_of(log), asked(size_band=band))
    assert ((sizes(log, made) >= low) & (sizes(log, made) <= high)).all()
    assert len(made.targets) == BRANDS // 2, "as many teach"
    everyone = evaluation_of(shop_of(log), asked(size_band=band, brands=inside))
    assert len(everyone.targets) == inside
    few = evaluation_of(shop_of(log), asked(size_band=band, brands=3))
    assert [few.name(t) for t in range(3)] == [made.name(t) for t in range(3)]
    assert any(f"{inside} brands lie in the band, 3 of them" in text for text in few.remarks)


def test_a_band_of_counts_means_customers(log):
    customers = customers_by_brand(log.before(AS_OF))
    low, high = (int(value) for value in np.quantile(customers, [0.3, 0.5]))
    made = evaluation_of(shop_of(log), asked(size_band=f"{low}-{high}"))
    inside = [log.brand_names[b] for b in np.flatnonzero((customers >= low) & (customers <= high))]
    assert {made.name(t) for t in range(len(made.targets))} == set(inside)
    assert made.chosen.startswith(f"{len(inside)} target brands, of {low}-{high} customers; ")


def test_a_band_that_nobody_is_in_says_how_large_brands_are(log):
    with pytest.raises(ValueError, match=r"largest has \d+ \(\d"):
        evaluation_of(shop_of(log), asked(size_band="0.1%-0.2%"))


def test_a_shop_that_sells_to_few_has_targets_by_default_and_by_band():
    """Brands of 1 % to 15 % of the users, as real shops of many brands have."""
    wide = toy_log(users=500, brands=120, genres=6, days=300, per_user=7)
    share = customers_by_brand(wide.before(AS_OF)) / 500
    assert share.max() < 0.3, "no brand is of middling size"
    made = evaluation_of(shop_of(wide, 500), settings(brands=None, table="brands"))
    assert len(made.targets) > 10, "a quarter of the brands that anybody bought"
    assert any("few brands of middling size" in text for text in made.remarks)
    assert f"{len(made.targets)} target brands" in made.chosen
    banded = evaluation_of(shop_of(wide, 500), asked(size_band="1.5%-15%"))
    assert len(banded.targets) >= protocol.ENOUGH_BRANDS
    for found in (made, banded):
        fold = Fold(found, 0, 0, "tiny", "cpu", scratch=None)
        assert len(fold.source.brands), "some brands are left to teach"
        scores = (
            PROFILE_SYSTEMS["ridge"].make(fold).score(np.flatnonzero(found.members[0] & fold.train_users))
        )
        assert np.isfinite(scores).all()


@pytest.mark.parametrize("choice", [{"size_band": "10%-60%"}, {"targets": "FILE"}, {"brands": 4}])
def test_nothing_after_the_date_chooses_a_target(log, tmp_path, choice):
    if "targets" in choice:
        choice = {"targets": listed(tmp_path, "brand1\nbrand2")}
    rng = np.random.default_rng(3)
    after = log.day >= AS_OF
    changed = replace(
        log,
        brand=np.where(after, rng.integers(0, BRANDS, len(log)), log.brand),
        user=np.where(after, rng.integers(0, USERS, len(log)), log.user),
        cancelled=log.cancelled | (after & (rng.random(len(log)) < 0.5)),
    )
    made, other = (evaluation_of(shop_of(one), asked(**choice)) for one in (log, changed))
    assert np.array_equal(made.targets, other.targets) and np.array_equal(made.excluded, other.excluded)
    assert (made.chosen, made.remarks) == (other.chosen, other.remarks)
    assert all(np.array_equal(one, two) for one, two in zip(made.folds, other.folds, strict=True))


def test_choices_that_contradict_each_other_are_refused(tmp_path):
    path = listed(tmp_path, "brand1")
    with pytest.raises(ValidationError, match="give one of them"):
        asked(targets=path, size_band="1%-2%")
    with pytest.raises(ValidationError, match="leave --brands out"):
        asked(targets=path, brands=3)
    with pytest.raises(ValidationError, match="39 brands at most"):
        asked(brands=40)
    assert asked(brands=40, size_band="1%-2%").brands == 40


def test_targets_that_leave_nobody_to_teach_are_refused(log, tmp_path):
    with pytest.raises(ValueError, match="no brand is left to learn from"):
        evaluation_of(shop_of(log), asked(targets=listed(tmp_path, "\n".join(log.brand_names))))


def test_the_first_of_a_ranking_are_300_or_a_tenth_or_as_asked():
    assert [protocol.first_of(None, users) for users in (100, 595, 3000, 50_000)] == [10, 60, 300, 300]
    assert [protocol.first_of(50, users) for users in (20, 600)] == [20, 50]
    assert protocol.first_of(None, 3) == 1


def test_what_is_known_of_users_and_which_brands_were_taken_is_said(log):
    chosen = asked(brands=4)
    said = list(sentences(described(chosen, evaluation_of(shop_of(log), chosen))))
    assert said[0].startswith("4 target brands, the first by hash of ") and "users are customers" in said[0]
    assert "with shopping heatmap" in said[1] and "0 with demographics" in said[1]


def test_systems_that_train_for_every_brand_say_how_often_and_how_long():
    units = [("ridge", 9), ("normal_training", 100), ("normal_training", 20)]
    (line,) = trainings("real", units)
    assert (
        line.startswith("normal_training trains for every brand") and "120 trainings, about 1 h 6 min" in line
    )
    assert "--systems quick" in line and not list(trainings("tiny", units))


def test_quick_leaves_out_the_systems_that_train_for_every_brand():
    quick, every = settings(systems="quick").systems, settings(systems="all").systems
    assert set(every) - set(quick) == {name for name in every if PROFILE_SYSTEMS[name].trains_on_brand}
    assert "normal_training" in every and "ridge" in quick
