"""The system `lsttm_printed`: LSTTM without any of our repairs in the ranker (docs/decisions, 0010).

The target item is its ID embedding alone, the ranker reads u, d and the context fields and nothing else, the
gate is not told of missing neighbours, the inner step is differentiated to second order, and the hourly step
is the inner step itself. What it shares with all systems stays as it is: the row that an unseen item reads,
and the long-term graph of the day with its negatives, which is one for all systems of a comparison
(`long_term.negatives=0` is the printed loss).
"""

from __future__ import annotations

from models.ranking.features.features import FeatureSettings
from models.ranking.lsttm.system import META_SPACE, REAL, TINY, LSTTMSettings
from models.ranking.training.system import SystemEntry


def _printed(settings: LSTTMSettings) -> LSTTMSettings:
    # Nobody reads counts where the ranker sees the context only.
    return settings.model_copy(
        update={
            "target_item": "id",
            "context": "context_only",
            "see_missing": False,
            "features": FeatureSettings(counts=False, external=False),
        }
    )


LSTTM_PRINTED = SystemEntry(
    real=_printed(REAL),
    tiny=_printed(TINY),
    summary="LSTTM to the letter: no repair, no shared fields for its ranker",
    source="LSTTM, WSDM 2022, as printed",
    space=META_SPACE,
)
