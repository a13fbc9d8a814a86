"""Figures of an A/B test, drawn from its JSON as PNG bytes; its users are always called simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assets.experiments.comparison.plots_bars import row_figure
from assets.experiments.plotting import QUIET, TRUTH, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES = {"ctr": "CTR", "acn": "ACN", "hcr": "HCR", "dt": "DT"}
BASE, ARM = "#b3442e", "#0b6e4f"
TINTS = (BASE, ARM, "#2f6fb3", "#c98a1b", "#7a4fa3")


def ab_pictures(result: Mapping[str, Any]) -> dict[str, bytes]:
    """File name → PNG."""
    drawn = {"ab-lift.png": lift_picture(result), "ab-ctr-by-day.png": day_picture(result)}
    return {name: png for name, png in drawn.items() if png is not None}


def lift_picture(result: Mapping[str, Any]) -> bytes | None:
    """Relative lift of every metric with its interval, and the A/A run in grey below."""
    again = (result.get("aa") or {}).get("metrics") or ()
    entries = [(entry, False) for entry in result["metrics"] if entry["lift"] is not None]
    entries += [(entry, True) for entry in again if entry["lift"] is not None]
    if not entries:
        return None

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        across = axes.get_yaxis_transform()
        for place, (entry, quiet) in enumerate(entries[::-1]):
            colour = "#7d8287" if quiet else ARM
            if entry["low"] is not None:
                axes.plot([100 * entry["low"], 100 * entry["high"]], [place, place], color=colour, lw=2)
            axes.plot(100 * entry["lift"], place, "o", color=colour, ms=5)
            if entry["p_value"] is not None:
                p = f"p = {entry['p_value']:.4f}".replace("0.", ".", 1)
                axes.text(1.01, place, p, fontsize=7, color="#555555", va="center", transform=across)
        names = [f"{short(entry['arm'])}, {NAMES[entry['metric']]}" for entry, _ in entries]
        axes.set_yticks(range(len(names)), names[::-1], fontsize=8)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.axvline(0, color=TRUTH, lw=0.8)
        axes.set_xlabel(f"lift over {result['base']}, %", fontsize=8)

    caption = "Interval: 95 %, bootstrap over simulated users." + " Grey: the base against itself (A/A)." * (
        len(again) > 0
    )
    return row_figure(draw, f"A/B test on simulated users: lift over {result['base']}", caption, len(entries))


def short(arm: str) -> str:
    """`lsttm (A/A)` for the base on the users of lsttm: what fits beside a figure."""
    return arm.rpartition(" on the users of ")[2]


def day_picture(result: Mapping[str, Any]) -> bytes | None:
    """Click rate of each arm by day, with the bounds that no ranker passes."""
    days = list(dict.fromkeys(row["day"] for row in result["days"]))
    if not days:
        return None

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        for arm, colour in zip(result["arms"], TINTS, strict=False):
            by_day = {row["day"]: row["ctr"] for row in result["days"] if row["arm"] == arm}
            values = [float("nan") if by_day.get(day) is None else by_day[day] for day in days]
            axes.plot(range(len(days)), values, marker="o", ms=4, color=colour, lw=1.6, label=arm)
        for bound in result.get("bounds") or ():
            if bound["ctr"] is not None:
                axes.axhline(bound["ctr"], color=QUIET, lw=1, ls="--")
                axes.annotate(bound["arm"], (len(days) - 1, bound["ctr"]), fontsize=7, color="#7d8287")
        axes.set_xticks(range(len(days)), days)
        axes.set_ylabel("click rate", fontsize=8)
        axes.legend(fontsize=8, frameon=False)

    caption = "Dashed: the logging policy, chance and the true click probability, all days, all users."
    return figure(draw, "A/B test on simulated users: click rate by day", caption)
