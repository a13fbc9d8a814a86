"""The table of brands as paragraphs: every system, the paired tests, and what each modality adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assets.experiments.number_format import markdown, number, p_value, ranged
from assets.experiments.profilers.figured import Difference, Figured
from assets.experiments.profilers.modality_names import EVERY, MODALITIES, PURCHASES
from assets.experiments.profilers.paired import OURS
from assets.experiments.profilers.results import ProfilerSummary
from assets.experiments.profilers.verdicts import verdicts
from models.metrics import FIGURES

SHOWN = ("auroc", "aupr", "within_quintiles", "top_lift")
TESTED = ("auroc", "aupr")
SHOTS: tuple[int | None, ...] = (1, None)  #: customers given, of the tables that are shown; None: all
Summary = Sequence[ProfilerSummary]


def brands(summary: Summary, top: str) -> str:
    """Every system with one customer and with all, customers only."""
    rows = [
        [
            entry.system,
            _shots(shots),
            f"{point.customers:.0f}",
            *(figure_text(point, figure) for figure in SHOWN),
            number(point.auroc_fold_spread),
            number(point.base_rate),
        ]
        for shots in SHOTS
        for entry in summary
        if (point := entry.at(shots)) is not None
    ]
    if not rows:
        return ""
    count = max(point.targets for entry in summary for point in entry.brands)
    columns = ("system", "K", "customers", *(FIGURES[name].label for name in SHOWN), "± folds", "base rate")
    return (
        f"## {count} brands, as in use\n\nK customers are given and nothing else; `normal_training` takes "
        f"the other train users as non-customers. *Top lift*: share of newcomers among the {top} test users, "
        "over the base rate. *± folds*: deviation of AUROC over the folds. K = 5 and 20 are in the JSON.\n\n"
        + markdown(columns, rows)
    )


def against(summary: Summary) -> str:
    """The main system less every other one, paired; and what the tests say."""
    lines = [
        (line.system, line)
        for shots in SHOTS
        for entry in summary
        if entry.system == OURS
        for line in entry.against
        if line.shots == shots
    ]
    if not lines:
        return ""
    said = "\n".join(f"- {sentence}" for sentence in verdicts(summary, SHOTS))
    return (
        f"## `{OURS}` less each other system\n\nPaired by brand and fold, in the table of brands. p: "
        "two-sided, bootstrap over brands and folds; *Holm*: corrected over the systems of one figure and K; "
        f"*wins*: brands ahead in the mean over folds.\n\n{said}\n\n" + _differences_table("less", lines)
    )


def modalities(summary: Summary) -> str:
    """What each modality adds: figures of each of its systems, and the difference to purchases alone."""
    group = [entry for entry in summary if entry.system.startswith(MODALITIES)]
    rows = [
        [
            _modality(entry.system),
            _shots(shots),
            *(figure_text(point, figure) for figure in SHOWN),
            number(point.base_rate),
        ]
        for shots in SHOTS
        for entry in group
        if (point := entry.at(shots)) is not None
    ]
    if not rows:
        return ""
    columns = ("modalities", "K", *(FIGURES[name].label for name in SHOWN), "base rate")
    parts = [
        f"## What each modality adds\n\n`{OURS}` with none (the prior of activity alone), with all, with "
        "one alone and with all but one, in the table of brands.\n\n" + markdown(columns, rows),
        *_against_references(group),
    ]
    return "\n\n".join(parts)


def _against_references(group: Summary) -> Iterator[str]:
    """What a modality adds to purchases, and what its absence takes from all, where either was asked."""
    titles = {PURCHASES: "Difference to purchases alone", EVERY: "One left out: difference to all together"}
    for reference, title in titles.items():
        lines = [
            (_modality(entry.system), line)
            for shots in SHOTS
            for entry in group
            for line in entry.against
            if line.shots == shots and line.system == reference
        ]
        if lines:
            yield (
                f"{title}, paired by brand and fold; *Holm*: over these systems.\n\n"
                + _differences_table("modalities", lines)
            )


def _modality(system: str) -> str:
    return system.removeprefix(MODALITIES).replace("_", " ")


def _differences_table(first: str, lines: Sequence[tuple[str, Difference]]) -> str:
    rows = [
        [
            name,
            _shots(line.shots),
            *(
                cell
                for figure in TESTED
                for cell in (
                    _difference(line, figure),
                    p_value(line.p(figure)),
                    p_value(line.p_holm(figure)),
                    f"{line.wins(figure)} of {line.of_targets}",
                )
            ),
        ]
        for name, line in lines
    ]
    columns = [text for figure in TESTED for text in (FIGURES[figure].label, "p", "Holm", "wins")]
    return markdown((first, "K", *columns), rows)


def _difference(line: Difference, figure: str) -> str:
    value, ends = line.value(figure), line.ends(figure)
    return "" if value is None else ranged(value, *(ends or (None, None)))


def _shots(shots: int | None) -> str:
    return "all" if shots is None else str(shots)


def figure_text(of: Figured, figure: str) -> str:
    """`.6950 [.6784, .7122]`, with the figure's own digits."""
    value, ends, digits = of.value(figure), of.ends(figure), FIGURES[figure].digits
    if digits != 4:
        texts = ["–" if one is None else f"{one:.{digits}f}" for one in (value, *(ends or ()))]
    else:
        texts = [number(one) for one in (value, *(ends or ()))]
    return texts[0] + (f" [{texts[1]}, {texts[2]}]" if ends else "")
