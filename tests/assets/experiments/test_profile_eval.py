"""The profile evaluation: its protocol, its fairness, its JSON, from a toy shop in memory and one on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from assets.experiments.profilers import protocol
from assets.experiments.profilers import run as room
from assets.experiments.profilers.cases import Case, cases, given, source_ways
from assets.experiments.profilers.data import evaluation_of
from assets.experiments.profilers.evaluation import PurchaseSource
from assets.experiments.profilers.folds import Fold
from assets.experiments.profilers.plots import pictures
from assets.experiments.profilers.results import ProfileResult
from assets.experiments.profilers.rows import ProfileRow
from assets.experiments.profilers.run import profile_eval
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.summary import gains, means, summary
from assets.experiments.profilers.systems import PROFILE_SYSTEMS
from docs.pages.profiling import page
from models.profiling.data import MISSING, ProfileData
from tests.assets.profiling import shop_on_disk
from tests.models.profiling.toy import AS_OF, toy_heatmaps, toy_log

USERS, BRANDS = 160, 32
TEMPLATE = Path(__file__).parents[3] / "docs" / "results" / "parts" / "profiling.txt"
CLOSED = ("activity", "prior", "cosine", "ridge", "joint_logistic")
AFTERNOON = ("logistic_baskets", "als", "lightgbm_baskets", "neighbours")
LEARNED = ("meta_profile", "meta_profile_ridge", "meta_profile_prior", "normal_training")
DATE = str(np.datetime64(AS_OF, "D"))


def shop_of(log, users=USERS) -> PurchaseSource:
    ids = np.array([f"u{user:05d}" for user in range(users)])

    def before(day: int) -> ProfileData:
        known = log.before(day)
        return ProfileData(day, ids, (toy_heatmaps(known, day, users),), known)

    return PurchaseSource("landing", True, "hash", ids, log, before)


@pytest.fixture(scope="module")
def log():
    return toy_log(users=USERS, brands=BRANDS, genres=8, days=300, per_user=50)


@pytest.fixture(scope="module")
def shop(log):
    return shop_of(log)


def settings(**changes) -> ProfileEvalSettings:
    fields = {
        "source": "landing",
        "as_of": DATE,
        "horizon": 60,
        "targets": 2,
        "brands": 4,
        "draws": 6,
        "systems": CLOSED,
        "size": "tiny",
    }
    return ProfileEvalSettings.model_validate(fields | changes)


@pytest.fixture(scope="module")
def evaluation(shop):
    return evaluation_of(shop, settings())


def test_the_dates_are_the_latest_that_leave_the_horizon():
    report, development = protocol.dates_of(0, 365, as_of_day=None, horizon=None, development=False)
    assert (report.as_of_day, report.horizon, report.end_day) == (273, 92, 365)
    assert (development.as_of_day, development.end_day) == (181, 273)
    short, _ = protocol.dates_of(0, 120, as_of_day=None, horizon=None, development=False)
    assert (short.as_of_day, short.horizon) == (90, 30)
    assert protocol.dates_of(0, 365, as_of_day=300, horizon=None, development=False)[0].horizon == 65


@pytest.mark.parametrize(
    "first, end, as_of, horizon",
    [(0, 20, None, None), (0, 365, 360, 60), (0, 365, 30, 60), (0, 365, 364, None)],
)
def test_dates_that_the_log_cannot_answer_are_refused(first, end, as_of, horizon):
    with pytest.raises(ValueError, match="--as-of"):
        protocol.dates_of(first, end, as_of_day=as_of, horizon=horizon, development=False)


def test_development_lies_earlier_with_other_brands_and_other_users(shop, evaluation):
    development = evaluation_of(shop, settings(development=True))
    assert development.dates.end_day == evaluation.dates.as_of_day
    names = [{found.name(t) for t in range(len(found.targets))} for found in (evaluation, development)]
    assert all(names) and not names[0] & names[1]
    for found in (evaluation, development):
        excluded = {found.data.purchases.brand_names[b] for b in found.excluded}
        assert names[0] | names[1] <= excluded, "a target of one side may teach on the other"
    tested = np.any(evaluation.folds, axis=0)
    assert not (tested & development.folds[0]).any()
    assert (
        0.1 < development.folds[0].mean() < 0.4 and (tested | development.folds[0] | ~evaluation.known).all()
    )
    assert (np.sum(evaluation.folds, axis=0) <= 1).all()


def test_targets_are_of_middling_size_and_leave_most_brands_to_teach(log, evaluation):
    customers = evaluation.members.sum(1) / evaluation.known.sum()
    low, high = protocol.targets_of(log, AS_OF, 0, 2).band
    assert ((customers >= low) & (customers < high)).all()
    assert len(evaluation.excluded) <= 2 * BRANDS // protocol.LARGEST_SHARE


def test_targets_do_not_depend_on_the_labels_or_on_the_order_of_brands(log):
    found = protocol.targets_of(log, AS_OF, 0, 2)
    after = log.day >= AS_OF
    changed = replace(log, brand=np.where(after, 0, log.brand))
    assert np.array_equal(protocol.targets_of(changed, AS_OF, 0, 2).brands, found.brands)
    order = np.random.default_rng(0).permutation(BRANDS)
    place = np.argsort(order)
    renumbered = replace(
        log,
        brand=np.where(log.brand == MISSING, MISSING, place[log.brand]),
        brand_names=tuple(log.brand_names[b] for b in order),
    )
    names = [renumbered.brand_names[b] for b in protocol.targets_of(renumbered, AS_OF, 0, 2).brands]
    assert names == [log.brand_names[b] for b in found.brands]


def test_a_log_without_brands_is_refused_with_the_remedy(log):
    bare = replace(log, brand=np.full(len(log), MISSING), brand_names=())
    with pytest.raises(ValueError, match="column `brand`"):
        evaluation_of(shop_of(bare), settings())


def test_labels_are_first_purchases_within_the_horizon(log, evaluation):
    for target in range(len(evaluation.targets)):
        mine = (log.brand == log.brand_names.index(evaluation.name(target))) & ~log.cancelled
        for user in range(0, USERS, 7):
            days = log.day[mine & (log.user == user)]
            bought = bool(len(days)) and AS_OF <= days.min() < AS_OF + 60
            assert evaluation.newcomers[target, user] == bought
            assert evaluation.members[target, user] == (bool(len(days)) and days.min() < AS_OF)


def test_labels_given_are_nested_and_of_train_users_alone(evaluation):
    asked = settings(table="studies")
    for target in (0, 1):
        for fold in range(len(evaluation.folds)):
            before: set[int] = set()
            for fraction in sorted(protocol.FRACTIONS):
                found = given(Case("labels", target, fold, 0, fraction=fraction), evaluation, [])
                labelled = set(found.customers) | set(found.others)
                assert len(found.customers) >= 1 and len(found.others) >= 1
                assert before <= labelled or fraction <= 0.03, "draws of one fold and seed are nested"
                before = labelled
                assert evaluation.members[target][found.customers].all()
                assert not evaluation.members[target][found.others].any()
                assert not evaluation.folds[fold][list(labelled)].any()
            assert before == set(np.flatnonzero(evaluation.train_users(fold)))
    shot = given(Case("labels", 0, 0, 0, shots=1), evaluation, [])
    assert (len(shot.customers), len(shot.others)) == protocol.ONE_SHOT
    other = given(Case("labels", 0, 0, 1, shots=1), evaluation, [])
    assert not np.array_equal(shot.others, other.others), "seeds draw anew"
    assert len({case.seed for case in cases(asked, evaluation)}) == 1


def test_imbalance_keeps_the_others_and_thins_the_customers(evaluation):
    found = [given(Case("imbalance", 0, 0, 0, ratio=ratio), evaluation, []) for ratio in protocol.RATIOS]
    assert len({len(one.others) for one in found}) == 1
    for ratio, one in zip(protocol.RATIOS, found, strict=True):
        assert len(one.customers) == max(1, round(ratio * len(one.others)))


def test_nine_ways_hold_nobody_twice_and_no_hidden_customer(evaluation):
    fold = Fold(evaluation, 0, 0, "tiny", "cpu", scratch=None)
    ways = source_ways(evaluation, fold.train_users, fold.source.brands, fold.source.customers)
    assert len(ways) == protocol.WAYS
    for draw in range(8):
        found = given(Case("ood", 0, 0, 0, shots=1, draw=draw), evaluation, ways)
        labelled = np.append(found.customers, found.others)
        assert len(set(labelled)) == len(labelled) == protocol.WAYS
        assert evaluation.members[0][found.customers].all() and not evaluation.members[0][found.others].any()
        assert fold.train_users[labelled].all()


def test_draws_are_spread_over_folds_and_seeds_and_counted_once(evaluation):
    asked = settings(table="studies", seeds=(0, 1), draws=13)
    found = [case.draw for case in cases(asked, evaluation) if case.study == "ood" and case.target == 1]
    assert sorted(found) == list(range(13))


@pytest.mark.parametrize("name", [*CLOSED, *AFTERNOON, *LEARNED])
def test_what_happens_from_the_as_of_date_on_moves_no_score(log, evaluation, name, tmp_path):
    """Perturb every purchase of the label window: other brands, other prices, other users, cancelled."""
    random = np.random.default_rng(1)
    after = log.day >= AS_OF
    changed = replace(
        log,
        brand=np.where(after, random.integers(0, BRANDS, len(log)), log.brand),
        price=np.where(after, 9.0, log.price).astype(np.float32),
        user=np.where(after, random.permutation(log.user), log.user),
        cancelled=log.cancelled | (after & (random.random(len(log)) < 0.3)),
    )
    other = evaluation_of(shop_of(changed), settings())
    assert np.array_equal(other.targets, evaluation.targets)
    assert not np.array_equal(other.newcomers, evaluation.newcomers), "the labels themselves must move"
    labels = given(Case("labels", 0, 0, 0, fraction=0.2), evaluation, [])
    scores = [
        PROFILE_SYSTEMS[name]
        .make(Fold(found, 0, 0, "tiny", "cpu", scratch=tmp_path / str(place)))
        .score(labels.customers, labels.others)
        for place, found in enumerate((evaluation, other))
    ]
    asked = evaluation.test(0, 0)
    assert np.isfinite(scores[0][asked]).all()
    assert np.array_equal(scores[0][asked], scores[1][asked])


def test_source_brands_hold_no_target(evaluation):
    fold = Fold(evaluation, 1, 0, "tiny", "cpu", scratch=None)
    assert len(fold.source.brands) and not set(fold.source.brands) & set(evaluation.excluded)
    assert not fold.source.newcomers[:, evaluation.folds[1]].any()


@pytest.fixture(scope="module")
def result(shop, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "f.json"
    found = profile_eval(settings(), shop, out)
    stored = json.loads(out.read_text())
    assert stored == found.document()
    assert ProfileResult.model_validate(stored).document() == stored
    assert not out.with_name("f.json.partial").exists()
    return found


def test_the_json_has_the_promised_keys(result, evaluation):
    document = result.document()
    assert set(document) >= {"settings", "data_hash", "git", "rows", "summary", "protocol"}
    promised = {"target", "system", "shots", "draw", "fraction", "ratio", "seed", "fold"}
    promised |= {"aupr", "auroc", "base_rate", "within_quintiles", "labels", "customers"}
    assert all(set(row) >= promised for row in document["rows"])
    assert len(document["rows"]) == len(CLOSED) * len(cases(settings(), evaluation))
    assert [entry["system"] for entry in document["summary"]] == list(CLOSED)
    for entry in document["summary"]:
        assert set(entry) >= {"aupr", "auroc", "aupr_interval", "auroc_interval", "budgets", "ood"}
        assert set(entry["budgets"]) == {"all", "20%", "5%", "1%", "one_shot"}
        trains = entry["system"] == "normal_training"
        assert [found["shots"] for found in entry["brands"]] == ([None] if trains else [1, 5, 20, None])


def test_every_system_is_given_the_same_labels(result):
    by_case: dict[tuple, set] = {}
    for row in result.rows:
        by_case.setdefault(row.case, set()).add((row.labels, row.customers, row.test_users, row.base_rate))
    assert all(len(given_labels) == 1 for given_labels in by_case.values())


def test_those_who_know_the_customers_beat_activity_on_the_toy_shop(result):
    by_system = {entry.system: entry.auroc for entry in result.summary}
    assert by_system["ridge"] > by_system["activity"] and by_system["joint_logistic"] > by_system["activity"]


def test_a_killed_evaluation_goes_on_where_it_was(shop, result, tmp_path, monkeypatch):
    def killed(stage, done, total):
        if stage == "cases scored" and done > total // 2:
            raise KeyboardInterrupt

    out = tmp_path / "f.json"
    with pytest.raises(KeyboardInterrupt):
        profile_eval(settings(), shop, out, progress=killed)
    assert not out.exists()
    scored = []
    plain = room._row

    def counted(*args):
        scored.append(args)
        return plain(*args)

    monkeypatch.setattr(room, "_row", counted)
    resumed = profile_eval(settings(), shop, out)
    assert 0 < len(scored) < 0.6 * len(result.rows)
    assert resumed.rows == result.rows and resumed.summary == result.summary


def test_two_evaluations_after_each_other_in_one_process_are_two(shop, tmp_path):
    """As a long-lived process of Dagster runs them: the same file, other brands."""
    alike = {"systems": ("activity",), "table": "brands"}
    first = profile_eval(settings(**alike), shop, tmp_path / "f.json")
    other = profile_eval(settings(size_band="10%-30%", **alike), shop, tmp_path / "f.json")
    assert {row.target for row in other.rows} == set(other.protocol.targets) != set(first.protocol.targets)


def broken(fold):
    """A system whose scores are no numbers in the second fold."""
    plain = PROFILE_SYSTEMS["activity"].make(fold)

    class Broken:
        def score(self, customers, others=None):
            scores = plain.score(customers, others)
            return np.where(fold.fold == 1, np.nan, scores)

    return Broken()


def test_a_system_that_fails_is_named_and_ends_no_other(shop, tmp_path, monkeypatch):
    monkeypatch.setitem(PROFILE_SYSTEMS, "cosine", replace(PROFILE_SYSTEMS["cosine"], make=broken))
    asked = {"table": "brands", "systems": ("activity", "cosine", "prior")}
    found = profile_eval(settings(**asked), shop, tmp_path / "f.json")
    assert [one.system for one in found.failed] == ["cosine"]
    assert "no finite score" in found.failed[0].reason and "fold 1" in found.failed[0].reason
    assert {row.system for row in found.rows} == {"activity", "prior"}
    assert [entry.system for entry in found.summary] == ["activity", "prior"]
    stored = ProfileResult.model_validate(json.loads((tmp_path / "f.json").read_text()))
    assert stored.failed == found.failed
    assert "`cosine` failed and has no figures" in page(found, [], "{{head}}")
    with pytest.raises(ValueError, match=r"no system could be evaluated\. cosine: "):
        profile_eval(settings(**asked | {"systems": ("cosine",)}), shop, tmp_path / "g.json")


@pytest.mark.slow
def test_two_workers_give_the_same_rows_as_one(shop, result, tmp_path):
    two = profile_eval(settings(), shop, tmp_path / "two.json", workers=2)
    assert two.rows == result.rows


def row(system, target, fold, aupr, auroc=0.6, **about) -> ProfileRow:
    fields = {"study": "labels", "fraction": 0.01, "seed": 0} | about
    return ProfileRow(
        system=system, target=target, fold=fold, aupr=aupr, auroc=auroc, within_quintiles=0.5,
        base_rate=0.1, labels=9, customers=1, test_users=50, newcomers=5, **fields,
    )  # fmt: skip


def test_gains_are_of_targets_after_seeds_and_folds_are_averaged():
    base = [row("normal_training", t, f, 0.2, seed=s) for t in "ab" for f in (0, 1) for s in (0, 1)]
    ours = [row("x", "a", f, 0.2 + 0.1 * s, seed=s) for f in (0, 1) for s in (0, 1)]
    ours += [row("x", "b", f, 0.1 + 0.2 * f, seed=s) for f in (0, 1) for s in (0, 1)]
    found = gains(ours, base)
    assert found["growth_aupr"] == pytest.approx((0.25 / 0.2 - 1 + 0.0) / 2)
    assert found["wins_aupr"] == 1 and found["of_targets"] == 2 and found["wins_auroc"] == 0
    assert found["p"] == max(found["p_aupr"], found["p_auroc"])
    (entry, _) = summary(ours + base, ("x", "normal_training"))
    assert entry.budgets["1%"].growth_aupr == found["growth_aupr"]


def test_only_shared_cases_are_compared_and_unknown_figures_left_out():
    base = [row("normal_training", "a", 0, 0.2), row("normal_training", "b", 0, None, None)]
    ours = [row("x", "a", 0, 0.3), row("x", "b", 0, None, None), row("x", "c", 0, 0.9)]
    assert gains(ours, base)["growth_aupr"] == pytest.approx(0.5)
    found = means(ours)
    assert found["aupr"] == pytest.approx(0.6) and found["without_newcomers"] == 1


def test_the_moving_average_is_of_two_periods():
    rows = [
        row("x", "a", 0, v, study="imbalance", fraction=None, ratio=r)
        for v, r in zip((0.4, 0.2, 0.1), protocol.RATIOS, strict=False)
    ]
    (entry,) = summary(rows, ("x",))
    assert [point.aupr_moving for point in entry.imbalance] == [
        None,
        pytest.approx(0.3),
        pytest.approx(0.15),
    ]


def test_the_page_shows_the_figures(result):
    text = page(result, [], TEMPLATE.read_text())
    ridge = result.entry("ridge")
    assert f"{ridge.auroc:.4f}".lstrip("0") in text and "simulated" in text
    assert f"{ridge.at(1).auroc:.4f}".lstrip("0") in text and f"{ridge.at(1).top_lift:.2f}" in text
    for heading in ("as in use", "By number of labels", "Table 3", "Figure 3", "Figure 4"):
        assert heading in text


def test_pictures_are_drawn_for_both_studies(result):
    found = pictures(result)
    assert set(found) == {f"profile-{s}-{f}.png" for s in ("masking", "imbalance") for f in ("aupr", "auroc")}
    assert all(png.startswith(b"\x89PNG") for png in found.values())


def test_an_unknown_system_is_named(shop, tmp_path):
    with pytest.raises(ValueError, match="nonsense"):
        profile_eval(settings(systems=("nonsense",)), shop, tmp_path / "f.json")


@pytest.mark.slow
def test_the_command_runs_on_a_landing_folder_of_purchases_alone(tmp_path, monkeypatch):
    """Gate, warehouse, networks, JSON and MLflow, without points, survey or labels."""
    from assets.common.tracking import PROFILING, Tracking
    from orchestration.cli import app

    landing = shop_on_disk.landed(tmp_path, shop_on_disk.purchases())
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "home"))
    out = tmp_path / "f.json"
    systems = "normal_training,meta_profile,meta_profile_prior,ridge"
    command = f"profile-eval --source landing --data {landing} --out {out} --tiny --targets 1 --brands 1"
    done = CliRunner().invoke(
        app, [*command.split(), "--draws", "3", "--table", "brands", "--systems", systems]
    )
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text())
    remarks = result["protocol"]["remarks"]
    assert any("log is short" in text for text in remarks), "five months are fewer than the protocol wishes"
    for entry in result["summary"]:
        trains = entry["system"] == "normal_training"
        assert [found["shots"] for found in entry["brands"]] == ([None] if trains else [1, 5, 20, None])
        assert entry["brands"][0]["targets"] == 1
    tracking = Tracking(tmp_path / "home" / "mlflow", "landing", False, PROFILING)
    runs = tracking.client.search_runs([tracking.experiment])
    assert len(runs) == 5 and sum("mlflow.parentRunId" in run.data.tags for run in runs) == 4
