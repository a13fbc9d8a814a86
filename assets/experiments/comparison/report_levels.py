"""Where pooled AUC and the order within lists disagree, and why: from the pairs that AUC is made of."""

from __future__ import annotations

from itertools import combinations

from assets.experiments.comparison.differences import PairLevel, PairTest
from assets.experiments.comparison.results import Comparison
from assets.experiments.number_format import markdown, number, p_value, signed
from models.metrics import FIGURES

SURE = 0.05  #: p after Holm below which both tests must be for a disagreement to be called sure
NAMES = {"list": "one list", "hour": "one user's hour", "user": "one user", "others": "two users"}
Disagreement = tuple[PairTest, PairTest]  #: the test of pooled AUC, and that of the order within


def levels(result: Comparison) -> str:
    """Each system's AUC over the pairs of one list (or a user's hour), of one user, of two users."""
    if not result.levels:
        return ""
    by = {(entry.system, entry.level): entry for entry in result.levels}
    shares = {entry.level: entry.share for entry in result.levels}
    rows = [
        [name, number(result.systems[name].auc), *(number(_auc(by.get((name, level)))) for level in shares)]
        for name in result.ranked()
    ]
    columns = [f"pairs of {NAMES[level]} ({_percent(share)})" for level, share in shares.items()]
    said = (
        "Pooled AUC by the pairs of a click and a skip that it is made of; in brackets: their share. *One "
        "user* leaves out the pairs of the column before."
    )
    return f"{said}\n\n{markdown(['system', 'AUC', *columns], rows)}"


def disagreement(result: Comparison) -> str:
    """Whether pooled AUC and the order within put systems in the same order, and if not, why."""
    figure = within_figure(result)
    if figure is None:
        return ""
    tests = [
        (result.between(*pair), result.between(*pair, figure)) for pair in combinations(result.systems, 2)
    ]
    both = [(one, other) for one, other in tests if one is not None and other is not None]
    apart = [(one, other) for one, other in both if one.difference * other.difference < 0]
    label = FIGURES[figure].label
    if not apart:
        return f"Pooled AUC and {label} put all systems in the same order."
    sure = [pair for pair in apart if _sure(*pair)]
    said = (
        f"Pooled AUC and {label} disagree on {len(apart)} of {len(both)} pairs of systems, on {len(sure)} of "
        f"them with p below {SURE:g} after Holm on both sides."
    )
    return f"{said} {_example(result, max(sure or apart, key=_evidence), label)}"


def within_figure(result: Comparison) -> str | None:
    """The figure that stands for the order within: AUC within lists; without lists, within users' hours."""
    figures = {test.figure for test in result.within}
    return next((name for name in ("request_auc", "gauc_hour") if name in figures), None)


def _example(result: Comparison, pair: Disagreement, label: str) -> str:
    """The pair that is surest to disagree, and what each kind of pairs adds to its pooled difference."""
    pooled, inside = pair if pair[0].difference > 0 else (pair[0].turned(), pair[1].turned())
    ahead, behind = pooled.first, pooled.second
    said = (
        f"`{ahead}` less `{behind}` is {signed(pooled.difference)} in pooled AUC and "
        f"{signed(inside.difference)} in {label}."
    )
    by = {(entry.system, entry.level): entry for entry in result.levels}
    kinds = [entry for entry in result.levels if entry.system == ahead and (behind, entry.level) in by]
    if not kinds:
        return said
    lifts = {entry.level: entry.lift - by[behind, entry.level].lift for entry in kinds}
    shares = ", ".join(
        f"{_percent(entry.share)} are of {NAMES[entry.level]} and bring {signed(lifts[entry.level])}"
        for entry in reversed(kinds)
    )
    said += f" Of all pairs of a click and a skip, {shares} of the pooled difference."
    if not _sure(pooled, inside):
        ps = f"{_p(pooled)} pooled and {_p(inside)} within"
        return f"{said} They are not sure to disagree: p after Holm is {ps}."
    if lifts["others"] > pooled.difference / 2:
        return (
            f"{said} So `{ahead}` is better at telling users and moments apart, which no order of one page "
            f"asks for; what one user sees, `{behind}` orders better."
        )
    return f"{said} So most of the pooled difference lies within users, at other hours or in other lists."


def _p(test: PairTest) -> str:
    return p_value(test.p_holm)


def _sure(pooled: PairTest, inside: PairTest) -> bool:
    return all(test.p_holm is not None and test.p_holm < SURE for test in (pooled, inside))


def _evidence(pair: Disagreement) -> float:
    """The smaller of both tests' differences in errors."""
    return min(abs(test.difference) / test.error if test.error else 0.0 for test in pair)


def _auc(entry: PairLevel | None) -> float | None:
    return None if entry is None else entry.auc


def _percent(share: float) -> str:
    """`99.9 %`, `0.031 %`: of what is rare two digits, of what is nearly all the distance to all of it."""
    if share > 0.995:
        return f"{100 - float(f'{100 * (1 - share):.1g}'):g} %"
    return f"{100 * share:.2g} %"
