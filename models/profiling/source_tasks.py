"""Source tasks from data: binary ways with masks, in two categories, by a registry in configuration (3.3.3).

The default registry names the nine of complete-journey first, then reserves that purchases alone answer; the
first nine that a source can answer are taken, so that a shop without survey and labels still has nine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from models.profiling.data import MISSING, Demographics, ProfileData
from models.profiling.usage import Measure, usage
from models.settings import Settings

Category = Literal["survey", "usage", "other"]


class LabelRule(Settings):
    """1 and 0 as the table `labels` has them; others are masked."""

    kind: Literal["label"] = "label"
    task: str  #: its name in the table


class ColumnRule(Settings):
    """A demographic column in a set of values, or above a number; users without an answer are masked.

    A category is read as the first number in it (`45-54` is 45, `65+` is 65). `median` cuts the training
    users who answered as evenly as their values allow.
    """

    kind: Literal["column"] = "column"
    column: str  #: compared without case
    values: tuple[str, ...] = ()  #: 1 for these, compared without case; 0 for all other known ones
    above: float | Literal["median"] | None = None  #: 1 above it; instead of `values`
    #: further columns that tell the answer, withheld from the network with `column`
    hides: tuple[str, ...] = ()


class UsageRule(Settings):
    """A habit above a number, or above the training users' median; users without purchases are masked."""

    kind: Literal["usage"] = "usage"
    measure: Measure  #: see models/profiling/usage.py
    above: float | Literal["median"] = "median"  #: 1 above it


class SourceTask(Settings):
    """A way: its name, category and rule."""

    name: str
    category: Category
    rule: Annotated[LabelRule | ColumnRule | UsageRule, Field(discriminator="kind")]


def _column(name: str, rule: ColumnRule) -> SourceTask:
    return SourceTask(name=name, category="survey", rule=rule)


def _label(name: str) -> SourceTask:
    return SourceTask(name=name, category="usage", rule=LabelRule(task=name))


def _habit(measure: Measure, above: float | Literal["median"] = "median") -> SourceTask:
    return SourceTask(name=measure, category="usage", rule=UsageRule(measure=measure, above=above))


_HOUSEHOLD = ("household_comp",)
DEFAULT_REGISTRY: tuple[SourceTask, ...] = (
    _column("age", ColumnRule(column="age", above="median")),
    _column("income", ColumnRule(column="income", above="median")),
    _column("home_owner", ColumnRule(column="home_ownership", values=("Homeowner", "Probable Homeowner"))),
    _column("married", ColumnRule(column="marital_status", values=("Married",), hides=_HOUSEHOLD)),
    _column("household_size", ColumnRule(column="household_size", above="median", hides=_HOUSEHOLD)),
    _column("kids", ColumnRule(column="kids_count", above=0, hides=_HOUSEHOLD)),
    _label("coupon_redemption"),
    _label("campaign_response"),
    _label("private_label_share"),
    _habit("weekend_share"),
    _habit("assortment"),
    _habit("mean_price"),
    _habit("evening_share"),
    _habit("basket_size"),
    _habit("brands_per_purchase"),
    _habit("top_genre_share"),
    _habit("morning_share"),
    _habit("baskets"),
    _habit("cancelled_share", above=0),
)


class SourceTaskSettings(Settings):
    """Which source tasks are trained on: the first with an answer of `extra`, other labels, `registry`."""

    count: int = Field(default=9, ge=1)  #: at most so many
    extra: tuple[SourceTask, ...] = ()  #: your own, before all others
    #: also the tasks of the table `labels` that no rule names, by name, before the registry
    other_labels: bool = True
    registry: tuple[SourceTask, ...] = DEFAULT_REGISTRY  #: the nine of complete-journey, then reserves
    min_labelled: int = Field(default=20, ge=1)  #: training users needed on either side


@dataclass(frozen=True)
class SourceTasks:
    """The ways of training."""

    names: tuple[str, ...]
    categories: tuple[Category, ...]
    value: np.ndarray  #: float32 [U, T]: 1, 0, or NaN where a user has no label (w_ni = 0)
    members: np.ndarray  #: bool [U, T]: whom a support may hold
    left_out: dict[str, str]  #: name → why it is not among them
    withheld: frozenset[str] = frozenset()  #: demographic columns that the chosen tasks read


def resolve(settings: SourceTaskSettings, data: ProfileData, train_users: np.ndarray) -> SourceTasks:
    """The source tasks that this data can answer: `extra`, other labels, `registry`, each in its order.

    Args:
        settings: the registry and how many are wanted.
        data: as of a day; nothing later than that day enters a label.
        train_users: bool [U]; medians and counts are theirs alone.

    Raises:
        ValueError: no task can be answered; or two tasks of one name.
    """
    registry = settings.extra + _other_labels(settings, data) + settings.registry
    names = [task.name for task in registry]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"source tasks named twice: {', '.join(twice)}; a name of `extra` must be new")
    chosen: list[SourceTask] = []
    columns: list[np.ndarray] = []
    left_out: dict[str, str] = {}
    for task in registry:  # a score of tasks
        if len(chosen) == settings.count:
            left_out[task.name] = f"{settings.count} tasks stand before it"
            continue
        value = _value(task.rule, data, train_users)
        if isinstance(value, str):
            left_out[task.name] = value
            continue
        sides = [int((value[train_users] == side).sum()) for side in (0, 1)]
        if min(sides) < settings.min_labelled:
            left_out[task.name] = (
                f"{sides[1]} training users with label 1, {sides[0]} with 0; {settings.min_labelled} needed"
            )
            continue
        chosen.append(task)
        columns.append(value.astype(np.float32))
    if not chosen:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ValueError(f"no source task can be answered before local day {data.as_of_day}: {reasons}")
    value = np.stack(columns, axis=1)
    read = [t.rule for t in chosen if isinstance(t.rule, ColumnRule)]
    return SourceTasks(
        names=tuple(task.name for task in chosen),
        categories=tuple(task.category for task in chosen),
        value=value,
        members=value == 1,
        left_out=left_out,
        withheld=_as_named(data.demographics, {name.lower() for r in read for name in (r.column, *r.hides)}),
    )


def _other_labels(settings: SourceTaskSettings, data: ProfileData) -> tuple[SourceTask, ...]:
    if data.labels is None or not settings.other_labels:
        return ()
    rules = settings.extra + settings.registry
    named = {task.rule.task for task in rules if isinstance(task.rule, LabelRule)}
    taken = {task.name for task in rules}
    return tuple(
        SourceTask(
            name=f"{task} (label)" if task in taken else task, category="other", rule=LabelRule(task=task)
        )
        for task in sorted(data.labels.tasks)
        if task not in named
    )


def _as_named(columns: Demographics | None, wanted: set[str]) -> frozenset[str]:
    if columns is None:
        return frozenset()
    names = (*columns.numeric_names, *columns.categorical_names)
    return frozenset(name for name in names if name.lower() in wanted)


def _value(
    rule: LabelRule | ColumnRule | UsageRule, data: ProfileData, users: np.ndarray
) -> np.ndarray | str:
    """float [U] with NaN where masked, or why the data cannot answer."""
    if isinstance(rule, LabelRule):
        if data.labels is None or rule.task not in data.labels.tasks:
            return f"no labels of task {rule.task!r} before the as-of day"
        return data.labels.value[:, data.labels.tasks.index(rule.task)]
    if isinstance(rule, ColumnRule):
        return _of_column(rule, data.demographics, users)
    return _above(usage(data, rule.measure), rule.above, users)


def _of_column(rule: ColumnRule, columns: Demographics | None, users: np.ndarray) -> np.ndarray | str:
    name = rule.column.lower()
    numeric = [other.lower() for other in (columns.numeric_names if columns else ())]
    categorical = [other.lower() for other in (columns.categorical_names if columns else ())]
    if columns is None or name not in (*numeric, *categorical):
        return f"no demographic column {rule.column!r}"
    if (rule.above is None) == (not rule.values):
        return "its rule needs either `values` or `above`"
    if name in numeric:
        number = columns.numeric[:, numeric.index(name)].astype(np.float64)
        if rule.above is None:
            return f"column {rule.column!r} is numeric: its rule needs `above`, not `values`"
        return _above(number, rule.above, users)
    at = categorical.index(name)
    codes, categories = columns.categorical[:, at], columns.categories[at]
    if rule.above is not None:
        first = [re.search(r"-?\d+(\.\d+)?", text) for text in categories]
        number = np.asarray([*(float(m.group()) if m else np.nan for m in first), np.nan])[codes]
        return _above(number, rule.above, users)
    wanted = {text.lower() for text in rule.values}
    inside = np.asarray([*(float(text.lower() in wanted) for text in categories), np.nan])
    return inside[codes]  # MISSING is -1: the last, NaN


def _above(number: np.ndarray, above: float | Literal["median"], users: np.ndarray) -> np.ndarray:
    known = ~np.isnan(number)
    if above == "median":
        above = _even_cut(number[users & known])
    return np.where(known, (number > above).astype(np.float64), np.nan)


def _even_cut(numbers: np.ndarray) -> float:
    """The value above which lies a share nearest to one half: the median, but for ties (age bands, say)."""
    if len(numbers) == 0:
        return 0.0
    values, counts = np.unique(numbers, return_counts=True)
    above = 1.0 - counts.cumsum() / len(numbers)
    return float(values[np.abs(above - 0.5).argmin()])


assert MISSING == -1  # categories are looked up with one entry more, NaN, for it
