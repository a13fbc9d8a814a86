"""Who a group of users is, beside others: how much they buy, what, and what a survey says of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from models.profiling.activity import ACTIVITY_NAMES, activity_columns
from models.profiling.data import ProfileData

HABITS = {
    "baskets_90d": "baskets in 90 days",
    "items_90d": "items in 90 days",
    "spend_90d": "spend in 90 days",
    "brands_90d": "brands in 90 days",
    "new_brands_90d": "new brands tried in 90 days",
    "days_since_last": "days since the last purchase",
}
MOST_TRAITS = 6  #: genres and survey answers shown of each kind
LEAST_GROUP_SHARE = 0.05  #: of a group, for a genre or answer to be worth a line


@dataclass(frozen=True)
class Trait:
    """One line of a portrait: a figure a group."""

    kind: str  #: habit (a median), genre (share who bought it) or survey (share of those asked)
    name: str
    values: tuple[float, ...]  #: one a group, in the order of the groups; NaN where nobody was asked


def portrait(data: ProfileData, groups: Mapping[str, np.ndarray]) -> list[Trait]:
    """Medians of habits, then the genres and survey answers in which the first group differs most.

    Args:
        data: all known before the as-of date.
        groups: name → int64 [n] positions, n >= 1; the last one is what the others are compared with.
    """
    users = list(groups.values())
    columns = np.expm1(activity_columns(data.purchases, data.as_of_day, len(data)))
    habits = [
        Trait(
            "habit",
            label,
            tuple(float(np.median(columns[group, ACTIVITY_NAMES.index(name)])) for group in users),
        )
        for name, label in HABITS.items()
    ]
    return [*habits, *_most(_genres(data, users)), *_most(_survey(data, users))]


def _genres(data: ProfileData, groups: list[np.ndarray]) -> list[Trait]:
    """Share of each group that bought a genre of the first level."""
    log, names = data.purchases, data.purchases.genre_names[0]
    bought = np.zeros((len(data), len(names)), dtype=bool)
    valid = ~log.cancelled
    bought[log.user[valid], log.genre[valid, 0]] = True
    shares = np.stack([bought[group].mean(axis=0) for group in groups], axis=1)
    return [Trait("genre", name, tuple(map(float, row))) for name, row in zip(names, shares, strict=True)]


def _survey(data: ProfileData, groups: list[np.ndarray]) -> list[Trait]:
    """Share of each answer among those of a group who gave one."""
    if data.demographics is None:
        return []
    traits = []
    answers = data.demographics
    for column, name in enumerate(answers.categorical_names):
        answered = [answers.categorical[group, column] for group in groups]
        for code, value in enumerate(answers.categories[column]):
            shares = tuple(_share(codes, code) for codes in answered)
            traits.append(Trait("survey", f"{name}: {value}", shares))
    return traits


def _share(codes: np.ndarray, code: int) -> float:
    answered = codes >= 0
    return float((codes[answered] == code).mean()) if answered.any() else float("nan")


def _most(traits: list[Trait]) -> list[Trait]:
    """Those in which the first group stands furthest above the last, most first."""
    fit = [
        trait
        for trait in traits
        if trait.values[0] >= LEAST_GROUP_SHARE and trait.values[0] > trait.values[-1]
    ]
    fit.sort(key=lambda trait: (trait.values[-1] - trait.values[0], trait.name))
    return fit[:MOST_TRAITS]
