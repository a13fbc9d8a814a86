"""Pictures of a comparison. matplotlib is imported when a figure is drawn, never before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

COLOURS = ("#1b6ca8", "#d1495b", "#2a9d5c", "#8d5a97", "#e09f3e", "#4f5d75")


def auc_by_hour(
    curves: Mapping[str, Sequence[float | None]],
    path: Path,
    *,
    title: str,
    ceiling: Sequence[float | None] | None = None,
) -> Path:
    """Draw AUC against the hour of the day, one line a system, and the true probability's as a dashed line.

    Args:
        curves: system → 24 AUCs, None for an hour with one class only (a gap in the line).
        path: PNG to write.
        title: says what was scored, and that it is simulated where it is.
        ceiling: 24 AUCs of the true click probability; simulated sources only.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    if ceiling is not None:
        axes.plot(
            range(24), _gaps(ceiling), color="#777777", linestyle="--", linewidth=1, label="true probability"
        )
    for (system, values), colour in zip(curves.items(), COLOURS * 4, strict=False):
        axes.plot(
            range(24), _gaps(values), color=colour, marker="o", markersize=3, linewidth=1.5, label=system
        )
    axes.set(xlabel="hour of the day (service time)", ylabel="AUC", xlim=(-0.5, 23.5), title=title)
    axes.set_xticks(range(0, 24, 2))
    for edge in (7.5, 15.5):
        axes.axvline(edge, color="#cccccc", linewidth=0.8, zorder=0)
    axes.grid(axis="y", color="#eeeeee")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _gaps(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]
