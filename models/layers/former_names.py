"""States that were saved before the GAT layer became PyG's (decision 0029), read as today's.

Its parameters had other names, lay transposed and stood in another order, by which an optimiser knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

#: Parameters of `models.layers.gat.GATLayer`: what each was called, and what it is called in a `GATConv`.
FORMER_NAMES = {
    "query_weight": "lin_dst.weight",
    "key_weight": "lin_src.weight",
    "query_attention": "att_dst",
    "key_attention": "att_src",
}


def as_today(value: Tensor, parameter: Tensor) -> Tensor:
    """A former weight [in, out] or attention [out, 1], or a moment of it, in the shape of its parameter."""
    return value.T.reshape(parameter.shape)


def in_present_order(values: Sequence[Any], names: Sequence[str], module: nn.Module) -> list[Any]:
    """What was saved for each parameter, in the order of `module.parameters()`.

    Args:
        values: of each parameter a tensor of its shape, or a dictionary of such and of scalars.
        names: what the parameters were called when that was saved, in the same order.
        module: whose parameters they are now.
    """
    parameters = dict(module.named_parameters())
    present = {name: _present(name, parameters) for name in names}
    if all(name == now for name, now in present.items()):
        return list(values)
    by_name = dict(zip(present.values(), values, strict=True))
    for name, now in present.items():
        if name != now:
            by_name[now] = _turned(by_name[now], parameters[now])
    return [by_name[name] for name in parameters]


def moments_in_present_order(
    state: dict[str, Any], names: Sequence[str], module: nn.Module
) -> dict[str, Any]:
    """The same for the state of a torch optimiser, as its `state_dict` gives it."""
    moments = in_present_order([state["state"].get(i, {}) for i in range(len(names))], names, module)
    return state | {"state": {i: values for i, values in enumerate(moments) if values}}


def _present(name: str, parameters: Mapping[str, Tensor]) -> str:
    layer, dot, last = name.rpartition(".")
    renamed = f"{layer}{dot}{FORMER_NAMES.get(last, last)}"
    return renamed if renamed in parameters else name


def _turned(value: Any, parameter: Tensor) -> Any:
    if isinstance(value, Mapping):
        return {name: _turned(part, parameter) for name, part in value.items()}
    return as_today(value, parameter) if isinstance(value, Tensor) and value.dim() == 2 else value
