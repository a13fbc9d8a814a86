"""A profile evaluation as paragraphs with tables, for the page of results and for the asset's page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from assets.experiments.number_format import markdown, number
from assets.experiments.profilers.results import (
    Difference,
    Ends,
    LabelPoint,
    NineWay,
    ProfilerSummary,
    RatioPoint,
    TargetFigures,
)
from assets.experiments.profilers.summary import AREAS
from models.metrics import FIGURES

BASELINE = "normal_training"
OURS = ("meta_profile", "meta_profile_finetune", "meta_profile_prior")
BUDGETS = ("all", "20%", "5%", "1%", "one_shot")
SHOWN = ("auroc", "aupr", "within_quintiles")
Summary = Sequence[ProfilerSummary]


def brands(summary: Summary) -> str:
    """Every system at every support size, customers only."""
    rows = [
        [
            entry.system,
            _shots(point.shots),
            f"{point.customers:.0f}",
            *(_ranged(point.value(figure), point.ends(figure)) for figure in SHOWN),
            number(point.auroc_fold_spread),
            number(point.base_rate),
        ]
        for entry in summary
        for point in entry.brands
    ]
    if not rows:
        return ""
    count = max(point.targets for entry in summary for point in entry.brands)
    columns = ("system", "K", "customers", *(FIGURES[name].label for name in SHOWN), "± folds", "base rate")
    return (
        f"## {count} brands, as in use\n\nK customers are given and nothing else; `normal_training` takes "
        "the other train users as non-customers. *± folds*: deviation of AUROC over the folds.\n\n"
        + markdown(columns, rows)
    )


def against(summary: Summary) -> str:
    """Our system less every other one, paired."""
    parts = []
    for entry in summary:
        rows = [
            [
                line.system,
                _shots(line.shots),
                *(_difference(line, figure) for figure in SHOWN),
                number(line.auroc_p),
                number(line.aupr_p),
            ]
            for line in entry.against
        ]
        columns = ("less", "K", "AUROC", "AUPR", "in quintiles", "p AUROC", "p AUPR")
        if rows:
            parts.append(
                f"## `{entry.system}` less each other system\n\nPaired by brand and fold, in the table of "
                "brands.\n\n" + markdown(columns, rows)
            )
    return "\n\n".join(parts)


def _difference(line: Difference, figure: str) -> str:
    value, ends = line.value(figure), line.ends(figure)
    return "" if value is None or ends is None else f"{value:+.4f} ({ends[0]:+.4f} … {ends[1]:+.4f})"


def budgets(summary: Summary) -> str:
    """The comparison with normal training by number of labels."""
    rows, points = [], []
    for name in BUDGETS:
        for entry in summary:
            point = entry.budgets.get(name)
            if point is None:
                continue
            points.append(point)
            rows.append(
                [
                    "one shot + 8" if name == "one_shot" else name.replace("%", " %"),
                    f"{point.labels:.0f}",
                    f"{point.customers:.0f}",
                    entry.system,
                    *(_ranged(point.value(figure), point.ends(figure)) for figure in ("auroc", "aupr")),
                    number(point.within_quintiles),
                    *(_growth(g, point.over_chance) for g in (point.growth_aupr, point.growth_auroc)),
                    *(_wins(wins, point) for wins in (point.wins_aupr, point.wins_auroc)),
                    "" if point.p is None else f"{point.p:.4f}",
                ]
            )
    if not rows:
        return ""
    columns = (
        *("labels", "number", "customers", "system", "AUROC", "AUPR", "in quintiles"),
        *("AUPR over normal", "AUROC over normal", "wins AUPR", "wins AUROC", "p"),
    )
    return (
        "## By number of labels\n\nLabelled users are drawn among the train users; every system is given "
        "the same. *Over normal*: mean over targets of the relative gain. *p*: two-sided, the larger of "
        f"both.{_remark(points)}\n\n{markdown(columns, rows)}"
    )


def ood(summary: Summary) -> str:
    """Table 3, as ours and as printed."""
    ours = [(entry.system, entry.ood) for entry in summary if entry.ood is not None]
    printed = [(entry.system, entry.ood_as_printed) for entry in summary if entry.ood_as_printed is not None]
    parts = (
        _nine_ways(
            ours,
            "## Table 3: 9-way 1-shot\n\nOne customer of the target and one member of each of eight source "
            "ways. A user's score is that of the target's way alone. Intervals of a target are over support "
            "draws (narrow: they share their test users), of *all* over targets and folds.",
        ),
        _nine_ways(
            printed,
            "## Table 3 as printed: nine ways against each other\n\nEach of the nine users is the support of "
            "its own way; a user's score is the probability of the target's way in a softmax over the nine. "
            "How active a user is cancels, so that a system that reads no support stands at .5. Fewer draws "
            "than above.",
        ),
    )
    return "\n\n".join(part for part in parts if part)


def _nine_ways(entries: Sequence[tuple[str, NineWay]], title: str) -> str:
    if not entries:
        return ""
    shown = [(name, nine) for name, nine in entries if name in (BASELINE, *OURS)] or entries
    by_target = zip(*(nine.by_target for _, nine in shown), strict=False)
    rows = [
        [line.target, name, *_differences(line)]
        for lines in by_target
        for (name, _), line in zip(shown, lines, strict=True)
    ]
    rows += [["**all**", name, *_differences(nine)] for name, nine in entries]
    columns = ("target", "system", "AUPR", "difference", "growth", "AUROC", "difference", "growth")
    return f"{title}{_remark([nine for _, nine in entries])}\n\n{markdown(columns, rows)}"


def _differences(line: NineWay | TargetFigures) -> Iterable[str]:
    for figure in AREAS:
        yield _ranged(line.value(figure), line.ends(figure))
        difference = line.value(f"difference_{figure}")
        yield "" if difference is None else f"{difference:+.4f}"
        yield _growth(line.value(f"growth_{figure}"), line.over_chance)


def masking(summary: Summary) -> str:
    """Figure 3."""
    return _study(
        [(entry.system, entry.masking) for entry in summary if entry.masking],
        "masking",
        "## Figure 3: label masking\n\nAUPR (AUROC), mean over targets, folds and seeds.",
        lambda point: f"{point.fraction:.1%}".replace(".0%", "%").replace("%", " %"),
    )


def imbalance(summary: Summary) -> str:
    """Figure 4."""
    return _study(
        [(entry.system, entry.imbalance) for entry in summary if entry.imbalance],
        "imbalance",
        "## Figure 4: class imbalance\n\nCustomers to others among the labels; the test users stay as they "
        "are. AUPR (AUROC); the dashed line of the picture is the 2-period moving average of AUPR.",
        lambda point: f"1:{1 / point.ratio:.0f}",
    )


def _study(
    systems: Sequence[tuple[str, Sequence[LabelPoint | RatioPoint]]],
    study: str,
    title: str,
    head: Callable[[Any], str],
) -> str:
    if not systems:
        return ""
    columns = ["system", *(f"{head(point)} ({point.labels:.0f})" for point in systems[0][1])]
    rows = [[system, *map(_areas, points)] for system, points in systems]
    images = "\n".join(f"![{study}, {f}](../images/profile-{study}-{f}.png)" for f in AREAS)
    return f"{title} In brackets at the head: the number of labels.\n\n{markdown(columns, rows)}\n\n{images}"


def _areas(point: LabelPoint | RatioPoint) -> str:
    return f"{number(point.aupr)} ({number(point.auroc)})"


def _shots(shots: int | None) -> str:
    return "all" if shots is None else str(shots)


def _ranged(value: float | None, ends: Ends) -> str:
    return number(value) if ends is None else f"{number(value)} [{number(ends[0])}, {number(ends[1])}]"


def _growth(value: float | None, over_chance: bool | None) -> str:
    """A growth rate; – over a baseline that is not better than chance, nothing without a baseline."""
    if over_chance is False:
        return "–"
    return "" if value is None else f"{value:+.1%}".replace("%", " %")


def _remark(points: Sequence[NineWay | LabelPoint]) -> str:
    """Why growth rates are missing, where they are."""
    compared = [point.over_chance for point in points if point.over_chance is not None]
    if all(compared):
        return ""
    return (
        " Growth is quoted only over a baseline better than chance (its mean AUROC and the lower end of the "
        f"interval above .5); – in {compared.count(False)} of {len(compared)} comparisons, where "
        f"`{BASELINE}` is not."
    )


def _wins(wins: int | None, point: LabelPoint) -> str:
    return "" if wins is None else f"{wins} of {point.of_targets}"
