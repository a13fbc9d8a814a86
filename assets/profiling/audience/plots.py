"""The two pictures of an audience: expected lift, and how its scores stand among all. PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from assets.profiling.audience.verdict import ERRORS, LiftVerdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from assets.profiling.audience.make import AudienceResult

SIZE_INCHES = (5.6, 3.4)
DPI = 160  #: sharp on a page that is printed or mailed; some 40 KB each
INK, PLAIN, QUIET = "#22303c", "#33648c", "#c3ccd3"
GOOD = "#0b6e4f"  #: of a lift that is told apart from chance by a margin, and of nothing else


def lift_picture(result: AudienceResult) -> bytes:
    """Share of future customers found, by share of the candidates contacted, with its error and chance.

    Raises ValueError for an audience without a lift curve.
    """
    if result.lift is None:
        raise ValueError(f"no lift curve to draw: {result.no_lift}")
    curve, share = result.lift.curve, result.share
    colour = GOOD if LiftVerdict.of(curve, share).marked else PLAIN

    def draw(axes: Axes) -> None:
        import numpy as np

        from models.profiling.lift import REACHED

        x = 100 * np.r_[0.0, REACHED]
        reached, error = 100 * np.r_[0.0, curve.reached], 100 * np.r_[0.0, curve.error]
        low, high = (np.clip(reached + side * ERRORS * error, 0, 100) for side in (-1, 1))
        axes.fill_between(x, low, high, color=colour, alpha=0.13, lw=0)
        axes.plot(x, reached, color=colour, lw=2.2, label="this ranking, held back")
        axes.plot([0, 100], [0, 100], color=QUIET, lw=1.4, ls=(0, (4, 3)), label="at random")
        at = 100 * curve.at(share)[0]
        axes.plot([100 * share] * 2, [0, at], color=INK, lw=0.9, ls=":")
        axes.plot(100 * share, at, "o", color=INK, ms=5, label=f"this audience: {at:.0f} %")
        axes.set(
            xlim=(0, 100),
            ylim=(0, 102),
            xlabel="% of the candidates contacted, best first",
            ylabel="% of the future customers reached",
        )
        axes.legend(frameon=False, fontsize=8, loc="lower right")

    return _drawn(draw)


def score_picture(result: AudienceResult) -> bytes:
    """How many candidates have which score, the audience in colour."""

    def draw(axes: Axes) -> None:
        import numpy as np

        edges = np.histogram_bin_edges(result.ranking.scores, bins=48)
        axes.hist(
            result.ranking.scores,
            edges.tolist(),
            color=QUIET,
            label=f"{len(result.ranking.scores):,} candidates",
        )
        axes.hist(
            result.audience.score,
            edges.tolist(),
            color=PLAIN,
            label=f"{len(result.audience):,} in the audience",
        )
        axes.set(xlabel="score", ylabel="users")
        axes.margins(x=0.01)
        axes.legend(frameon=False, fontsize=8)

    return _drawn(draw)


def _drawn(draw: Callable[[Axes], None]) -> bytes:
    """Draw without pyplot, which keeps figures in a global list; the same figure gives the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES)
    FigureCanvasAgg(figure)
    figure.subplots_adjust(left=0.12, right=0.98, bottom=0.15, top=0.97)
    axes = figure.add_subplot()
    draw(axes)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(axis="y", alpha=0.25)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI)
    return out.getvalue()
