"""Figures 3 and 4 of the paper, drawn from a summary: mean and interval over targets and folds, PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_INCHES = (6.4, 3.8)
DPI = 120
COLOURS = {  #: systems of the paper and ours; opponents are drawn quietly
    "normal_training": "#b3442e",
    "meta_profile": "#2f6fb3",
    "meta_profile_finetune": "#7fa9d6",
    "meta_profile_prior": "#0b6e4f",
}
QUIET = ("#8a8f94", "#a7937a", "#9c86a8", "#7d9a8c", "#b0a35c")
NAMES = {"aupr": "AUPR", "auroc": "AUROC"}


def pictures(result: Mapping[str, Any]) -> dict[str, bytes]:
    """File name → PNG of every study in the result."""
    found: dict[str, bytes] = {}
    about = ("simulated " if result["simulated"] else "") + result["source"]
    for figure, name in NAMES.items():
        if any("masking" in entry for entry in result["summary"]):
            title = f"Label masking, {about}: {name} of newcomers"
            found[f"profile-masking-{figure}.png"] = _lines(
                result["summary"], "masking", figure, title, "labels given", lambda e: f"{e['fraction']:.1%}"
            )
        if any("imbalance" in entry for entry in result["summary"]):
            title = f"Class imbalance, {about}: {name} of newcomers"
            found[f"profile-imbalance-{figure}.png"] = _lines(
                result["summary"],
                "imbalance",
                figure,
                title,
                "customers : others",
                lambda e: f"1:{1 / e['ratio']:.0f}",
            )
    return found


def _lines(
    summary: Sequence[Mapping[str, Any]],
    study: str,
    figure: str,
    title: str,
    x_label: str,
    tick: Callable[[Mapping[str, Any]], str],
) -> bytes:
    """One line a system with its interval; the moving average of Fig. 4 dashed."""

    def draw(axes: Axes) -> None:
        quiet = iter(QUIET * 3)
        ticks: list[str] = []
        for entry in summary:
            points = [point for point in entry.get(study, []) if point[figure] is not None]
            if not points:
                continue
            ticks = ticks or [tick(point).replace(".0%", "%") for point in points]
            named = entry["system"] in COLOURS
            colour = COLOURS.get(entry["system"]) or next(quiet)
            x = range(len(points))
            axes.plot(
                x,
                [point[figure] for point in points],
                color=colour,
                lw=1.8 if named else 1.0,
                marker="o",
                ms=3,
                label=entry["system"],
            )
            if named:
                low, high = zip(*(point[f"{figure}_interval"] for point in points), strict=True)
                axes.fill_between(x, low, high, color=colour, alpha=0.10, lw=0)
            moving = [(i, p["aupr_moving"]) for i, p in enumerate(points) if p.get("aupr_moving") is not None]
            if named and moving and figure == "aupr":
                axes.plot(*zip(*moving, strict=True), color=colour, lw=1.0, ls="--")
        axes.set(xlabel=x_label, ylabel=NAMES[figure], xticks=range(len(ticks)), xticklabels=ticks)
        axes.legend(fontsize=7, ncols=2)

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
