"""What the page of a day's instances shows: a table of fields, a picture of some of them, and a check."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from models.ranking.features.codes import Codes, FieldSpec

PANELS, COLUMNS, DPI = 12, 4, 80
MOST_CODES = 40  #: of an open field, commonest first, in a picture


@dataclass(frozen=True)
class FieldSummary:
    """How often each code of a field stands among a day's instances."""

    name: str
    kind: str
    bins: int  #: 0 for an open field
    codes: np.ndarray  #: int64 [n], ascending
    times: np.ndarray  #: int64 [n]

    @property
    def missing(self) -> int:
        """Instances without a value."""
        return int(self.times[self.codes < 0].sum())

    @property
    def outside(self) -> int:
        """Instances whose code the field cannot have."""
        wrong = self.codes < (0 if self.bins else -1)
        if self.bins:
            wrong |= self.codes >= self.bins
        return int(self.times[wrong].sum())


class FieldCounts:
    """Counts of every field's codes, chunk by chunk."""

    def __init__(self, specs: Sequence[FieldSpec]) -> None:
        self._specs = specs
        self._times = [np.zeros(0, np.int64) for _ in specs]
        self.rows = 0

    def add(self, codes: Codes) -> None:
        """Take in the codes of some instances."""
        self.rows += len(codes)
        for number, column in enumerate(codes.columns):
            counted = np.bincount(column.astype(np.int64) + 1)
            known = self._times[number]
            longer, shorter = (counted, known) if len(counted) > len(known) else (known, counted)
            longer = longer.copy()
            longer[: len(shorter)] += shorter
            self._times[number] = longer

    def summaries(self) -> list[FieldSummary]:
        """One a field, in their order."""
        out = []
        for spec, times in zip(self._specs, self._times, strict=True):
            at = np.flatnonzero(times)
            out.append(FieldSummary(spec.name, spec.kind, spec.bins, at - 1, times[at]))
        return out


def fields_table(summaries: Iterable[FieldSummary], rows: int) -> str:
    """Markdown: kind, distinct codes, share without a value and the commonest code of every field."""
    lines = ["| field | kind | distinct | missing | commonest code |", "|---|---|---|---|---|"]
    for field in summaries:
        kind = f"{field.bins} bins" if field.bins else field.kind.replace("_", " ")
        most = int(np.argmax(field.times)) if len(field.times) else None
        common = "–" if most is None else f"{field.codes[most]} ({field.times[most] / max(rows, 1):.1%})"
        missing = f"{field.missing / max(rows, 1):.1%}"
        lines.append(f"| `{field.name}` | {kind} | {len(field.codes):,} | {missing} | {common} |")
    return "\n".join(lines)


def sample_of(summaries: Sequence[FieldSummary], most: int = PANELS) -> list[FieldSummary]:
    """Fields to draw, evenly spread over all of them but the IDs, the first and the last among them."""
    shown = [field for field in summaries if not field.kind.endswith("_id")]
    at = np.unique(np.linspace(0, len(shown) - 1, min(most, len(shown))).round().astype(int))
    return [shown[number] for number in at]


def histograms(summaries: Sequence[FieldSummary], title: str) -> bytes:
    """A panel a field, PNG: how often each bin, or each of the commonest codes, occurs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = max(1, math.ceil(len(summaries) / COLUMNS))
    figure = Figure(figsize=(2.4 * COLUMNS, 1.5 * height + 0.4))
    FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.05, right=0.99, bottom=0.08, top=0.85, hspace=0.7, wspace=0.3)
    for number, field in enumerate(summaries):
        _panel(figure.add_subplot(height, COLUMNS, number + 1), field)
    figure.suptitle(title, fontsize=10)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    return out.getvalue()


def _panel(axes: Axes, field: FieldSummary) -> None:
    if field.bins:
        axes.bar(field.codes, field.times, width=0.9)
        axes.set_xlim(-0.6, field.bins - 0.4)
    else:
        commonest = np.sort(field.times)[::-1][:MOST_CODES]
        axes.bar(range(len(commonest)), commonest, width=0.9)
    axes.set_title(field.name, fontsize=7)
    axes.tick_params(labelsize=6)
