"""What figures and their differences have in common: value, interval and tests, by the name of the figure."""

from __future__ import annotations

from assets.experiments.comparison.parts import ResultPart

Ends = tuple[float, float] | None  #: of a 95 % interval


class Figured(ResultPart):
    """A part with figures by name."""

    def value(self, figure: str) -> float | None:
        """A figure; None where it has no meaning or was not measured."""
        value: float | None = getattr(self, figure, None)
        return value

    def ends(self, figure: str) -> Ends:
        """The 95 % interval of a figure, over targets and folds."""
        ends: Ends = getattr(self, f"{figure}_interval", None)
        return ends


class Difference(Figured):
    """Each figure less that of another system, paired by brand and fold, in the table of brands.

    `p` is two-sided by a bootstrap over brands and folds, `p_holm` corrected over the other systems of the
    same figure and support size; wins count brands that are ahead in the mean over folds.
    """

    system: str
    shots: int | None
    of_targets: int | None = None
    aupr: float | None
    aupr_interval: Ends
    aupr_p: float | None
    aupr_p_holm: float | None = None
    aupr_wins: int | None = None
    auroc: float | None
    auroc_interval: Ends
    auroc_p: float | None
    auroc_p_holm: float | None = None
    auroc_wins: int | None = None
    within_quintiles: float | None
    within_quintiles_interval: Ends
    within_quintiles_p: float | None
    within_quintiles_p_holm: float | None = None
    within_quintiles_wins: int | None = None
    top_lift: float | None = None
    top_lift_interval: Ends = None
    top_lift_p: float | None = None
    top_lift_p_holm: float | None = None
    top_lift_wins: int | None = None

    def p(self, figure: str) -> float | None:
        """The raw p of a figure."""
        value: float | None = getattr(self, f"{figure}_p")
        return value

    def p_holm(self, figure: str) -> float | None:
        """The p of a figure after Holm's correction."""
        value: float | None = getattr(self, f"{figure}_p_holm")
        return value

    def wins(self, figure: str) -> int | None:
        """Brands of `of_targets` that are ahead."""
        value: int | None = getattr(self, f"{figure}_wins")
        return value
