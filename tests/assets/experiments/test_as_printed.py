"""Table 3 in both readings, and growth quoted over a baseline better than chance alone."""

from __future__ import annotations

import pytest

from assets.experiments.profilers import as_printed, report
from assets.experiments.profilers.cases import Case
from assets.experiments.profilers.rows import ProfileRow
from assets.experiments.profilers.summary import gains, summary


def row(system: str, target: str, fold: int, auroc: float, **about: object) -> ProfileRow:
    fields: dict[str, object] = {"study": "ood", "draw": fold, "shots": 1, "seed": 0} | about
    return ProfileRow.model_validate(
        {
            "system": system,
            "target": target,
            "fold": fold,
            "aupr": auroc / 3,
            "auroc": auroc,
            "within_quintiles": auroc,
            "base_rate": 0.1,
            "labels": 9,
            "customers": 1,
            "test_users": 50,
            "newcomers": 5,
            **fields,
        }
    )


def rows_of(system: str, auroc: float, ways: float | None = None, accuracy: float = 0.2) -> list[ProfileRow]:
    printed = (
        {}
        if ways is None
        else {
            "ways_auroc": ways,
            "ways_aupr": ways / 2,
            "ways_within_quintiles": ways,
            "ways_accuracy": accuracy,
        }
    )
    return [row(system, target, fold, auroc, **printed) for target in "ab" for fold in range(3)]


def baseline(*auroc: float) -> list[ProfileRow]:
    return [
        row("normal_training", t, f, value) for t, value in zip("ab", auroc, strict=True) for f in range(3)
    ]


def test_no_growth_over_a_baseline_that_is_no_better_than_chance() -> None:
    ours = rows_of("x", 0.6)
    weak = gains(ours, rows_of("normal_training", 0.45))
    assert weak["over_chance"] is False
    assert weak["growth_aupr"] is weak["growth_auroc"] is weak["growth_auroc_interval"] is None
    assert weak["wins_auroc"] == 2, "what is a count is still counted"
    strong = gains(ours, rows_of("normal_training", 0.55))
    assert strong["over_chance"] is True and strong["growth_auroc"] == pytest.approx(0.6 / 0.55 - 1)


def test_the_baselines_interval_counts_too() -> None:
    spread = [
        row("normal_training", t, f, a) for t, a in zip("ab", (0.48, 0.60), strict=True) for f in range(3)
    ]
    assert gains(rows_of("x", 0.7), spread)["over_chance"] is False, "mean .54, but its interval reaches .48"


def test_a_target_has_its_own_condition_and_the_page_says_why_growth_is_missing() -> None:
    base = baseline(0.4, 0.6)
    found = summary([*rows_of("meta_profile", 0.66), *base], ("meta_profile", "normal_training"))
    assert found[0].ood is not None
    of_a, of_b = found[0].ood.by_target
    assert of_a.growth_auroc is None and of_a.difference_auroc == pytest.approx(0.26)
    assert of_b.growth_auroc == pytest.approx(0.1)
    text = report.ood(found)
    assert "+10.0 %" in text and "| –" in text and "better than chance" in text
    fair = summary([*rows_of("x", 0.66), *rows_of("normal_training", 0.6)], ("x", "normal_training"))
    assert "better than chance" not in report.ood(fair)


def test_both_readings_stand_on_the_page() -> None:
    rows = [*rows_of("x", 0.66, ways=0.61), *rows_of("normal_training", 0.6, ways=0.5)]
    rows += [row("x", "a", 0, 0.9, draw=7)]  # a draw that was asked in one reading only
    entry = summary(rows, ("x", "normal_training"))[0]
    assert entry.ood is not None and entry.ood_as_printed is not None
    assert entry.ood_as_printed.auroc == pytest.approx(0.61)
    assert entry.ood_as_printed.by_target[0].draws == 3 and entry.ood.by_target[0].draws == 4
    assert entry.ood_as_printed.over_chance is False and entry.ood.over_chance is True
    text = report.ood(summary(rows, ("x", "normal_training")))
    assert text.index("## Table 3: 9-way 1-shot") < text.index("## Table 3 as printed") and ".6100" in text


def test_a_few_draws_are_scored_as_printed() -> None:
    planned = [Case("ood", 0, 0, 0, shots=1, draw=draw) for draw in range(99)]
    assert sum(as_printed.is_asked(case) for case in planned) == as_printed.WAYS_DRAWS
    assert not as_printed.is_asked(Case("labels", 0, 0, 0, shots=1))


@pytest.mark.parametrize("base, growth", [(0.1, None), (1 / 9, None), (0.15, 0.3 / 0.15 - 1)])
def test_growth_of_accuracy_is_quoted_over_a_baseline_that_guesses_better_than_chance(base, growth) -> None:
    rows = [*rows_of("meta_profile", 0.6, 0.6, 0.3), *rows_of("normal_training", 0.6, 0.6, base)]
    entry, baseline = summary(rows, ("meta_profile", "normal_training"))
    assert entry.ood_as_printed is not None and baseline.ood_as_printed is not None
    nine = entry.ood_as_printed
    assert nine.accuracy == pytest.approx(0.3) and nine.difference_accuracy == pytest.approx(0.3 - base)
    for one in (nine, *nine.by_target):
        assert one.growth_accuracy == (None if growth is None else pytest.approx(growth))
        assert one.accuracy_over_chance is (growth is not None)
    assert nine.over_chance is True, "AUROC has a chance of its own"
    text = report.ood((entry, baseline))
    assert ("No growth of accuracy" in text) == (growth is None)
    assert ".1111" in text and "accuracy" not in text.partition("## Table 3 as printed")[0]
    assert entry.ood is not None and entry.ood.accuracy is None
