"""Options: settings as a person writes them, one way on the command line and in the launchpad.

A setting is declared once, in a pydantic model, with its default, bounds and description. A number or a word
is written as it is. `Names`, `Days` and `Seeds` are written as a short text or a number, which the models
accept as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

ALL = ("all",)  #: what a person writes for every system there is


@dataclass(frozen=True)
class Written:
    """How a person writes a setting that is no plain number, word or switch."""

    type: Any
    how: str
    of: Callable[[Any], Any]  #: value → what is written
    least: float | None = None


@dataclass(frozen=True)
class Option:
    """One setting as an option: what the command line and the launchpad show of it."""

    name: str
    type: Any  #: int, float, str, bool or list[str], with None where it may be left out
    default: Any  #: `...` where a value is required
    description: str  #: without capital and full stop
    least: float | None = None
    most: float | None = None


def option(settings: type[BaseModel], name: str) -> Option:
    """The option for one setting."""
    field = settings.model_fields[name]
    bounds = {type(bound): bound for bound in field.metadata}
    least, most = getattr(bounds.get(Ge), "ge", None), getattr(bounds.get(Le), "le", None)
    default = ... if field.is_required() else field.get_default(call_default_factory=True)
    written = bounds.get(Written)
    if written is not None:
        default = default if default is ... else written.of(default)
        return Option(name, written.type, default, _with(field, written.how), written.least)
    plain, choices = _plain(field.annotation)
    return Option(name, plain, default, _with(field, _listed(choices)), least, most)


def _plain(annotation: Any) -> tuple[Any, tuple[str, ...]]:
    """A type that can be written as one word, and the words to choose from where it is a Literal."""
    if get_origin(annotation) in (Union, UnionType):
        inner, choices = _plain(get_args(annotation)[0])
        return inner | None, choices
    if get_origin(annotation) is Literal:
        return str, get_args(annotation)
    return annotation, ()


def _with(field: FieldInfo, remark: str) -> str:
    return f"{field.description} ({remark})" if remark else str(field.description)


def _listed(words: Iterable[str]) -> str:
    *before, last = list(words) or [""]
    return f"{', '.join(before)} or {last}" if before else last


def days_named(text: str) -> tuple[str, ...]:
    """`2022-05-08`, `2022-05-04..2022-05-08` or `2022-05-04,2022-05-06` as day keys.

    Raises:
        ValueError: no day, a malformed one, or a range that ends before it begins.
    """
    from warehouse.landing.service_time import ServiceZone

    zone = ServiceZone("UTC")  # a calendar only: day keys count alike in every fixed-offset zone
    days: list[str] = []
    for part in text.split(","):
        first, dots, last = part.strip().partition("..")
        in_range = zone.days_between(first, last if dots else first)
        if not in_range:
            raise ValueError(f"--days {text!r}: {last} lies before {first}")
        days += in_range
    return tuple(days)


def names_in(text: str) -> tuple[str, ...]:
    """`a, b` as names."""
    return tuple(name.strip() for name in text.split(","))


def distinct(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """The value; raises ValueError where an item stands in it twice."""
    if len(set(value)) != len(value):
        raise ValueError(f"named twice: {', '.join(str(item) for item in value)}")
    return value


def _if_text(read: Callable[[str], Any]) -> BeforeValidator:
    return BeforeValidator(lambda value: read(value) if isinstance(value, str) else value)


Names = Annotated[tuple[str, ...], _if_text(names_in), Written(str, "names with commas", ",".join)]
Days = Annotated[
    tuple[str, ...], _if_text(days_named), Written(str, "one, FIRST..LAST, or several with commas", ",".join)
]
#: A number of seeds stands for 0, 1, … below it.
Seeds = Annotated[
    tuple[int, ...],
    BeforeValidator(lambda value: tuple(range(value)) if isinstance(value, int) else value),
    Written(int, "how many", len, least=1),
]
Overrides = Annotated[tuple[str, ...], Written(list[str], "may be repeated", list)]
