"""What the paired tests say, as sentences: ahead of whom, behind whom, and who cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assets.experiments.number_format import p_value, signed
from assets.experiments.profilers.figured import Difference
from assets.experiments.profilers.paired import OURS
from assets.experiments.profilers.results import ProfilerSummary
from models.metrics import FIGURES

LEVEL = 0.05  #: of Holm's p below which two systems are told apart
AREAS = ("auroc", "aupr")


def verdicts(
    summary: Sequence[ProfilerSummary],
    shots: tuple[int | None, ...] = (1, None),
    areas: tuple[str, ...] = AREAS,
) -> Iterator[str]:
    """A sentence for each support size and area: the main system against every other."""
    against = next((entry.against for entry in summary if entry.system == OURS), ())
    for support in shots:
        lines = [line for line in against if line.shots == support]
        for figure in areas:
            known = [line for line in lines if line.value(figure) is not None]
            if known:
                size = "all customers" if support is None else f"K = {support}"
                yield f"{size}, {FIGURES[figure].label}: `{OURS}` {_told(known, figure)}."


def _told(lines: Sequence[Difference], figure: str) -> str:
    sure = [line for line in lines if (p := line.p_holm(figure)) is not None and p < LEVEL]
    ahead = [line for line in sure if (line.value(figure) or 0.0) > 0]
    behind = [line for line in sure if (line.value(figure) or 0.0) < 0]
    open_ones = [line for line in lines if line not in ahead and line not in behind]
    parts = [f"is ahead of {len(ahead)} of {len(lines)} other systems (p < {LEVEL:.2f} after Holm)"]
    if behind:
        parts.append("behind " + _named(behind, figure))
    if open_ones:
        parts.append("not told apart from " + _named(open_ones, figure))
    return "; ".join(parts)


def _named(lines: Sequence[Difference], figure: str) -> str:
    return ", ".join(
        f"`{line.system}` ({signed(line.value(figure))}, p {p_value(line.p_holm(figure))})" for line in lines
    )
