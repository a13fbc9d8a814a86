"""The figures of a comparison, drawn from its JSON as PNG bytes; simulated logs are called so on each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from assets.experiments.comparison import roles
from assets.experiments.comparison.averages import known_mean, mean_and_error
from assets.experiments.comparison.plots_bars import ablation_picture, calibration_picture, forest_picture
from assets.experiments.comparison.results import HOURS, Comparison
from assets.experiments.plotting import TRUTH, colours, figure, lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = 0.80  #: right edge of a panel that has names beside it
BIN_HOURS = 3  #: hours since the retrain that one point of the gain averages
AGE = "item_age"


def pictures(result: Comparison) -> dict[str, bytes]:
    """File name → PNG of every figure that the comparison has figures for."""
    drawn = {
        "auc-by-hour.png": auc_picture(result),
        "auc-against.png": against_picture(result),
        "gain.png": gain_picture(result),
        "gate.png": gate_picture(result),
        "ablations.png": ablation_picture(result),
        "differences.png": forest_picture(result),
        "calibration.png": calibration_picture(result),
    }
    return {name: png for name, png in drawn.items() if png is not None}


def auc_picture(result: Comparison) -> bytes | None:
    """AUC by hour, all systems."""
    tables = result.by_hour("auc")
    if not tables:
        return None
    series = {name: mean_and_error(table) for name, table in tables.items()}
    truth = _true_by_hour(result)

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        if truth is not None:
            axes.plot(range(HOURS), truth, color=TRUTH, lw=1, ls="--", label="true probability")
            axes.legend(fontsize=7, frameon=False, loc="upper left")
        lines(axes, np.arange(HOURS), series, colours(roles.highlights(result)))
        _hours(axes)
        axes.set_ylabel("AUC", fontsize=8)

    return figure(draw, f"AUC by hour, {result.about}", result.band(), right=NAMED)


def against_picture(result: Comparison) -> bytes | None:
    """AUC by hour less that of the best of the paper's baselines, paired: what days share is gone."""
    tables = result.by_hour("auc")
    base = result.best(roles.PAPER_BASELINES)
    if base not in tables or len(tables) < 2:
        return None
    series = {name: mean_and_error(table - tables[base]) for name, table in tables.items() if name != base}

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        axes.axhline(0, color=colours(roles.highlights(result)).get(base, TRUTH), lw=1.2)
        lines(axes, np.arange(HOURS), series, colours(roles.highlights(result)))
        _hours(axes)
        axes.set_ylabel(f"AUC − AUC of {base}", fontsize=8)

    title = f"AUC by hour less {base}, {result.about}"
    return figure(draw, title, f"Same exposures, paired. {result.band()}", right=NAMED)


def gain_picture(result: Comparison) -> bytes | None:
    """What hourly updates add, by hours since the retrain, and by age of the item where ages are known."""
    series = {name: mean_and_error(_binned(gain)) for name, gain in result.gain_by_hour().items()}
    if not series:
        return None
    ages = _gain_by_segment(result, AGE)
    chosen = colours(roles.highlights(result))

    def draw(panels: list[Axes]) -> None:
        middle = np.arange(0, HOURS, BIN_HOURS) + (BIN_HOURS - 1) / 2
        lines(panels[0], middle, series, chosen, names=not ages)
        panels[0].set_xlabel("hours since the retrain", fontsize=8)
        panels[0].set_ylabel("AUC − AUC without updates", fontsize=8)
        panels[0].set_xticks(range(0, HOURS, BIN_HOURS))
        if ages:
            values, by_system = ages
            lines(panels[1], np.arange(len(values)), by_system, chosen)
            panels[1].set_xlabel("age of the item, hours", fontsize=8)
            panels[1].set_xticks(range(len(values)), values, fontsize=8 if len(values) < 6 else 6.5)
        for axes in panels:
            axes.axhline(0, color=TRUTH, lw=0.8)

    title = f"Gain of hourly updates, {result.about}"
    caption = f"Same daily model with and without updates, {BIN_HOURS} hours a point. {result.band()}"
    if ages:
        caption += " By age: mean over days and seeds"
        caption += "; band: ± 1 standard error over users." if _has_errors(result) else "."
    return figure(draw, title, caption, panels=2 if ages else 1, right=NAMED)


def gate_picture(result: Comparison) -> bytes | None:
    """Weight of the short-term representation by hour and by the user's activity."""
    kinds = [by for by in ("hour", "activity") if any(entry.by == by for entry in result.gate)]
    if not kinds:
        return None
    systems = list(dict.fromkeys(entry.system for entry in result.gate))
    chosen = colours(systems)

    def draw(panels: list[Axes]) -> None:
        for axes, by in zip(panels, kinds, strict=True):
            values = list(dict.fromkeys(entry.value for entry in result.gate if entry.by == by))
            means = {(entry.system, entry.value): entry.mean for entry in result.gate if entry.by == by}
            none = np.full(len(values), np.nan)
            series = {
                name: (np.array([means.get((name, value), np.nan) for value in values], dtype=float), none)
                for name in systems
            }
            # An hour without exposures has no entry, and leaves a gap.
            x = np.array(values) if by == "hour" else np.arange(len(values))
            lines(axes, x, series, chosen, names=by == kinds[-1])
            if by == "hour":
                _hours(axes)
            else:
                axes.set_xticks(range(len(values)), [str(value) for value in values])
                axes.set_xlabel("exposures of the user before the day", fontsize=8)
        panels[0].set_ylabel("mean gate weight of the short term", fontsize=8)

    title = f"Gate weights, {result.about}"
    caption = "Mean over exposures of the share of the short-term graph; the rest is the long-term graph's."
    return figure(draw, title, caption, panels=len(kinds), right=NAMED)


def _hours(axes: Axes) -> None:
    axes.set_xlabel("hour of service time", fontsize=8)
    axes.set_xticks(range(0, HOURS, 3))
    axes.set_xlim(-0.5, HOURS - 0.5)


def _true_by_hour(result: Comparison) -> np.ndarray | None:
    """AUC of the true probability by hour, mean over days; None without truth."""
    by_hour: dict[int, list[float]] = {}
    for row in result.truth.rows if result.truth is not None else ():
        if row.auc is not None:
            by_hour.setdefault(row.hour, []).append(row.auc)
    if not by_hour:
        return None
    return np.array([np.mean(by_hour.get(hour, np.nan)) for hour in range(HOURS)])


def _binned(table: np.ndarray) -> np.ndarray:
    """[seeds, days, 24] averaged over `BIN_HOURS` hours each, of the values that are known."""
    seeds, days, _ = table.shape
    return known_mean(table.reshape(seeds * days, -1, BIN_HOURS), 2).reshape(seeds, days, -1)


def _has_errors(result: Comparison) -> bool:
    return any(entry.gain_error is not None for entry in result.segments if entry.segment == AGE)


def _gain_by_segment(
    result: Comparison, segment: str
) -> tuple[list[str], dict[str, tuple[np.ndarray, np.ndarray]]] | None:
    """Values of a segment, each system's gain in them and its error; None where there are not two values."""
    gains = [
        (entry, entry.gain)
        for entry in result.segments
        if entry.segment == segment and entry.gain is not None
    ]
    values = list(dict.fromkeys(entry.value for entry, _ in gains))
    if len(values) < 2:
        return None
    by_system: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for entry, gain in gains:
        nothing = np.full(len(values), np.nan)
        means, errors = by_system.setdefault(entry.system, (nothing, nothing.copy()))
        means[values.index(entry.value)] = gain
        errors[values.index(entry.value)] = np.nan if entry.gain_error is None else entry.gain_error
    return values, by_system
