"""Figures of the asset pages and MLflow runs, as PNG bytes; Dagster shows them embedded in Markdown.

Curves by hour of the day are drawn by `assets.common.curves_svg`, for a hundredth of the time."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES = (7.0, 3.2)
DPI = 80  #: a figure weighs some 20 KB, and an asset's page carries one a partition


def curves(series: Mapping[str, Sequence[float]], title: str, y_label: str, x_label: str = "step") -> bytes:
    """One line a series, over its positions: loss curves, gate weights by hour."""

    def draw(axes: Axes) -> None:
        for name, values in series.items():
            axes.plot(range(len(values)), values, lw=1.2, label=name)
        axes.set(xlabel=x_label, ylabel=y_label)
        if series:
            axes.legend(fontsize=8)

    return _figure(draw, title)


def bars(counts: Mapping[str, float], title: str, x_label: str) -> bytes:
    """One horizontal bar a name, the longest on top."""

    def draw(axes: Axes) -> None:
        names = sorted(counts, key=lambda name: counts[name])
        axes.barh(names, [counts[name] for name in names])
        axes.set(xlabel=x_label)
        axes.tick_params(axis="y", labelsize=8)

    return _figure(draw, title, margin=0.3)


def embedded(png: bytes) -> dg.MarkdownMetadataValue:
    """The figure as metadata that an asset's page shows."""
    return dg.MetadataValue.md(f"![figure](data:image/png;base64,{base64.b64encode(png).decode()})")


def _figure(draw: Callable[[Axes], None], title: str, margin: float = 0.1) -> bytes:
    """Draw without pyplot: it keeps figures in a global list, and chooses a window system."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES)
    FigureCanvasAgg(figure)
    # Fixed margins: a layout engine draws everything several times.
    figure.subplots_adjust(left=margin, right=0.98, bottom=0.15, top=0.9)
    axes = figure.add_subplot()
    draw(axes)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    return out.getvalue()
