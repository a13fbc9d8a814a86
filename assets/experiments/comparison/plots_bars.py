"""Figures of a comparison that are not by hour: ablations, differences, calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from assets.experiments.comparison import roles
from assets.experiments.comparison.differences import PairTest
from assets.experiments.comparison.results import Comparison
from assets.experiments.plotting import QUIET, TRUTH, colours, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_INCHES = 0.24
TESTED = "Interval: 95 %, bootstrap over users. p: over users, Holm's correction over all pairs."


def ablation_picture(result: Comparison) -> bytes | None:
    """The family's other systems against `lsttm`; the paper's Table 4 and what came after it."""
    others = [name for name in roles.family(result) if name != roles.REFERENCE]
    ablated = [name for name in roles.ABLATIONS if name in others]
    tests = _tests(result, [*ablated, *(name for name in others if name not in ablated)], roles.REFERENCE)
    if not tests:
        return None

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        names = [test.first for test in tests][::-1]
        values = [test.difference for test in tests][::-1]
        tints = ["#2f6fb3" if name in roles.ABLATIONS else QUIET for name in names]
        axes.barh(names, values, color=tints, height=0.6)
        for row, test in enumerate(tests[::-1]):
            _interval(axes, row, test, TRUTH)
        _p_values(axes, tests[::-1])
        axes.axvline(0, color=TRUTH, lw=0.8)
        axes.set_xlabel(f"AUC − AUC of {roles.REFERENCE}", fontsize=8)

    title = f"Ablations of {roles.REFERENCE}, {result.about}"
    caption = f"Blue: rows of the paper's Table 4; grey: others of the family. {TESTED}"
    return row_figure(draw, title, caption, len(tests))


def forest_picture(result: Comparison) -> bytes | None:
    """Every system's difference to the best, the best on top."""
    order = result.ranked()
    tests = _tests(result, order[1:], order[0]) if order else []
    if not tests:
        return None
    chosen = colours(roles.highlights(result))

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        for row, test in enumerate(tests[::-1]):
            colour = chosen.get(test.first, "#7d8287")
            _interval(axes, row, test, colour)
            axes.plot(test.difference, row, "o", color=colour, ms=5)
        axes.set_yticks(range(len(tests)), [test.first for test in tests[::-1]])
        _p_values(axes, tests[::-1])
        axes.axvline(0, color=TRUTH, lw=0.8)
        axes.set_xlabel(f"AUC − AUC of {order[0]}", fontsize=8)

    title = f"Differences to {order[0]}, the best, {result.about}"
    return row_figure(draw, title, TESTED, len(tests))


def calibration_picture(result: Comparison) -> bytes | None:
    """Share clicked by predicted probability, for the highlighted systems."""
    curves = {entry.system: entry.bins for entry in result.calibration if entry.bins}
    if not curves:
        return None
    chosen = {name: c for name, c in colours(roles.highlights(result)).items() if name in curves}
    errors = {name: entry.ece for name, entry in result.systems.items()}

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        for name, bins in sorted(curves.items(), key=lambda entry: entry[0] in chosen):
            label = name + ("" if errors.get(name) is None else f", ECE {errors[name]:.4f}")
            axes.plot(
                [one.predicted for one in bins],
                [one.clicked for one in bins],
                color=chosen.get(name, QUIET),
                lw=1.5 if name in chosen else 0.7,
                marker="o" if name in chosen else None,
                ms=3,
                label=label if name in chosen else None,
            )
        top = max(max(one.predicted, one.clicked) for bins in curves.values() for one in bins)
        axes.plot([0, top], [0, top], color=TRUTH, lw=0.8, ls="--")
        axes.set_xlabel("predicted click probability, mean of the bin", fontsize=8)
        axes.set_ylabel("share clicked", fontsize=8)
        axes.legend(fontsize=7, frameon=False)

    title = f"Calibration, {result.about}"
    return figure(draw, title, "All days and seeds pooled; dashed: predicted as clicked. Grey: all others.")


def _tests(result: Comparison, firsts: Sequence[str], second: str) -> list[PairTest]:
    tests = (result.between(first, second) for first in firsts)
    return [test for test in tests if test is not None]


def _interval(axes: Axes, row: int, test: PairTest, colour: str) -> None:
    if test.low is not None and test.high is not None:
        axes.plot([test.low, test.high], [row, row], color=colour, lw=1.6)


def _p_values(axes: Axes, tests: Sequence[PairTest]) -> None:
    """p after correction, beyond the right edge."""
    across = axes.get_yaxis_transform()
    for row, test in enumerate(tests):
        if test.p_holm is not None:
            p = "p < .0001" if test.p_holm < 1e-4 else f"p = {test.p_holm:.4f}".replace("0.", ".", 1)
            axes.text(1.01, row, p, fontsize=7, color="#555555", va="center", transform=across)


def row_figure(draw: Callable[[list[Axes]], None], title: str, caption: str, rows: int) -> bytes:
    """A figure with one line of text a row."""
    return figure(draw, title, caption, height=1.5 + ROW_INCHES * rows, right=0.88, left=0.2)
