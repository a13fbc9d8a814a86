"""Every system by name. A system's file holds its settings, real and tiny, and what tuning may change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import ValidationError

from models.ranking.lsttm import din_typed
from models.ranking.lsttm import variants as lsttm
from models.ranking.lsttm.long_term_encoder import LongTermSettings
from models.ranking.sml import deepfm as sml_deepfm
from models.ranking.sml import factorisation as sml
from models.ranking.systems import autoint, deepfm, deepfm_external, din, fm, item_rate, lightgbm, nfm
from models.ranking.training.system import SystemEntry, SystemSettings

#: In the order of a table: plain before deep before sequential, the paper's before ours.
SYSTEMS: dict[str, SystemEntry] = {
    "item_rate": item_rate.ITEM_RATE,
    "fm": fm.FACTORISATION_MACHINE,
    "nfm": nfm.NEURAL_FM,
    "deepfm": deepfm.DEEPFM,
    "autoint": autoint.AUTOINT,
    "deepfm_external": deepfm_external.DEEPFM_EXTERNAL,
    "deepfm_external_factors": deepfm_external.DEEPFM_EXTERNAL_FACTORS,
    "din_deepfm_external": din.DIN_DEEPFM_EXTERNAL,
    "din_typed": din_typed.DIN_TYPED,
    "din_typed_factors": din_typed.DIN_TYPED_FACTORS,
    "lightgbm_codes": lightgbm.LIGHTGBM_CODES,
    "lightgbm": lightgbm.LIGHTGBM,
    "sml": sml.SML,
    "sml_deepfm": sml_deepfm.SML_DEEPFM,
    "lsttm_printed": lsttm.LSTTM_PRINTED,
    "lsttm_no_meta": lsttm.LSTTM_NO_META,
    "lsttm": lsttm.LSTTM_PAPER,
    "lsttm_no_external": lsttm.LSTTM_NO_EXTERNAL,
    "lsttm_concat": lsttm.LSTTM_CONCAT,
    "lsttm_no_gat": lsttm.LSTTM_NO_GAT,
    "lsttm_typed": lsttm.LSTTM_TYPED,
    "lsttm_spectral": lsttm.LSTTM_SPECTRAL,
    **lsttm.SPECTRAL_ABLATIONS,
}
ABLATIONS = "ablations:"  #: before the name of a system: it, and every system named after what it lacks


def with_ablations(names: Iterable[str]) -> tuple[str, ...]:
    """The names, where `ablations:NAME` stands for NAME and every `NAME_no_…` of the registry.

    Raises:
        ValueError: a system that has no ablations.
    """
    expanded: list[str] = []
    for name in names:
        whole = name.removeprefix(ABLATIONS)
        lacking = [other for other in SYSTEMS if other.startswith(f"{whole}_no_")]
        if whole == name:
            expanded.append(name)
        elif lacking:
            expanded += [whole, *lacking]
        else:
            known = [other for other in SYSTEMS if any(o.startswith(f"{other}_no_") for o in SYSTEMS)]
            raise ValueError(f"{name!r}: {whole!r} has no ablations; those that have: {', '.join(known)}")
    return tuple(expanded)


def long_term_settings(size: Literal["real", "tiny"]) -> LongTermSettings:
    """The long-term graph that all systems of a deployment share."""
    return LongTermSettings() if size == "real" else LongTermSettings(neighbours=5, epochs=2)


def settings_of(kind: str, document: str) -> SystemSettings:
    """Settings from their JSON; `kind` is the one written in it.

    Raises:
        ValueError: no registered system is of that kind, or it no longer has one of those settings.
    """
    classes = {entry.real.kind: type(entry.real) for entry in SYSTEMS.values()}
    if kind not in classes:
        raise ValueError(
            f"a saved ranker is of kind {kind!r}; this version knows {sorted(classes)}: retrain it"
        )
    try:
        return classes[kind].model_validate_json(document)
    except ValidationError as error:
        faults = "; ".join(
            ": ".join(filter(None, [".".join(map(str, fault["loc"])), fault["msg"]]))
            for fault in error.errors()
        )
        raise ValueError(
            f"a saved ranker of kind {kind!r} has settings that this version does not take ({faults}): "
            "retrain it"
        ) from error
