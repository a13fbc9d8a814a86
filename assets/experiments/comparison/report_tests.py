"""Paragraphs of the page of a comparison that set systems against each other, and say how sure that is."""

from __future__ import annotations

from assets.experiments.comparison import roles
from assets.experiments.comparison.differences import PairTest
from assets.experiments.comparison.report import image, labels
from assets.experiments.comparison.report_levels import disagreement, levels
from assets.experiments.comparison.results import Comparison
from assets.experiments.number_format import less, markdown, p_value, ranged, signed
from models.metrics import PERIODS

PAPER = {  #: AUC of the paper's Tables 2 and 4 by period; ablations are read against its `lsttm`
    "lsttm": (0.8395, 0.8504, 0.8502),
    "lsttm_no_meta": (0.8373, 0.8428, 0.8421),
    "lsttm_no_external": (0.8385, 0.8459, 0.8459),
    "lsttm_concat": (0.8378, 0.8488, 0.8489),
    "lsttm_no_gat": (0.8304, 0.8410, 0.8411),
}


def tests(result: Comparison) -> str:
    """Every system against the best."""
    order = result.ranked()
    tested = [test for test in (result.between(name, order[0]) for name in order[1:]) if test is not None]
    if not tested:
        return ""
    rows = [[test.first, interval(test), p_value(test.p), p_value(test.p_holm)] for test in tested]
    columns = ("less the best", f"AUC − AUC of {order[0]} [95 %]", "p", "p, Holm")
    return (
        f"{_basis(tested[0])} Holm's correction is over all {len(result.tests)} pairs.\n\n"
        f"{markdown(columns, rows)}\n\n{image(result, 'differences.png', 'differences to the best')}"
    )


def _basis(test: PairTest) -> str:
    """What p and interval rest on."""
    if test.of_interval:
        return (
            "Interval: bootstrap over users. p: of the interval's width, since this result was made before "
            "p-values were clustered by user; DeLong's take the exposures of one user for independent."
        )
    return (
        "p: two-sided, of a standard error over users, whose exposures of all days stand or fall together; "
        "placements averaged over seeds. Interval: bootstrap over users."
    )


def _sure(test: PairTest | None) -> str:
    return "–" if test is None else f"{interval(test)}, {p_value(test.p_holm)}"


def within(result: Comparison) -> str:
    """The order within lists and users' hours: every system against the best by pooled AUC, and why."""
    if not result.within:
        return ""
    order = result.ranked()
    figures = list(dict.fromkeys(test.figure for test in result.within))
    rows = []
    for name in order[1:]:
        tested = [result.between(name, order[0], figure) for figure in figures]
        rows.append([name, *map(_sure, tested)])
    said = (
        f"Less `{order[0]}`, the best by pooled AUC: difference [95 %], p after Holm over all pairs of the "
        "figure; lists and hours of a user stand or fall together."
    )
    table = markdown((f"less {order[0]}", *labels(*figures)), rows)
    return "\n\n".join(part for part in (said, table, disagreement(result), levels(result)) if part)


def ablations(result: Comparison) -> str:
    """Table 4 of the paper: every other system of the family against `lsttm`, and the paper's own figures."""
    base = roles.REFERENCE
    others = [name for name in roles.family(result) if name != base]
    if base not in result.systems or not others:
        return ""
    rows = []
    for name in others:
        paper = ""
        if name in PAPER:
            paper = " ".join(signed(one - other) for one, other in zip(PAPER[name], PAPER[base], strict=True))
        test = result.between(name, base)
        periods = result.systems[name].periods, result.systems[base].periods
        rows.append(
            [
                name,
                *(signed(less(*pair)) for pair in zip(*periods, strict=True)),
                "" if test is None else interval(test),
                p_value(None if test is None else test.p_holm),
                paper,
            ]
        )
    columns = (f"less {base}", *labels(*PERIODS), "AUC [95 %]", "p, Holm", "in the paper")
    return (
        f"Differences to `{base}`; *in the paper*: its Table 4, the three periods, on its own log.\n\n"
        f"{markdown(columns, rows)}\n\n{image(result, 'ablations.png', 'ablations')}"
    )


def difference(result: Comparison, first: str, second: str) -> str:
    """`+.0043 [+.0031, +.0055]`; raises LookupError where the two were not tested."""
    test = result.between(first, second)
    if test is None:
        raise LookupError(f"{first} and {second} were not compared")
    return interval(test)


def interval(test: PairTest) -> str:
    """The same of a test."""
    return ranged(test.difference, test.low, test.high)
