"""Figures 3 and 4 of the paper, drawn from a summary: mean and interval over targets and folds, PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from itertools import cycle, product
from typing import TYPE_CHECKING

from assets.experiments.profilers.results import LabelPoint, ProfileResult, RatioPoint
from models.metrics import FIGURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES = (7.6, 3.8)
DPI = 120
COLOURS = {  #: systems of the paper and ours; opponents are drawn quietly
    "normal_training": "#b3442e",
    "meta_profile": "#2f6fb3",
    "meta_profile_finetune": "#7fa9d6",
    "meta_profile_ridge": "#54a0c9",
    "meta_profile_prior": "#0b6e4f",
}
QUIET = ("#8a8f94", "#a7937a", "#9c86a8", "#7d9a8c", "#b0a35c")
MARKERS = ("o", "s", "^", "D")  #: tell opponents of one colour apart
AREAS = ("aupr", "auroc")


Line = tuple[str, Sequence[LabelPoint] | Sequence[RatioPoint]]  #: a system and its points


def pictures(result: ProfileResult) -> dict[str, bytes]:
    """File name → PNG of every study in the result."""
    about = ("simulated " if result.simulated else "") + result.source
    masking: list[Line] = [(entry.system, entry.masking) for entry in result.summary if entry.masking]
    imbalance: list[Line] = [(entry.system, entry.imbalance) for entry in result.summary if entry.imbalance]
    drawn: dict[str, bytes] = {}
    for figure in AREAS:
        of_newcomers = f"{about}: {FIGURES[figure].label} of newcomers"
        if masking:
            title = f"Label masking, {of_newcomers}"
            drawn[f"profile-masking-{figure}.png"] = _lines(masking, figure, title, "labels given")
        if imbalance:
            title = f"Class imbalance, {of_newcomers}"
            drawn[f"profile-imbalance-{figure}.png"] = _lines(imbalance, figure, title, "customers : others")
    return drawn


def _tick(point: LabelPoint | RatioPoint) -> str:
    if isinstance(point, RatioPoint):
        return f"1:{1 / point.ratio:.0f}"
    return f"{point.fraction:.1%}".replace(".0%", "%")


def _lines(systems: Sequence[Line], figure: str, title: str, x_label: str) -> bytes:
    """One line a system with its interval; the moving average of Fig. 4 dashed."""

    def draw(axes: Axes) -> None:
        quiet = cycle(product(MARKERS, QUIET))
        ticks: list[str] = []
        for system, of_system in systems:
            points = [point for point in of_system if point.value(figure) is not None]
            if not points:
                continue
            ticks = ticks or [_tick(point) for point in points]
            named = system in COLOURS
            marker, colour = ("o", COLOURS[system]) if named else next(quiet)
            x, values = range(len(points)), [point.value(figure) for point in points]
            width = 1.8 if named else 1.0
            axes.plot(x, values, color=colour, lw=width, marker=marker, ms=3.5, label=system)  # type: ignore[arg-type]
            ends = [point.ends(figure) for point in points]
            if named and None not in ends:
                low, high = zip(*ends, strict=True)  # type: ignore[misc]
                axes.fill_between(x, low, high, color=colour, alpha=0.10, lw=0)
            moving = [(i, p.aupr_moving) for i, p in enumerate(points) if isinstance(p, RatioPoint)]
            known = [pair for pair in moving if pair[1] is not None]
            if named and known and figure == "aupr":
                axes.plot(*zip(*known, strict=True), color=colour, lw=1.0, ls="--")
        axes.set(xlabel=x_label, ylabel=FIGURES[figure].label, xticks=range(len(ticks)), xticklabels=ticks)
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)

    return _figure(draw, title)


def _figure(draw: Callable[[Axes], None], title: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw(axes)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    return out.getvalue()
