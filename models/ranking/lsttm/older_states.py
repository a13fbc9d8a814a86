"""States saved when each shape of LSTTM was a kind of settings of its own, read in today's names."""

from __future__ import annotations

from typing import Any

KINDS = ("lsttm_typed", "lsttm_spectral", "lsttm_no_gat")  #: all of them are `lsttm` today


def settings_in_parts(document: dict[str, Any]) -> dict[str, Any]:
    """The document of an LSTTM's settings with the short-term encoder and the numbers as parts.

    Raises:
        ValueError: a setting that is gone had another value than the one that remains.
    """
    kind, short_term = document.get("kind"), document.get("short_term")
    if kind not in KINDS:
        if isinstance(short_term, dict):  # then the one encoder of this kind, without a name
            return document | {"short_term": {"encoder": "click_graph"} | short_term}
        return document
    new = document | {"kind": "lsttm"}
    if kind == "lsttm_no_gat":
        return new | {
            "short_term": {"encoder": "click_means", "neighbours": document["short_term"]["neighbours"]}
        }
    typed = new.pop("typed")
    if kind == "lsttm_typed":
        if typed["item_side"]:
            raise ValueError("item_side: its vector did not reach the ranker when this was saved: retrain")
        return new | {"short_term": {"encoder": "typed_attention"} | typed}
    if new.pop("counts_as") != "both":
        raise ValueError("the setting counts_as is gone, counts are read as numbers and embeddings: retrain")
    numbers = {name: new.pop(name) for name in ("factors", "number_scale", "factor_scale")}
    return new | {"short_term": {"encoder": "typed_din", "din": new.pop("din")} | typed, "numbers": numbers}


def rename_weights(_module: Any, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """A hook of `load_state_dict`: the weights of an `lsttm_spectral`, in place."""
    for name in list(state):
        own = name.removeprefix(prefix)
        if own == "linear":
            state[f"{prefix}numbers.linear"] = state.pop(name)
        elif own.startswith("network."):
            state[f"{prefix}ranker.mlp.{own.removeprefix('network.')}"] = state.pop(name)
