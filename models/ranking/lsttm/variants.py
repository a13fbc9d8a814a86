"""The LSTTM family by name: the paper's model, its ablations (Table 4), its literal form, and ours.

Each is a list of what differs from `LSTTMSettings`, the paper's model with the repairs of decision 0010:
graph of clicks, long-term vectors, gate, DeepFM, temporal MAML.
"""

from __future__ import annotations

from typing import Any

from models.layers.din import DINSettings
from models.ranking.features.features import FeatureSettings
from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.lsttm.encoders import (
    ClickGraphSettings,
    ClickMeansSettings,
    TypedAttentionSettings,
    TypedDINSettings,
)
from models.ranking.lsttm.numbers import NumberSettings
from models.ranking.lsttm.system import LSTTMSettings
from models.ranking.systems.behaviours import BehaviourSettings
from models.ranking.training.adaptation import AdaptationSettings
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.search_space import SGD, TRAINING, TWO_SPEED, Choice, Range, Space
from models.ranking.training.system import TINY_TRAINING, SystemEntry, SystemSettings
from models.ranking.training.temporal_tasks import TaskSettings

#: The paper's optimiser and hourly rule (3.5, 5.3), of every system that it calls LSTTM.
#: An item's row is trained from its second hour on, as it is online: the inner step is to move young rows.
PRINTED_TRAINING = TrainingSettings(optimizer="adagrad", learning_rate=0.01, average=None, newcomers="hour")
PRINTED_ADAPTATION = AdaptationSettings(online="sgd")
ADAGRAD_RATE = Range(
    1e-3, 0.1
)  #: Adagrad's steps shrink from the first one on: its rates are larger than Adam's
PLAIN_SPACE: Space = {**TRAINING, "training.learning_rate": ADAGRAD_RATE, **SGD}
META_SPACE: Space = {  # a meta-trained system's mini-batch is its batch of tasks
    "training.learning_rate": ADAGRAD_RATE,
    "tasks.tasks": Choice((4, 8, 16)),
    "training.average": TRAINING["training.average"],
    "meta.inner_rate": Range(1e-3, 0.1),
    **SGD,
}


def _paper(
    summary: str,
    source: str,
    encoder: type[ClickGraphSettings | ClickMeansSettings] = ClickGraphSettings,
    space: Space = META_SPACE,
    tuned_as: str | None = None,
    **parts: Any,
) -> SystemEntry:
    """A system of the paper, with `parts` in the place of `LSTTMSettings`' own."""
    parts |= {"training": PRINTED_TRAINING, "adaptation": PRINTED_ADAPTATION}
    few = TaskSettings(tasks=4, instances=32)
    return SystemEntry(
        real=LSTTMSettings(short_term=encoder(), **parts),
        tiny=LSTTMSettings(short_term=encoder(neighbours=5), hidden=(16,), tasks=few, **parts),
        summary=summary,
        source=f"LSTTM, WSDM 2022{source}",
        space={} if tuned_as else space,
        tuned_as=tuned_as,
    )


LSTTM_PAPER = _paper(
    "The paper's LSTTM: trained by temporal MAML, second order, adapted by its inner step", ""
)
LSTTM_NO_META = _paper(
    "LSTTM trained plainly: short-term graph, long-term vectors, gate and DeepFM",
    ", Tables 2 and 4: w/o meta",
    space=PLAIN_SPACE,
    meta=None,
)
#: "Only considers internal behaviors": the counts of external clicks go with the global graph.
LSTTM_NO_EXTERNAL = _paper(
    "LSTTM without the global graph and the counts of external clicks: u = u^s",
    ", Table 4: w/o user external behaviors",
    tuned_as="lsttm",
    fusion="short_only",
    features=FeatureSettings(external=False),
)
LSTTM_CONCAT = _paper(
    "LSTTM with u^s and u^l side by side instead of the gate",
    ", Table 4: w/o gating-based fusion",
    tuned_as="lsttm",
    fusion="concat",
)
LSTTM_NO_GAT = _paper(
    "LSTTM with means of internal and external clicks in place of both graphs",
    ", Table 4: w/o GAT aggregation and L_N",
    tuned_as="lsttm",
    encoder=ClickMeansSettings,
)
#: No repair in the ranker (docs/decisions, 0010); the counts that nobody would read are not made. What all
#: systems share stays: the row that an unseen item reads, and the long-term graph of the day with its
#: negatives (`long_term.negatives=0` is the printed loss).
LSTTM_PRINTED = _paper(
    "LSTTM to the letter: no repair, no shared fields for its ranker",
    ", as printed",
    target_item="id",
    context="context_only",
    see_missing=False,
    features=FeatureSettings(counts=False, external=False, session=False, list_context=False),
    content=None,
)
#: What it keeps, and how that was found out: docs/decisions, 0015.
LSTTM_TYPED = SystemEntry(
    real=LSTTMSettings(
        short_term=TypedAttentionSettings(), meta=None, training=TrainingSettings(batch_size=128)
    ),
    tiny=LSTTMSettings(
        short_term=TypedAttentionSettings(neighbours=5), hidden=(16,), meta=None, training=TINY_TRAINING
    ),
    summary="Ours: LSTTM over typed neighbours (clicks, skips, engagement, external), two-speed online",
    source="ours",
    space={**TRAINING, **TWO_SPEED, "short_term.item_side": Choice((False, True))},
)
#: Found on validation days (docs/decisions, 0027 and 0028).
LSTTM_SPECTRAL = SystemEntry(
    real=LSTTMSettings(
        short_term=TypedDINSettings(),
        behaviours=BehaviourSettings(external=30),
        numbers=NumberSettings(),
        hidden=(256, 128, 64),
        meta=None,
        training=TrainingSettings(batch_size=128, learning_rate=5e-4),
    ),
    tiny=LSTTMSettings(
        short_term=TypedDINSettings(neighbours=5, din=DINSettings(hidden=(8,), softmax=True, projected=True)),
        behaviours=BehaviourSettings(internal=5, external=5),
        numbers=NumberSettings(factors=FactorSettings(width=4, days=3)),
        hidden=(16,),
        meta=None,
        training=TINY_TRAINING,
    ),
    summary="Ours: LSTTM with DIN over typed events, a factorised click graph and ordered counts",
    source="ours",
    space={**TRAINING, **TWO_SPEED, "numbers.factor_scale": Choice((0.03, 0.1, 0.3))},
)


def _spectral_without(what: str, numbers: dict[str, Any] | None = None, **changes: Any) -> SystemEntry:
    """`lsttm_spectral` with `changes`, also of its numbers, so that each ingredient's worth is seen."""

    def lacking(settings: SystemSettings) -> SystemSettings:
        assert isinstance(settings, LSTTMSettings) and settings.numbers is not None
        numbers_left = settings.numbers.model_copy(update=numbers)
        return settings.model_copy(update={"numbers": numbers_left, **changes})

    return SystemEntry(
        real=lacking(LSTTM_SPECTRAL.real),
        tiny=lacking(LSTTM_SPECTRAL.tiny),
        summary=f"lsttm_spectral without {what}",
        source="ours",
        space={},
        tuned_as="lsttm_spectral",
    )


#: What is missing stands in the name: `hourfold compare --systems ablations:lsttm_spectral`.
SPECTRAL_ABLATIONS = {
    "lsttm_spectral_no_gate": _spectral_without("the gate: u^s and u^l side by side", fusion="concat"),
    "lsttm_spectral_no_long_term": _spectral_without(
        "long-term vectors: the gate meets none", long_term=False
    ),
    "lsttm_spectral_no_gate_no_long_term": _spectral_without(
        "gate and long-term vectors: u = u^s", fusion="short_only"
    ),
    "lsttm_spectral_no_factors": _spectral_without("factors of the click graph", numbers={"factors": None}),
}
