"""A profile evaluation as paragraphs with tables, for the page of results and for the asset's page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from assets.experiments.number_format import markdown, number, signed
from assets.experiments.profilers.brand_report import figure_text
from assets.experiments.profilers.paired import OURS
from assets.experiments.profilers.protocol import WAYS
from assets.experiments.profilers.results import (
    LabelPoint,
    NineWay,
    ProfilerSummary,
    RatioPoint,
    TargetFigures,
)
from assets.experiments.profilers.summary import AREAS, BASELINE
from models.metrics import FIGURES

FAMILY = ("meta_profile", "meta_profile_ridge", "meta_profile_finetune", OURS)
BUDGETS = ("all", "20%", "5%", "1%", "one_shot")
Summary = Sequence[ProfilerSummary]


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
                    budget_name(name),
                    f"{point.labels:.0f}",
                    f"{point.customers:.0f}",
                    entry.system,
                    *(figure_text(point, figure) for figure in ("auroc", "aupr")),
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


def budget_name(name: str) -> str:
    """A number of labels as it is read: `all`, `5 %`, `one shot + 8`."""
    return "one shot + 8" if name == "one_shot" else name.replace("%", " %")


def ood(summary: Summary) -> str:
    """Table 3, as ours and as printed."""
    return "\n\n".join(part for part in (target_way(summary), as_printed(summary)) if part)


def target_way(summary: Summary) -> str:
    """Table 3, a user scored by the target's way alone."""
    return _nine_ways(
        [(entry.system, entry.ood) for entry in summary if entry.ood is not None],
        "## Table 3: 9-way 1-shot\n\nOne customer of the target and one member of each of eight source "
        "ways. A user's score is that of the target's way alone. Intervals of a target are over support "
        "draws (narrow: they share their test users), of *all* over targets and folds.",
    )


def as_printed(summary: Summary) -> str:
    """Table 3, nine ways against each other; with the accuracy, where it was measured."""
    printed = [(entry.system, entry.ood_as_printed) for entry in summary if entry.ood_as_printed is not None]
    measured = any(nine.accuracy is not None for _, nine in printed)
    accuracy = (
        " *Accuracy*: of a way's members among the test users (of the target's, the newcomers) the share "
        f"whose likeliest way it is, mean over the nine ways; chance is 1/{WAYS} = {number(1 / WAYS)}, and "
        "whoever belongs to several ways counts in each, so that 1 cannot be reached."
    )
    return _nine_ways(
        printed,
        "## Table 3 as printed: nine ways against each other\n\nEach of the nine users is the support of "
        "its own way, and a softmax over the nine says to which a user belongs. AUPR and AUROC rank "
        f"newcomers by the probability of the target's way.{accuracy * measured} How active a user is "
        "cancels, so that a system that reads no support stands at .5"
        f"{' and at chance' * measured}. Fewer draws than above.",
        ("accuracy", *AREAS) if measured else AREAS,
    )


def _nine_ways(entries: Sequence[tuple[str, NineWay]], title: str, figures: tuple[str, ...] = AREAS) -> str:
    if not entries:
        return ""
    shown = [(name, nine) for name, nine in entries if name in (BASELINE, *FAMILY)] or entries
    by_target = zip(*(nine.by_target for _, nine in shown), strict=False)
    rows = [
        [line.target, name, *_differences(line, figures)]
        for lines in by_target
        for (name, _), line in zip(shown, lines, strict=True)
    ]
    rows += [["**all**", name, *_differences(nine, figures)] for name, nine in entries]
    labels = (text for name in figures for text in (FIGURES[name].label, "difference", "growth"))
    remark = _remark([nine for _, nine in entries])
    if "accuracy" in figures:
        remark += _accuracy_remark([nine for _, nine in entries])
    return f"{title}{remark}\n\n{markdown(('target', 'system', *labels), rows)}"


def _differences(line: NineWay | TargetFigures, figures: Iterable[str]) -> Iterable[str]:
    for figure in figures:
        yield figure_text(line, figure)
        difference = line.value(f"difference_{figure}")
        yield "" if difference is None else signed(difference)
        over_chance = line.accuracy_over_chance if figure == "accuracy" else line.over_chance
        yield _growth(line.value(f"growth_{figure}"), over_chance)


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


def _accuracy_remark(points: Sequence[NineWay]) -> str:
    """Why growth rates of accuracy are missing, where they are."""
    if all(point.accuracy_over_chance is not False for point in points):
        return ""
    return (
        f" No growth of accuracy is quoted: that of `{BASELINE}`, or the lower end of its interval, is not "
        f"above 1/{WAYS}."
    )


def _wins(wins: int | None, point: LabelPoint) -> str:
    return "" if wins is None else f"{wins} of {point.of_targets}"
