"""What the figures of the studies share: colours, names that do not overlap, one frame with a caption."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from assets.experiments.comparison.roles import FAMILY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, DPI = 8.0, 4.8, 110  #: inches, inches, dots an inch
#: Of systems that most figures highlight; `COLOURS` go to the others, by whether they are of the family.
FIXED = {"lsttm": "#2f6fb3", "lsttm_printed": "#c98a1b", "lightgbm": "#7a4fa3", "din_typed": "#2b9eb3"}
COLOURS = {True: ("#0b6e4f", "#5b6b1f", "#83b09f"), False: ("#b3442e", "#8c5a2b", "#d08770")}
PALETTE = 96  #: colours of a PNG; a third of the bytes, and no eye sees it
QUIET, TRUTH = "#b4b8bc", "#333333"


def colours(highlights: Sequence[str]) -> dict[str, str]:
    """One colour a highlighted system, the same in every figure where it can be; others are `QUIET`."""
    free = {ours: iter(tints) for ours, tints in COLOURS.items()}
    return {
        name: FIXED[name] if name in FIXED else next(free[name.startswith(FAMILY)], QUIET)
        for name in highlights
    }


def spread(values: Sequence[float], gap: float, low: float = -np.inf, high: float = np.inf) -> np.ndarray:
    """The positions nearest to `values` (least squares), in their order and at least `gap` apart.

    Isotonic regression of the values less their rank times the gap: blocks that would overlap are pooled.
    All stay between `low` and `high` where there is room for them; else the first stands at `low`.
    """
    order = np.argsort(values, kind="stable")
    reduced = np.asarray(values, dtype=np.float64)[order] - gap * np.arange(len(order))
    blocks: list[tuple[float, int]] = []
    for value in reduced:
        blocks.append((float(value), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (upper, many), (lower, few) = blocks.pop(), blocks.pop()
            blocks.append(((upper * many + lower * few) / (many + few), many + few))
    placed = np.concatenate([np.full(count, value) for value, count in blocks]) if blocks else reduced
    placed = np.clip(placed, low, max(low, high - gap * (len(order) - 1)))
    out = np.empty(len(order))
    out[order] = placed + gap * np.arange(len(order))
    return out


def lines(
    axes: Axes,
    x: np.ndarray,
    series: dict[str, tuple[np.ndarray, np.ndarray]],
    chosen: dict[str, str],
    names: bool = True,
) -> None:
    """One line a system with its name at its end; a band only for those in colour.

    Args:
        axes: where to draw.
        x: [K].
        series: system → mean and half-width of its band, each [K], NaN where there is none.
        chosen: system → colour of those to be seen first.
        names: whether names stand at the right edge.
    """
    for system, (mean, error) in sorted(series.items(), key=lambda entry: entry[0] in chosen):
        colour = chosen.get(system, QUIET)
        axes.plot(x, mean, color=colour, lw=1.8 if system in chosen else 0.9, zorder=2 + (system in chosen))
        if system in chosen:
            axes.fill_between(x, mean - error, mean + error, color=colour, alpha=0.12, lw=0)
    if names:
        _names(axes, {system: mean for system, (mean, _) in series.items()}, x, chosen)


def _names(axes: Axes, means: dict[str, np.ndarray], x: np.ndarray, chosen: dict[str, str]) -> None:
    """Names beside the ends of their lines, moved apart and tied to them by a thin line."""
    ends = {}
    for system, mean in means.items():
        known = np.flatnonzero(~np.isnan(mean))
        if len(known):
            ends[system] = (x[known[-1]], mean[known[-1]])
    low, high = axes.get_ylim()
    heights = spread([y for _, y in ends.values()], (high - low) / 26, low, high)
    right, width = x[-1], x[-1] - x[0]
    for (system, (end, y)), height in zip(ends.items(), heights, strict=True):
        colour = chosen.get(system, QUIET)
        tie = [end, right + 0.03 * width], [y, height]
        axes.plot(*tie, color=colour, lw=0.5, clip_on=False, zorder=1, scalex=False, scaley=False)
        axes.annotate(
            system,
            (right + 0.035 * width, height),
            color=chosen.get(system, "#7d8287"),
            fontsize=7,
            fontweight="bold" if system in chosen else "normal",
            va="center",
            annotation_clip=False,
        )
    axes.set_ylim(low, high)


def figure(
    draw: Callable[[list[Axes]], None],
    title: str,
    caption: str,
    panels: int = 1,
    height: float = HEIGHT,
    right: float = 0.98,
    left: float = 0.09,
) -> bytes:
    """A PNG with a title above and a caption below; without pyplot, which keeps figures in a global list."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    made = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(made)
    inch = 1 / height
    made.subplots_adjust(
        left=left, right=right, bottom=0.8 * inch, top=1 - 0.4 * inch, wspace=0.2 if panels > 1 else 0
    )
    axes = [made.add_subplot(1, panels, panel + 1) for panel in range(panels)]
    for one in axes:
        one.tick_params(labelsize=8)
    draw(axes)
    made.suptitle(title, fontsize=11, x=0.02, ha="left", y=1 - 0.06 * inch, va="top")
    made.text(0.02, 0.1 * inch, caption, fontsize=7, color="#555555", va="bottom", wrap=True)
    for one in axes:
        one.grid(alpha=0.25)
        one.spines[["top", "right"]].set_visible(False)
    drawn, out = io.BytesIO(), io.BytesIO()
    made.savefig(drawn, format="png", dpi=DPI)
    Image.open(drawn).convert("RGB").quantize(PALETTE).save(out, format="png", optimize=True)
    return out.getvalue()
