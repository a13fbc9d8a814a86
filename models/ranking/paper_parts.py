"""Which parts of the paper, and which of ours, a system is made of, read from its settings.

`lsttm_spectral` is of the family and has neither the paper's short-term graph nor its meta-learning: a table
of systems says so with what these functions read, not with a list that somebody keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.ranking.lsttm.click_factors import FactorSettings
from models.ranking.lsttm.system import LSTTMSettings
from models.ranking.training.rates import MetaSettings
from models.ranking.training.system import SystemSettings
from models.settings import Settings

PRINTED, OURS = "yes", "ours"
NO_GRAPHS = ("typed_din", "click_means")  #: encoders that are no graph attention


@dataclass(frozen=True)
class SystemPart:
    """A part that a system may hold."""

    label: str
    of_paper: bool
    held: Callable[[SystemSettings], str]  #: `yes` as in the paper, `ours` in another form, empty: not held
    made_of: tuple[str, ...]  #: settings, dotted, that belong to it and to nothing else it is compared by


def _short_term(settings: SystemSettings) -> str:
    encoder = settings.short_term.encoder if isinstance(settings, LSTTMSettings) else NO_GRAPHS[0]
    if encoder in NO_GRAPHS:
        return ""
    return PRINTED if encoder == "click_graph" else OURS


def _gate(settings: SystemSettings) -> str:
    return PRINTED * (isinstance(settings, LSTTMSettings) and settings.fusion == "gate")


def _meta(settings: SystemSettings) -> str:
    meta = settings.meta if isinstance(settings, LSTTMSettings) else None
    if meta is None or (meta.inner_rates == "fixed" and meta.inner_rate == 0):
        return ""  # without an inner step it is plain training, on the same mini-batches
    return PRINTED if meta == MetaSettings(order=meta.order, inner_rate=meta.inner_rate) else OURS


def _typed(settings: SystemSettings) -> str:
    typed = getattr(settings, "typed", None) is not None
    return OURS * (typed or getattr(getattr(settings, "short_term", None), "encoder", "").startswith("typed"))


def _factors(settings: SystemSettings) -> str:
    return OURS * any(isinstance(part, FactorSettings) for part in _nested(settings))


PARTS: dict[str, SystemPart] = {
    "short_term_graph": SystemPart("short-term graph", True, _short_term, ("short_term",)),
    "long_term_graph": SystemPart(
        "long-term graph `L_N`",
        True,
        lambda settings: PRINTED * settings.uses_long_term,
        ("fusion", "long_term", "short_term"),
    ),
    "gate": SystemPart("gate", True, _gate, ("fusion", "see_missing")),
    "maml": SystemPart("temporal MAML", True, _meta, ("meta", "tasks")),
    "typed_events": SystemPart("typed events", False, _typed, ("short_term", "typed")),
    "factors": SystemPart("factors of the click graph", False, _factors, ("numbers.factors", "factors")),
    "external_counts": SystemPart(
        "counts of external clicks",
        False,
        lambda settings: OURS * (settings.features.external and settings.features.counts),
        ("features.external",),
    ),
    "numbers": SystemPart(
        "counts as numbers", False, lambda settings: OURS * settings.reads_codes, ("numbers",)
    ),
}


def held(settings: SystemSettings) -> dict[str, str]:
    """Each part → `yes` (as in the paper), `ours` (in another form) or empty (not held)."""
    return {name: part.held(settings) for name, part in PARTS.items()}


def removed(whole: SystemSettings, less: SystemSettings) -> tuple[str, ...]:
    """What `less` lacks of `whole`, where they differ in nothing else; empty where it is no such ablation.

    Names of parts; and of settings that are no part, where `less` has None in their place.
    """
    if type(whole) is not type(less):
        return ()
    one, other = (dict(_leaves(settings.model_dump(mode="json"))) for settings in (whole, less))
    differing = {key for key in {*one, *other} if one.get(key) != other.get(key)}
    has, lacks = held(whole), held(less)
    if any(lacks[name] and lacks[name] != has[name] for name in PARTS):
        return ()  # it has something that the other has not
    gone = [name for name in PARTS if has[name] and not lacks[name]]
    without = {name for name in type(less).model_fields if getattr(less, name) is None}
    left_out = sorted(
        name for name in without if getattr(whole, name) is not None and not _belongs(name, gone)
    )
    explained = [*(path for name in gone for path in PARTS[name].made_of), *left_out]
    unexplained = [key for key in differing if not any(_below(key, path) for path in explained)]
    return () if unexplained else (*gone, *left_out)


def _belongs(setting: str, parts: list[str]) -> bool:
    return any(setting in PARTS[name].made_of for name in parts)


def _below(key: str, path: str) -> bool:
    return key == path or key.startswith(f"{path}.")


def _leaves(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(settings: Settings) -> Iterator[Settings]:
    """The settings inside others, however deep."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            yield value
            yield from _nested(value)
