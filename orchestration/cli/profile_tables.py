"""Tables of a profile evaluation as the command line prints them: within 120 columns, with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box

from orchestration.cli.tables import new_table, or_dash

if TYPE_CHECKING:
    from rich.table import Table

    from assets.experiments.profilers.figured import Difference, Figured
    from assets.experiments.profilers.results import ProfileResult, ProfilerSummary

SHOTS: tuple[int | None, ...] = (1, None)  #: customers given, of the tables on the screen; None: all
HEADLINE = ("auroc", "aupr", "within_quintiles", "top_lift")
TESTED = ("auroc", "aupr")
SHORT = {"within_quintiles": "in quintiles"}  #: where a figure's own label is too wide


def profile_tables(result: ProfileResult, made: str) -> Iterator[Table]:
    """The table of brands and the paired tests at K = 1 and all; the studies' headline and gains."""
    from assets.experiments.profilers.modality_names import EVERY, PURCHASES
    from assets.experiments.profilers.paired import OURS

    protocol = result.protocol
    title = f"{made}, as of {protocol.as_of}, newcomers of {protocol.horizon_days} days"
    for shots in SHOTS:
        given = "all customers given" if shots is None else f"K = {shots}"
        points = [(entry.system, point) for entry in result.summary if (point := entry.at(shots))]
        if points:
            table = _figures(f"{title}: {given}", points)
            first = points[0][1]
            table.caption = (
                f"mean [95 %] over {first.targets} brands and the folds; {_rate(first)}; top lift: of the "
                f"{protocol.top} test users"
            )
            yield table
    for shots in SHOTS:
        given = "all customers given" if shots is None else f"K = {shots}"
        lines = [
            (entry.system, line) for entry in result.summary for line in entry.against if line.shots == shots
        ]
        ours = [(line.system, line) for name, line in lines if name == OURS]
        if ours:
            yield _differences(f"{OURS} less each other system, {given}", ours)
        for reference, what in ((PURCHASES, "each modality"), (EVERY, "one modality left out")):
            against = [(name, line) for name, line in lines if name != OURS and line.system == reference]
            if against:
                yield _differences(f"{what} less {reference}, {given}", against)
    studied = [(e.system, e.budgets["all"]) for e in result.summary if not e.brands and "all" in e.budgets]
    if studied:
        yield _figures(f"{title}: all labels", studied)
    gains = _gains(result.summary)
    if gains.row_count:
        yield gains


def _figures(title: str, points: Sequence[tuple[str, Figured]]) -> Table:
    from models.metrics import FIGURES

    table = _open(title, "system", *(SHORT.get(name, FIGURES[name].label) for name in HEADLINE))
    for system, point in points:
        table.add_row(system, *(_ranged(point, figure, FIGURES[figure].digits) for figure in HEADLINE))
    return table


def _differences(title: str, lines: Sequence[tuple[str, Difference]]) -> Table:
    """Difference [95 %], raw p, Holm's p and wins of both areas."""
    from models.metrics import FIGURES

    labels = (text for figure in TESTED for text in (FIGURES[figure].label, "p", "Holm", "wins"))
    table = _open(title, "system", *labels)
    for name, line in lines:
        cells: list[str] = []
        for figure in TESTED:
            cells += [_ranged(line, figure, 4, "+"), *map(_bare, (line.p(figure), line.p_holm(figure)))]
            cells.append(or_dash(line.wins(figure), "d"))
        table.add_row(name, *cells)
    brands = max(line.of_targets or 0 for _, line in lines)
    table.caption = (
        "difference [95 %], paired by brand and fold; p: bootstrap over brands and folds, two-sided; Holm: "
        f"corrected over these {len(lines)}; wins: brands ahead, of {brands}"
    )
    return table


def _gains(summary: Sequence[ProfilerSummary]) -> Table:
    columns = ("system", "labels", "number", "AUPR", "AUROC", "wins AUPR", "wins AUROC", "p")
    table = _open("over normal training, by number of labels", *columns)
    table.caption = "–: normal training is no better than chance there, and no growth over it is quoted"
    for entry in summary:
        for budget, gain in entry.budgets.items():
            if gain.p is not None:
                table.add_row(
                    entry.system,
                    budget.replace("_", " "),
                    f"{gain.labels:.0f}",
                    *(or_dash(growth, "+.1%") for growth in (gain.growth_aupr, gain.growth_auroc)),
                    *(f"{wins}/{gain.of_targets}" for wins in (gain.wins_aupr, gain.wins_auroc)),
                    f"{gain.p:.4f}",
                )
    return table


def _open(title: str, *headings: str) -> Table:
    """Without lines between columns, so that intervals fit the page."""
    table = new_table(title, *headings)
    table.box, table.show_edge, table.pad_edge = box.SIMPLE, False, False
    table.caption_justify = "left"
    return table


def _ranged(of: Figured, figure: str, digits: int, sign: str = "") -> str:
    """`.6950 [.678, .712]`: the ends with a digit less, for a page has 120 columns."""
    ends, form = of.ends(figure), f"{sign}.{max(digits - 1, 2)}f"
    text = _bare(of.value(figure), f"{sign}.{digits}f")
    return text if ends is None else f"{text} [{_bare(ends[0], form)}, {_bare(ends[1], form)}]"


def _rate(point: Figured) -> str:
    return f"base rate {_bare(point.value('base_rate'))}"


def _bare(value: float | None, form: str = ".4f") -> str:
    """Without the zero before the point, as probabilities are written."""
    text = or_dash(value, form)
    return text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else text
