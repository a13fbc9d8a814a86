"""What is said of an audience: chance by the interval, people by the rate, nothing green that is not sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.profiling import profilers
from assets.profiling.audience.files import summary
from assets.profiling.audience.in_words import cautions, outlook, score_meaning
from assets.profiling.audience.page import page
from assets.profiling.audience.plots import lift_picture
from assets.profiling.audience.verdict import MARKED_FROM, LiftVerdict, verdict
from models.profiling.lift import REACHED, LiftCurve
from tests.assets.profiling.profiler_stand_in import AS_OF_KEY, ENTRY, brand_customers, read
from tests.assets.profiling.test_audience import asked, listed, made

GREEN = ('class="good"', 'class="outlook good"')


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """An audience of a brand of the toy shop."""
    folder = tmp_path_factory.mktemp("words")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profilers, "PROFILERS", {"meta_profile_prior": ENTRY})
        return made(folder, asked(listed(folder, brand_customers(1))))


def with_lift(result, times, error, **changes):
    """The audience as if its lift were `times`, with a standard error of `error` times, at every size."""
    reached = np.minimum(REACHED * times, 1.0)
    curve = LiftCurve(reached, REACHED * error, newcomers=50, candidates=300)
    return replace(result, lift=replace(result.lift, curve=curve, **changes))


@pytest.mark.parametrize(
    "times, error, told, label",
    [
        (2.0, 0.2, "better", "Told apart from chance"),
        (2.0, 0.6, "not told apart", "Not told apart from chance"),
        (1.1, 0.01, "better", "Told apart from chance"),
        (1.1, 0.06, "not told apart", "Not told apart from chance"),
        (0.5, 0.1, "worse", "Worse than chance"),
    ],
)
def test_the_interval_decides_and_green_needs_a_margin(result, times, error, told, label):
    audience = with_lift(result, times, error)
    judged, text = verdict(audience), page(audience)
    assert judged.told == told and judged.times == pytest.approx(times)
    assert judged.least_times == pytest.approx(max(times - 1.96 * error, 0))
    assert f'<p class="label">{label}</p>' in text
    sure = times - 1.96 * error >= MARKED_FROM
    assert [mark in text for mark in GREEN] == [sure, sure]
    told_in_words = {
        "better": "This is told apart from chance",
        "worse": "a random audience of the size would hold more",
        "not told apart": "a random audience of the size may do as well",
    }[told]
    assert told_in_words in " ".join(outlook(audience))
    assert ("but barely" in " ".join(outlook(audience))) == (told == "better" and not sure)
    assert summary(audience)["lift"]["told_apart_from_chance"] == told


def test_nothing_is_drawn_in_green_either_at_a_small_lift(result):
    small, large = (lift_picture(with_lift(result, times, 0.01)) for times in (1.1, 2.0))
    assert _green(large) > 100 and _green(small) == 0


def _green(png):
    """Pixels that are more green than blue or red by far."""
    import io

    from matplotlib.image import imread

    red, green, blue = np.moveaxis(imread(io.BytesIO(png))[..., :3], -1, 0)
    return int(((green - red > 0.2) & (green - blue > 0.05)).sum())


def test_the_lift_is_told_in_people_with_the_chance_of_who_comes(result):
    audience = with_lift(result, 2.0, 0.25, rate=0.2, own_newcomers=25)
    coming, size = 0.2 * audience.audience.candidates, len(audience.audience)
    about, chance = 2 * coming * audience.share, coming * audience.share
    error = 1.96 * np.sqrt((coming * 0.25 * audience.share) ** 2 + about**2 / 25 + about)
    (sentence,) = [said for said in outlook(audience) if "addressed" in said]
    assert (
        f"Of {size} addressed, about {about:.0f} ({about - error:.1f} to {about + error:.0f}, 95 %)"
        in sentence
    )
    assert f"within 90 days, {chance:.1f} by chance" in sentence


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"rate": None}, "the list is no brand of the log"),
        ({"rate": 0.0}, "nobody became a customer of brand1 in the 90 days before"),
    ],
)
def test_where_nobody_knows_how_many_come_shares_are_told(result, changes, why):
    text = " ".join(outlook(with_lift(result, 2.0, 0.25, **changes)))
    assert f"how many people that is cannot be said, because {why}" in text and "addressed" not in text


def test_without_a_lift_it_is_said_that_nothing_can_be_told_and_why(result):
    audience = replace(result, lift=None, no_lift="the log is too short")
    assert "cannot be told: the log is too short" in outlook(audience)[0]
    text = page(audience)
    assert '<p class="label">Cannot be told</p>' in text and not any(mark in text for mark in GREEN)
    assert summary(audience)["lift"] == {"basis": None, "why": "the log is too short"}


def test_own_brand_and_like_brands_are_told_apart(result):
    own, like = (outlook(with_lift(result, 2.0, 0.1, basis=basis)) for basis in ("brand", "like brands"))
    assert own[-1].startswith("This leans most on the brand itself: brand1 had")
    assert like[-1].startswith("This leans most on other brands") and "is assumed" in like[-1]
    assert ["for a brand of like size" in said[0] for said in (own, like)] == [False, True]


@pytest.mark.parametrize("system", ["meta_profile_prior", "meta_profile", "another"])
def test_what_a_score_is_and_is_not(system):
    meaning = score_meaning(system)
    assert "an order, not a probability" in meaning and "percentile" in meaning
    assert ("log-odds" in meaning) == (system == "meta_profile_prior")


def test_an_audience_of_all_candidates_gains_nothing(result):
    judged = LiftVerdict.of(with_lift(result, 2.0, 0.1).lift.curve, 1.0)
    assert (judged.times, judged.told, judged.marked) == (1.0, "not told apart", False)


class TestUnusualLists:
    """Each gives an audience, and a sentence on what follows."""

    @pytest.fixture(autouse=True)
    def _stand_in(self, monkeypatch):
        monkeypatch.setattr(profilers, "PROFILERS", {"meta_profile_prior": ENTRY})

    def said(self, tmp_path, ids, **changes):
        audience = made(tmp_path, asked(listed(tmp_path, ids), **changes))
        assert page(audience)
        return audience, " ".join(cautions(audience))

    def test_a_brand_of_usual_size_has_none(self, result):
        assert cautions(replace(result, listed=replace(result.listed, positions=np.arange(100)))) == ()

    def test_one_customer_is_no_brand_and_little_to_go_by(self, tmp_path):
        audience, text = self.said(tmp_path, brand_customers(1)[:1])
        assert audience.brand is None and "One known customer is very little to go by" in text

    def test_few_customers_are_little_to_go_by(self, tmp_path):
        assert "4 known customers are little to go by" in self.said(tmp_path, brand_customers(1)[:4])[1]

    def test_more_than_half_of_all_users(self, tmp_path):
        users = read(AS_OF_KEY).user_ids
        audience, text = self.said(tmp_path, users[:390])
        assert audience.brand is None, "whatever nearly everybody bought shares most of any such list"
        assert "The list holds 98% of all 400 users known: 10 are left to rank" in text
        assert "10 candidates are left, fewer than the 30 asked for" in text
        assert "holds all 10 candidates" in outlook(audience)[0]

    def test_a_named_brand_of_which_the_list_lacks_customers(self, tmp_path):
        customers = brand_customers(1)
        text = self.said(tmp_path, customers[:20], brand="brand1")[1]
        assert f"{len(customers) - 20} customers of brand1 before {AS_OF_KEY} are not in the list" in text

    def test_ids_read_otherwise_and_mostly_unknown(self, tmp_path):
        known = brand_customers(1)
        marked, strangers = ([form(name) for name in known] for form in ("'{}".format, "x{}y".format))
        text = self.said(tmp_path, [*marked, *strangers, "z"])[1]
        assert f"{len(known)} were marked as text ({marked[0]!r} read as {known[0]!r})" in text
        assert f"Only {len(known)} of {2 * len(known) + 1} ids are known" in text

    def test_customers_that_are_kept(self, tmp_path):
        audience, text = self.said(tmp_path, brand_customers(1), keep_customers=True)
        assert "The known customers are ranked too" in text
        assert "because known customers are among them" in " ".join(outlook(audience))

    def test_an_audience_too_small_to_be_seen(self, tmp_path):
        path = listed(tmp_path, brand_customers(1)[:20])
        audience = made(tmp_path, asked(path).model_copy(update={"top": 1}))
        assert "too small a share of the candidates" in " ".join(cautions(audience))
