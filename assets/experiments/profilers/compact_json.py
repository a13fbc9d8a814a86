"""A profile evaluation's JSON small enough for a repository, and back: all that page and pictures need.

Left out, and said in the file: the rows by seed and support draw, and every setting of every system (a
digest of them stays). Of the table of brands each system's figures by brand and fold stay, at K = 1 and all
customers, averaged over seeds, with five digits: whoever doubts an interval or a test can do it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assets.experiments.comparison.compact_json import digest_of, lists, rounded, text_of
from assets.experiments.profilers.paired import FIGURES
from assets.experiments.profilers.results import ProfileResult
from assets.experiments.profilers.rows import axes_of, rows_with, table
from assets.experiments.profilers.summary import summary

SHOTS: tuple[int | None, ...] = (1, None)  #: support sizes whose figures by brand and fold stay
FORM = "by_brand_and_fold"  #: a key that only the small form has
LEFT_OUT = (
    "rows by seed and support draw; settings of the systems (their digest stays); figures by brand and fold "
    "at other K than 1 and all, and of the studies"
)


def compact(result: ProfileResult) -> dict[str, Any]:
    """The small form."""
    document = {key: value for key, value in result.document().items() if key != "rows"}
    settings = result.settings.model_dump(mode="json", exclude={"of"})
    settings["of_digest"] = digest_of(result.settings.of)
    small: dict[str, Any] = rounded(document | {"settings": settings})
    return small | {"left_out": LEFT_OUT, FORM: _by_brand_and_fold(result)}


def read(document: Mapping[str, Any]) -> ProfileResult:
    """An evaluation from the JSON of either form; the small one has no rows, rows are summed up anew."""
    if FORM in document:
        return ProfileResult.model_validate({"rows": (), **document})
    stored = ProfileResult.model_validate(
        {**document, "summary": ()}
    )  # an earlier version's may lack figures
    return stored.model_copy(update={"summary": summary(stored.rows, stored.settings.systems)})


def dumped(document: Mapping[str, Any]) -> str:
    """The small form as text; a small one stays as it is."""
    small = document if FORM in document else compact(read(document))
    return text_of(small) + "\n"


def _by_brand_and_fold(result: ProfileResult) -> dict[str, Any]:
    """System → K → figure → a list a brand (in the order of `protocol.targets`), a value a fold."""
    of_brands = rows_with(result.rows, study="brands")
    folds = axes_of(of_brands)[1]
    axes = list(result.protocol.targets), folds
    of_brands_table: dict[str, Any] = {}
    for system in result.settings.systems:
        own = rows_with(of_brands, system=system)
        for shots in SHOTS:
            alike = rows_with(own, shots=shots)
            if alike:
                name = "all" if shots is None else str(shots)
                figures = {figure: lists(table(alike, figure, axes)) for figure in FIGURES}
                of_brands_table.setdefault(system, {})[name] = figures
    return of_brands_table
