"""The picture of a user's year: one panel a channel, days across, hours of the local day upwards."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.profiling.data import DAYS, HOURS, SparseHeatmaps
from warehouse.landing.local_time import LocalZone

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

MOST_PANELS = 12
WIDTH, PANEL_HEIGHT = 9.0, 0.72  #: inches
DPI = 100  #: a page's picture weighs some 60 KB
INK, PAPER = "#22303c", "#f5f7f8"


def heatmap_figure(
    heatmaps: Sequence[SparseHeatmaps], user_id: str, as_of: str, *, simulated: bool
) -> Figure:
    """One user's heatmaps, a modality each: channels with cells, those of the largest amounts first.

    At most `MOST_PANELS` channels are drawn, no modality less than its even share. Colour is the cell's value
    on a log scale of its own for each modality. Values of zero or less are drawn as the smallest.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels, left_out = _panels(heatmaps)
    rows = max(len(panels), 1)
    height = 0.75 + PANEL_HEIGHT * rows + 0.45
    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    # Fixed margins, in inches: a layout engine draws everything several times.
    figure.subplots_adjust(left=0.06, right=0.9, bottom=0.45 / height, top=1 - 0.75 / height, hspace=0.42)
    axes = figure.subplots(rows, 1, squeeze=False, sharex=True)[:, 0]
    first_day = LocalZone.day(as_of) - DAYS
    last = LocalZone.key(LocalZone.day(as_of) - 1)
    title = f"user {user_id}, {LocalZone.key(first_day)} to {last}, local time"
    figure.suptitle(title + (" (simulated)" if simulated else ""), fontsize=11, color=INK)
    if left_out:
        figure.text(0.98, 0.06 / height, f"{left_out} smaller channels not shown", fontsize=7, ha="right")
    scales = {heat.modality: _scale(heat) for heat in heatmaps}
    for panel in axes:
        _frame(panel, lowest=panel is axes[-1])
    for panel, (heat, channel) in zip(axes, panels, strict=False):
        _panel(panel, heat, channel, scales[heat.modality])
    _months(axes[-1], first_day)
    if not panels:
        axes[0].text(DAYS / 2, HOURS / 2, "nothing in this year", ha="center", va="center")
    for heat in heatmaps:
        own = [panel for panel, (one, _) in zip(axes, panels, strict=False) if one is heat]
        if own:
            _key(figure, own, heat.modality, scales[heat.modality])
    return figure


def heatmap_picture(
    heatmaps: Sequence[SparseHeatmaps], user_id: str, as_of: str, *, simulated: bool
) -> bytes:
    """`heatmap_figure` as PNG."""
    out = io.BytesIO()
    heatmap_figure(heatmaps, user_id, as_of, simulated=simulated).savefig(out, format="png", dpi=DPI)
    return out.getvalue()


def _panels(heatmaps: Sequence[SparseHeatmaps]) -> tuple[list[tuple[SparseHeatmaps, int]], int]:
    """The channels to draw, modality by modality and largest first, and how many are left out."""
    ordered = []
    for heat in heatmaps:
        total = np.bincount(heat.channel, weights=heat.value, minlength=len(heat.channels))
        used = np.bincount(heat.channel, minlength=len(heat.channels)) > 0
        ordered.append([c for c in np.argsort(-total, kind="stable").tolist() if used[c]])
    remaining, counts = MOST_PANELS, [0] * len(ordered)
    while remaining and any(count < len(channels) for count, channels in zip(counts, ordered, strict=True)):
        for number, channels in enumerate(ordered):
            if remaining and counts[number] < len(channels):
                counts[number] += 1
                remaining -= 1
    panels = [
        (heat, channel)
        for heat, channels, count in zip(heatmaps, ordered, counts, strict=True)
        for channel in channels[:count]
    ]
    return panels, sum(map(len, ordered)) - len(panels)


def _scale(heat: SparseHeatmaps) -> Normalize:
    from matplotlib.colors import LogNorm

    positive = heat.value[heat.value > 0]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 1.0)
    return LogNorm(low, high if high > low else 10 * low, clip=True)


def _panel(axes: Axes, heat: SparseHeatmaps, channel: int, scale: Normalize) -> None:
    cells = np.flatnonzero(heat.channel == channel)
    cells = cells[np.argsort(heat.value[cells], kind="stable")]  # the largest on top
    # A cell to scale would be two pixels: marks are larger than their hour, and may touch their neighbours.
    axes.scatter(
        heat.day[cells] + 0.5,
        heat.hour[cells] + 0.5,
        c=np.maximum(heat.value[cells], scale.vmin or 1.0),
        norm=scale,
        cmap=_colours(),
        marker="s",
        s=9,
        linewidths=0,
        zorder=2,
    )
    total = float(heat.value[cells].sum())
    axes.set_title(heat.channels[channel], loc="left", fontsize=8, pad=2, color=INK)
    axes.set_title(f"{total:,.2f}".removesuffix(".00"), loc="right", fontsize=8, pad=2, color=INK)


def _frame(axes: Axes, lowest: bool) -> None:
    axes.set(
        facecolor=PAPER,
        ylim=(0, HOURS),
        yticks=(0, 6, 12, 18, 24),
        yticklabels=("0 h", "", "12 h", "", "24 h"),
    )
    axes.tick_params(labelsize=7, length=0, colors=INK, labelbottom=lowest)
    axes.grid(color="white", lw=1)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _colours() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("amount", ["#86cbb0", "#0b6e4f", "#0b2239"])


def _months(axes: Axes, first_day: int) -> None:
    """The first of every month under the lowest panel, with its year at the edges and in January."""
    from datetime import date

    starts = [day for day in range(DAYS) if LocalZone.key(first_day + day).endswith("-01")]
    names = []
    for number, start in enumerate(starts):
        first = date.fromisoformat(LocalZone.key(first_day + start))
        names.append(first.strftime("%b\n%Y" if number == 0 or first.month == 1 else "%b"))
    axes.set_xlim(0, DAYS)
    axes.set_xticks(starts, names, fontsize=8)


def _key(figure: Figure, panels: Sequence[Axes], name: str, scale: Normalize) -> None:
    """The colours of a modality, beside its panels."""
    from matplotlib.cm import ScalarMappable

    top, bottom = panels[0].get_position().y1, panels[-1].get_position().y0
    beside = figure.add_axes((0.915, bottom, 0.012, top - bottom))
    figure.colorbar(ScalarMappable(scale, _colours()), cax=beside)
    beside.set_ylabel(f"{name}, an hour", fontsize=7, color=INK)
    beside.tick_params(labelsize=7, which="both", length=2, colors=INK)
