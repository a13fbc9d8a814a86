"""Figures of a comparison made of random numbers: all are drawn, names do not overlap, errors are honest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.experiments.ab.plots import ab_pictures, short
from assets.experiments.comparison import roles
from assets.experiments.comparison.averages import mean_and_error
from assets.experiments.comparison.plots import pictures
from assets.experiments.comparison.results import Comparison
from assets.experiments.plotting import COLOURS, FIXED, QUIET, colours, spread
from tests.assets.experiments.random_comparison import SYSTEMS, random_ab, random_comparison

EVERY = {
    *("auc-by-hour.png", "auc-against.png", "gain.png", "gate.png"),
    *("ablations.png", "differences.png", "calibration.png"),
}


@pytest.fixture(scope="module")
def result():
    return random_comparison()


def texts(monkeypatch):
    """Every title and caption that is drawn."""
    from matplotlib.figure import Figure

    found: list[str] = []
    plain = Figure.suptitle
    monkeypatch.setattr(Figure, "suptitle", lambda self, text, **how: found.append(text) or plain(self, text))
    return found


def test_every_figure_is_drawn_and_says_simulated(result, monkeypatch):
    titles = texts(monkeypatch)
    found = pictures(result)
    assert set(found) == EVERY
    assert all(png.startswith(b"\x89PNG") for png in found.values())
    assert len(titles) == len(EVERY) and all("simulated" in title for title in titles)
    titles.clear()
    assert pictures(random_comparison(("deepfm", "lsttm"), seeds=1, simulated=False))
    assert titles and not any("simulated" in title for title in titles)


def test_one_system_of_one_day_has_what_can_be_drawn():
    alone = random_comparison(("deepfm",), ("2025-03-08",), seeds=1)
    assert set(pictures(alone)) == {"auc-by-hour.png", "gain.png", "calibration.png"}


def test_a_static_comparison_has_no_gain(result):
    rows = tuple(row.model_copy(update={"auc_static": None}) for row in result.rows)
    still = result.model_copy(update={"rows": rows})
    assert "gain.png" not in pictures(still)


def test_an_ab_test_always_says_simulated(monkeypatch):
    titles = texts(monkeypatch)
    assert set(ab_pictures(random_ab())) == {"ab-lift.png", "ab-ctr-by-day.png"}
    assert len(titles) == 2 and all("simulated" in title for title in titles)
    assert short("deepfm on the users of lsttm (A/A)") == "lsttm (A/A)" and short("fm") == "fm"
    assert set(ab_pictures(random_ab().model_copy(update={"metrics": (), "aa": None}))) == {
        "ab-ctr-by-day.png"
    }


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=18), st.floats(0.001, 0.2))
def test_names_keep_their_distance_and_their_order(values, gap):
    placed = spread(values, gap)
    order = np.argsort(values, kind="stable")
    assert (np.diff(placed[order]) >= gap * (1 - 1e-9)).all()
    assert placed.mean() == pytest.approx(np.mean(values), abs=1e-9), "as a whole they stay where they were"
    apart = np.sort(values)
    if len(values) == 1 or np.diff(apart).min() >= gap:
        assert placed == pytest.approx(values), "names that do not overlap do not move"
    between = spread(values, gap, -0.5, 0.5)
    assert (np.diff(between[order]) >= gap * (1 - 1e-9)).all()
    if gap * (len(values) - 1) <= 1:
        assert between.min() >= -0.5 and between.max() <= 0.5 + 1e-9, "none leaves the picture"


def test_seeds_of_a_day_are_averaged_before_the_error_is_taken():
    table = np.array([[[0.1], [0.5]], [[0.3], [0.7]]])  # [seeds, days, 1]
    mean, error = mean_and_error(table)
    assert mean == pytest.approx([0.4])
    assert error == pytest.approx([np.std([0.2, 0.6], ddof=1) / np.sqrt(2)])
    mean, error = mean_and_error(table[:, :1])
    assert error == pytest.approx([np.std([0.1, 0.3], ddof=1) / np.sqrt(2)])
    mean, error = mean_and_error(table[:1, :1])
    assert mean == pytest.approx([0.1]) and np.isnan(error).all()


def test_an_hour_without_auc_stays_a_gap(result):
    tables = result.by_hour("auc")
    assert set(tables) == set(SYSTEMS)
    assert np.isnan(tables["deepfm"][:, :, 0]).all() and not np.isnan(tables["deepfm"][:, :, 1:]).any()
    assert np.isnan(mean_and_error(tables["deepfm"])[0][0])


def test_a_test_is_read_from_either_side(result):
    stored = result.between("fm", "lsttm")
    turned = result.between("lsttm", "fm")
    assert turned.difference == -stored.difference and turned.p_holm == stored.p_holm
    assert (turned.low, turned.high) == (-stored.high, -stored.low)
    assert result.between("fm", "nobody") is None


def test_few_are_highlighted_each_in_a_colour_of_its_own(result):
    found = colours(roles.highlights(result))
    assert 4 <= len(found) <= 6 and QUIET not in found.values()
    assert len(set(found.values())) == len(found)
    assert not {tint for tints in COLOURS.values() for tint in tints} & set(FIXED.values())
    assert result.best(roles.family(result)) in found
    assert result.best(roles.PAPER_BASELINES) in found


def test_a_file_of_an_earlier_version_is_read(result):
    document = result.document()
    document["settings"] = {**document["settings"], "static": False}
    for later in ("gate", "segments", "calibration", "tuned", "made", "truth"):
        del document[later]
    older = Comparison.model_validate(document | {"removed": 1})
    assert older.systems == result.systems and older.gate == () and older.truth is None
    assert set(pictures(older)) == EVERY - {"gate.png", "calibration.png"}
    assert set(older.document()) == set(result.document()) - {"made", "truth"}
