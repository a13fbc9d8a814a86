"""Which systems a comparison's pages speak of: the reference, its ablations, the paper's baselines."""

from __future__ import annotations

from assets.experiments.comparison.results import Comparison

REFERENCE = "lsttm"  #: what ablations are held against: the paper's model with the repairs of decision 0010
PAPER_BASELINES = (
    *("fm", "nfm", "deepfm", "autoint", "deepfm_external", "din_deepfm_external", "sml", "sml_deepfm"),
)
FAMILY = "lsttm"  #: every system of the family begins with it
ABLATIONS = ("lsttm_no_meta", "lsttm_no_external", "lsttm_concat", "lsttm_no_gat")
SHOWN = ("lsttm", "lsttm_printed", "lightgbm", "din_typed")  #: drawn in colour, beside the best of each kind


def family(result: Comparison) -> list[str]:
    """The systems of the LSTTM family."""
    return [name for name in result.systems if name.startswith(FAMILY)]


def family_of(system: str) -> str:
    """What kind of system it is, in one word that MLflow's axes do not cut."""
    if system.startswith(FAMILY):
        return "lsttm"
    return "baseline" if system in PAPER_BASELINES else "practice"


def highlights(result: Comparison) -> list[str]:
    """The few systems drawn in colour, the best LSTTM and the best of the paper's baselines first."""
    chosen = [result.best(family(result)), result.best(PAPER_BASELINES), *SHOWN]
    return [name for name in dict.fromkeys(chosen) if name in result.systems]
