"""Paragraphs of the page of a comparison that say what each system is made of, and what that is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.experiments.comparison.held_parts import ablations_among, parts_of
from assets.experiments.comparison.report_tests import interval
from assets.experiments.comparison.results import Comparison
from assets.experiments.number_format import markdown, number, p_value

if TYPE_CHECKING:
    from models.ranking.training.system import SystemSettings


def held(result: Comparison) -> str:
    """Which parts of the paper each system holds, and the measured worth of those that some system lacks."""
    from models.ranking.paper_parts import PARTS

    today = {} if result.held else _of_registry(result)
    of_system = {entry.system: entry.parts for entry in result.held or parts_of(today)}
    order = [name for name in result.ranked() if name in of_system]
    if not order:
        return ""
    paper = [name for name, part in PARTS.items() if part.of_paper]
    columns = [PARTS[name].label + " (ours)" * (name not in paper) for name in PARTS]
    rows = [
        [name, number(result.systems[name].auc), *(of_system[name].get(part, "") for part in PARTS)]
        for name in order
    ]
    said = (
        f"Parts of the paper: {', '.join(PARTS[name].label for name in paper)}. *yes*: as in the paper; "
        "*ours*: in another form; empty: not in it. Read from the settings"
    )
    said += " of today's registry; this result is from before it held them." if today else "."
    return f"{said}\n\n{markdown(['system', 'AUC', *columns], rows)}\n\n{_worth(result)}"


def _worth(result: Comparison) -> str:
    """What each part is worth: systems that differ in nothing else."""
    from models.ranking.paper_parts import PARTS

    rows = []
    for entry in result.ablated if result.held else ablations_among(_of_registry(result)):
        test = result.between(entry.whole, entry.less)
        if test is not None:
            gone = " and ".join(PARTS[name].label if name in PARTS else f"`{name}`" for name in entry.parts)
            rows.append([gone, entry.whole, entry.less, interval(test), p_value(test.p_holm)])
    if not rows:
        return "What the parts are worth is not known here: no two of these systems differ in parts alone."
    columns = ("worth of", "in", "against", "AUC [95 %]", "p, Holm")
    return f"What they are worth: pairs of systems that differ in nothing else.\n\n{markdown(columns, rows)}"


def _of_registry(result: Comparison) -> dict[str, SystemSettings]:
    """Today's settings of a result's systems, for results that do not hold their parts."""
    from models.ranking.registry import SYSTEMS

    size = result.settings.size
    return {name: getattr(SYSTEMS[name], size) for name in result.systems if name in SYSTEMS}
