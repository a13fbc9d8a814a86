"""What a comparison's page says of the order within, of its tests and of the systems' parts."""

from __future__ import annotations

import pytest

from assets.experiments.comparison.compact_json import compact, read
from assets.experiments.comparison.differences import PairLevel, PairTest
from assets.experiments.comparison.report import ages, table
from assets.experiments.comparison.report_levels import disagreement, levels
from assets.experiments.comparison.report_parts import held
from assets.experiments.comparison.report_tests import ablations, within
from assets.experiments.comparison.report_tests import tests as sure_differences
from assets.experiments.number_format import number, p_value, signed
from tests.assets.experiments.random_comparison import random_comparison

SYSTEMS = ("deepfm", "din_typed", "lsttm", "lsttm_no_meta", "lsttm_concat", "lsttm_spectral")
LATER = ("within", "levels", "held", "ablated")  #: what results of before do not have


@pytest.fixture(scope="module")
def result():
    return random_comparison(SYSTEMS, lists=True)


@pytest.fixture(scope="module")
def older(result):
    """The same as an earlier version wrote it."""
    document = result.document()
    names = ("gauc_hour", "requests", "gauc_request", "request_auc", "request_mrr", "request_ndcg5")
    for entry in (*document["summary"], *document["days"]):
        for name in (*names, "request_ndcg10", "gain_error"):
            entry.pop(name, None)
    for test in document["tests"]:
        for name in ("error", "p", "of_interval", "figure"):
            del test[name]
    for entry in document["segments"]:
        del entry["gain_error"]
    return read({name: value for name, value in document.items() if name not in LATER})


def line_of(text, system):
    return next(line for line in text.splitlines() if line.startswith((f"| {system} |", f"| **{system}** |")))


def test_figures_of_lists_stand_beside_auc(result):
    shown = table(result)
    heads = next(line for line in shown.splitlines() if line.startswith("| system"))
    for label in ("AUPR", "GAUC", "GAUC hour", "AUC list", "MRR", "nDCG@5", "nDCG@10", "± gain"):
        assert f"| {label} |" in heads
    for entry in result.summary:
        for figure in ("auc", "aupr", "gauc_hour", "request_auc", "request_mrr", "request_ndcg10"):
            assert number(getattr(entry, figure)) in line_of(shown, entry.system)
    assert "900 lists a day" in shown


def test_without_requests_that_is_said_once(result):
    shown = table(random_comparison(SYSTEMS))
    assert shown.count("No requests in these logs") == 1
    assert "nDCG" not in shown and "GAUC hour |" in shown


def test_tests_are_over_users_and_delongs_p_is_no_headline(result):
    best = result.best()
    for name in result.ranked()[1:]:
        test = result.between(name, best)
        assert p_value(test.p) in line_of(sure_differences(result), name)
        assert p_value(test.p_holm) in line_of(sure_differences(result), name)
    assert "DeLong" not in sure_differences(result) and "over users" in sure_differences(result)


def test_a_result_of_before_is_read_and_what_it_lacks_is_not_made_up(older, result):
    assert "was not computed when this result was made" in table(older)
    assert "GAUC hour |" not in table(older) and within(older) == levels(older) == disagreement(older) == ""
    assert "since this result was made before" in sure_differences(older)
    test = older.between(*SYSTEMS[:2])
    assert test.of_interval and test.error == pytest.approx((test.high - test.low) / 2 / 1.96, rel=1e-3)
    assert test.p_delong == result.between(*SYSTEMS[:2]).p_delong != test.p
    assert " ± " not in ages(older).replace("± 1", "") and "today's registry" in held(older)
    # Its small form is read alike, and what was worked out is not stored as if it had been measured.
    assert read(compact(older)).between(*SYSTEMS[:2]).of_interval


def test_gains_by_age_have_errors_over_users(result):
    shown = ages(result)
    (entry,) = (
        e for e in result.segments if (e.system, e.segment, e.value) == ("lsttm", "item_born", "born today")
    )
    assert f"{signed(entry.gain)} ± {number(entry.gain_error)}" in shown
    assert "born earlier" in shown and "| 24+ (1,000) |" in shown


def test_every_system_says_which_parts_it_holds_and_what_they_are_worth(result):
    shown = held(result)
    assert line_of(shown, "lsttm").endswith("| yes | yes | yes | yes |  |  | ours |  |")
    assert line_of(shown, "lsttm_spectral").endswith("|  | yes | yes |  | ours | ours | ours | ours |")
    assert line_of(shown, "deepfm").endswith("|  |  |  |  |  |  |  |  |")
    test = result.between("lsttm", "lsttm_no_meta")
    line = line_of(shown, "temporal MAML")
    assert line.startswith("| temporal MAML | lsttm | lsttm_no_meta | ") and signed(test.difference) in line
    assert "| gate | lsttm | lsttm_concat |" in shown
    assert "is not known here" in held(random_comparison(("deepfm", "fm")))


def apart(first="a", second="b", figure="auc", difference=0.005, error=0.001, p_holm=0.001):
    low, high = difference - 2 * error, difference + 2 * error
    return PairTest(
        figure=figure,
        first=first,
        second=second,
        difference=difference,
        error=error,
        low=low,
        high=high,
        p=p_holm,
        p_holm=p_holm,
    )


def level(system, name, share, lift):
    return PairLevel(system=system, level=name, share=share, lift=lift, auc=0.5 + lift / share)


def of_two(pooled, inside, lifts, p_holm=0.001):
    """Two systems: pooled AUC and lists as told, and what pairs of lists, users and others lift each by."""
    base = random_comparison(("fm", "nfm"), lists=True)
    shares = (0.0004, 0.0016, 0.998)
    names = ("list", "user", "others")
    return base.model_copy(
        update={
            "tests": (apart("fm", "nfm", "auc", pooled),),
            "within": (apart("fm", "nfm", "request_auc", inside, p_holm=p_holm),),
            "levels": tuple(
                level(system, name, share, lift)
                for system, of_system in zip(("fm", "nfm"), lifts, strict=True)
                for name, share, lift in zip(names, shares, of_system, strict=True)
            ),
        }
    )


def test_where_the_orders_disagree_the_pairs_say_why():
    result = of_two(0.005, -0.02, [(0.0, 0.0001, 0.2), (0.0001, 0.0, 0.195)])
    said = disagreement(result)
    assert "disagree on 1 of 1 pairs of systems, on 1 of them with p below 0.05" in said
    assert "`fm` less `nfm` is +.0050 in pooled AUC and −.0200 in AUC list." in said
    assert "99.8 % are of two users and bring +.0050" in said
    assert (
        "0.16 % are of one user and bring +.0001" in said
        and "0.04 % are of one list and bring −.0001" in said
    )
    assert said.endswith("what one user sees, `nfm` orders better.")
    turned = of_two(-0.005, 0.02, [(0.0001, 0.0, 0.195), (0.0, 0.0001, 0.2)])
    assert "`nfm` less `fm` is +.0050 in pooled AUC and −.0200 in AUC list." in disagreement(turned)
    within_users = of_two(0.005, -0.02, [(0.0, 0.006, 0.2), (0.0001, 0.0, 0.2009)])
    assert disagreement(within_users).endswith("lies within users, at other hours or in other lists.")


def test_a_disagreement_that_is_not_sure_is_not_explained_away():
    said = disagreement(of_two(0.005, -0.02, [(0.0, 0.0001, 0.2), (0.0001, 0.0, 0.195)], p_holm=0.4))
    assert "on 0 of them" in said and "99.8 % are of two users" in said
    assert said.endswith("They are not sure to disagree: p after Holm is .0010 pooled and .4000 within.")


def test_where_they_agree_nothing_is_explained():
    said = disagreement(of_two(0.005, 0.01, [(0.0, 0.0, 0.2), (0.0, 0.0, 0.195)]))
    assert said == "Pooled AUC and AUC list put all systems in the same order."


def test_the_levels_of_a_table_are_named_with_their_share(result):
    shown = levels(result)
    assert "pairs of one list (0.02 %)" in shown and "pairs of two users (99.8 %)" in shown
    (entry,) = (e for e in result.levels if (e.system, e.level) == ("lsttm", "list"))
    assert number(entry.auc) in line_of(shown, "lsttm")


def test_a_comparison_without_lists_is_told_by_users_hours():
    result = random_comparison(SYSTEMS)
    assert "GAUC hour" in disagreement(result) and "pairs of one user's hour" in levels(result)
    assert ablations(result) and "| less" in within(result)
