"""One system less another in the table of brands, paired by brand and fold, corrected over its family.

The main system is set against every other. Of the study of modalities, the systems that leave one out are set
against the one with all where it was run, the others against the one that has purchases alone. A family is
one figure at one support size against one system: Holm's rule is over the others of it. Differences are
tested by a bootstrap over brands and folds, both drawn with replacement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.figured import Difference
from assets.experiments.profilers.modality_names import EVERY, MODALITIES, PURCHASES, WITHOUT
from assets.experiments.profilers.rows import ProfileRow, axes_of, rows_with, table
from models.metrics import holm
from models.metrics.growth import mean_interval, wins

OURS = "meta_profile_prior"  #: set against every other system
FIGURES = ("aupr", "auroc", "within_quintiles", "top_lift")


def paired(rows: Sequence[ProfileRow]) -> dict[str, tuple[Difference, ...]]:
    """System → its differences; only the main system and those of the study of modalities have some."""
    of_system: dict[str, list[ProfileRow]] = {}
    for row in rows_with(rows, study="brands"):
        of_system.setdefault(row.system, []).append(row)
    group = [name for name in of_system if name.startswith(MODALITIES)]
    without = [name for name in group if name.startswith(WITHOUT) and EVERY in group]
    families = {
        PURCHASES: [name for name in group if name != PURCHASES and name not in without],
        EVERY: without,
    }
    differences: dict[str, list[Difference]] = {}
    for shots in protocol.SUPPORTS:
        if OURS in of_system:
            others = [name for name in of_system if name != OURS and not name.startswith(MODALITIES)]
            family = [difference(of_system[OURS], of_system[name], shots) for name in others]
            differences.setdefault(OURS, []).extend(corrected([line for line in family if line]))
        for reference, members in families.items():
            if reference not in of_system:
                continue
            family = [difference(of_system[name], of_system[reference], shots) for name in members]
            named = [(name, line) for name, line in zip(members, family, strict=True) if line]
            lines = corrected([line for _, line in named])
            for (name, _), line in zip(named, lines, strict=True):
                differences.setdefault(name, []).append(line)
    return {name: tuple(lines) for name, lines in differences.items()}


def difference(
    ours: Sequence[ProfileRow], theirs: Sequence[ProfileRow], shots: int | None
) -> Difference | None:
    """Each figure of `ours` less that of `theirs` at a support size; None where either was not asked."""
    ours, theirs = rows_with(ours, shots=shots), rows_with(theirs, shots=shots)
    shared = {row.target for row in ours} & {row.target for row in theirs}
    if not shared:
        return None
    ours, theirs = ([row for row in side if row.target in shared] for side in (ours, theirs))
    axes = axes_of(theirs)
    fields: dict[str, Any] = {"of_targets": len(axes[0])}
    for figure in FIGURES:
        tables = table(ours, figure, axes), table(theirs, figure, axes)
        interval = mean_interval(tables[0] - tables[1])
        fields |= {figure: interval.mean, f"{figure}_interval": interval.ends, f"{figure}_p": interval.p}
        fields[f"{figure}_wins"] = wins(*tables)
    return Difference(system=theirs[0].system, shots=shots, **fields)


def corrected(family: Sequence[Difference]) -> list[Difference]:
    """The differences of a family with Holm's p beside the raw one."""
    changes: list[dict[str, float]] = [{} for _ in family]
    for figure in FIGURES:
        known = [(position, p) for position, line in enumerate(family) if (p := line.p(figure)) is not None]
        adjusted = holm(np.array([p for _, p in known])) if known else ()
        for (position, _), p in zip(known, adjusted, strict=True):
            changes[position][f"{figure}_p_holm"] = float(p)
    return [line.model_copy(update=change) for line, change in zip(family, changes, strict=True)]
