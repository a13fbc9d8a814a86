"""What became of an audience: counted by hand; kept until it is known, and no longer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as parquet
import pytest

from assets.profiling.audience.followed import FollowedAudience, FollowedAudiences
from assets.profiling.audience.outcome import Outcome, Ranking

RANKING = Ranking(
    np.array(["007", "7", "a", "b", "c", "d"]),
    np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]),
    np.array([True, True, True, False, False, False]),
)


def test_an_outcome_by_hand():
    # "7" had bought before and was kept in the ranking; "x" came to the log only later.
    came = Outcome.of(RANKING, before=np.array(["7"]), came=np.array(["a", "d", "x"]))
    assert (came.newcomers, came.reached, came.candidates, came.audience) == (2, 1, 5, 2)
    assert came.share == 0.5 and came.lift == pytest.approx(0.5 * 5 / 2)
    assert came.auroc == pytest.approx(2 / 6)
    assert came.aupr == pytest.approx((1 / 2 + 2 / 5) / 2)


def test_nobody_came():
    came = Outcome.of(RANKING, before=np.array([], dtype=str), came=np.array([], dtype=str))
    assert came.newcomers == 0 and came.auroc is None and came.aupr is None
    assert np.isnan(came.share) and np.isnan(came.lift)


class _Result:
    """As much of an audience's result as is followed."""

    class model:
        system = "meta_profile_prior"

    class settings:
        as_of, horizon_days = "2026-01-30", 30

    brand, ranking = "2193", RANKING


def test_scores_are_kept_until_the_outcome_is_known(tmp_path):
    followed = FollowedAudiences(tmp_path / "outcomes")
    assert followed.open() == []
    audience = followed.follow(_Result(), "run1", "spring")
    assert audience == FollowedAudience(
        run_id="run1",
        name="spring",
        system="meta_profile_prior",
        as_of="2026-01-30",
        horizon_days=30,
        brand="2193",
    )
    assert audience.due == "2026-03-01"
    assert followed.open() == [audience] and followed.known("run1") is None
    kept = followed.ranking(audience)
    assert kept.user_ids.tolist() == RANKING.user_ids.tolist(), "ids are text"
    assert np.array_equal(kept.scores, RANKING.scores) and np.array_equal(
        kept.in_audience, RANKING.in_audience
    )
    assert (
        str(parquet.read_schema(tmp_path / "outcomes" / "run1" / "scores.parquet").field(0).type) == "string"
    )
    came = replace(Outcome.of(kept, np.array(["7"]), np.array(["a"])), missing_days=("2026-02-03",))
    followed.close(audience, came)
    assert followed.open() == [] and followed.known("run1") == came
    assert [path.name for path in (tmp_path / "outcomes").iterdir()] == ["known"]


def test_what_cannot_be_known_is_closed_with_the_reason(tmp_path):
    followed = FollowedAudiences(tmp_path)
    audience = followed.follow(_Result(), "run2", "spring")
    followed.close(audience, "the log has no brand '2193' any more")
    assert followed.open() == [] and followed.known("run2") is None
    assert "no brand" in (tmp_path / "known" / "run2.json").read_text()


def test_a_list_that_is_no_brand_is_not_followed(tmp_path):
    class Nobody(_Result):
        brand = None

    assert FollowedAudiences(tmp_path).follow(Nobody(), "run3", "spring") is None
    assert list(tmp_path.iterdir()) == []
