"""Figures of an A/B test, drawn from its JSON as PNG bytes; its users are always called simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.experiments.ab.results import ABResult
from assets.experiments.comparison.plots_bars import row_figure
from assets.experiments.number_format import p_value
from assets.experiments.plotting import QUIET, TRUTH, figure
from models.metrics import FIGURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BASE, ARM = "#b3442e", "#0b6e4f"
TINTS = (BASE, ARM, "#2f6fb3", "#c98a1b", "#7a4fa3")


def ab_pictures(result: ABResult) -> dict[str, bytes]:
    """File name → PNG."""
    drawn = {"ab-lift.png": lift_picture(result), "ab-ctr-by-day.png": day_picture(result)}
    return {name: png for name, png in drawn.items() if png is not None}


def lift_picture(result: ABResult) -> bytes | None:
    """Relative lift of every metric with its interval: paired, unpaired below, and the A/A run in grey."""
    again = () if result.aa is None else result.aa.metrics
    paired, unpaired = (result.paired, ARM, "paired"), (result.metrics, BASE, "unpaired")
    alone = len(result.arms) == 2  # then figures need no arm beside them
    entries = [
        (entry, entry.lift, colour, ("" if alone else f"{short(entry.arm)}, ") + name)
        for lifts, colour, design in (paired, unpaired, (again, "#7d8287", "A/A"))
        for entry in lifts
        for name in (f"{FIGURES[entry.metric].label}, {design}",)
        if entry.lift is not None
    ]
    if not entries:
        return None

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        across = axes.get_yaxis_transform()
        for row, (entry, lift, colour, _) in enumerate(entries[::-1]):
            if entry.low is not None and entry.high is not None:
                axes.plot([100 * entry.low, 100 * entry.high], [row, row], color=colour, lw=2)
            axes.plot(100 * lift, row, "o", color=colour, ms=5)
            if entry.p_value is not None:
                p = p_value(entry.p_value)
                axes.text(
                    1.01,
                    row,
                    f"p {p}" if "<" in p else f"p = {p}",
                    fontsize=7,
                    color="#555555",
                    va="center",
                    transform=across,
                )
        names = [name for *_, name in entries]
        axes.set_yticks(range(len(names)), names[::-1], fontsize=8 if alone else 6)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.axvline(0, color=TRUTH, lw=0.8)
        axes.set_xlabel(f"lift over {result.base}, %", fontsize=8)

    caption = "Interval: 95 %, bootstrap over simulated users."
    if again:
        caption += " Paired: on the same users, in two worlds. Grey: the base against itself (A/A)."
    return row_figure(
        draw,
        f"A/B test on simulated users: lift{' of ' + result.arms[1] if alone else ''} over {result.base}",
        caption,
        len(entries),
    )


def short(arm: str) -> str:
    """`lsttm (A/A)` for the base on the users of lsttm: what fits beside a figure."""
    return arm.rpartition(" on the users of ")[2]


def day_picture(result: ABResult) -> bytes | None:
    """Click rate of each arm by day, with the bounds that no ranker passes."""
    days = list(dict.fromkeys(row.day for row in result.days))
    if not days:
        return None

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        for arm, colour in zip(result.arms, TINTS, strict=False):
            by_day = {row.day: row.ctr for row in result.days if row.arm == arm and row.ctr is not None}
            values = [by_day.get(day, float("nan")) for day in days]
            axes.plot(range(len(days)), values, marker="o", ms=4, color=colour, lw=1.6, label=arm)
        for bound in result.bounds:
            if bound.ctr is not None:
                axes.axhline(bound.ctr, color=QUIET, lw=1, ls="--")
                axes.annotate(bound.arm, (len(days) - 1, bound.ctr), fontsize=7, color="#7d8287")
        axes.set_xticks(range(len(days)), days)
        axes.set_ylabel("click rate", fontsize=8)
        axes.legend(fontsize=8, frameon=False)

    caption = "Dashed: the logging policy, chance and the true click probability, all days, all users."
    return figure(draw, "A/B test on simulated users: click rate by day", caption)
