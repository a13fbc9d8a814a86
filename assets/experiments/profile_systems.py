"""The systems of a profile evaluation by name: each is trained once a fold and seed, then scores every case.

`trains_on_brand` marks those whose `score` trains on the labels it is given: their cases are spread over
workers, and the table of brands asks them with the first seed only. What is meta-trained is stored in a
folder of the run, so that fine-tuning, other workers and a run that goes on after a kill find it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assets.experiments.profile_data import Evaluation
from models.meta_profile.opponents import (
    SourceBrands,
    activity_alone,
    cosine_to_customers,
    ridge_on_spend,
    source_brands,
    user_prior,
)

if TYPE_CHECKING:
    from models.meta_profile.meta_profile import MetaProfile
    from models.meta_profile.prior import MetaProfilePriorSettings
    from models.meta_profile.profiler import Scorer
    from models.meta_profile.settings import MetaProfileSettings
    from models.settings import Settings

ProgressCallback = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Fold:
    """What a system may know when it is trained: the data before D and who may be learned from."""

    evaluation: Evaluation
    fold: int
    seed: int
    size: str
    device: str
    scratch: Path  #: where trained networks of this run lie
    progress: ProgressCallback | None = None

    @cached_property
    def train_users(self) -> np.ndarray:
        """bool [U]."""
        return self.evaluation.train_users(self.fold)

    @cached_property
    def source(self) -> SourceBrands:
        """Source brands with their first purchases in the horizon before D, train users only."""
        found = self.evaluation
        return source_brands(
            found.data, self.train_users, excluded=found.excluded, horizon=found.dates.horizon
        )


@dataclass(frozen=True)
class ProfileSystem:
    """One system."""

    make: Callable[[Fold], Scorer]
    settings: Callable[[str], Settings | None] = lambda size: None  # noqa: ARG005
    trains_on_brand: bool = False


def _activity(fold: Fold) -> Scorer:
    return activity_alone(fold.evaluation.data)


def _prior(fold: Fold) -> Scorer:
    return user_prior(fold.evaluation.data, fold.train_users, fold.source)


def _cosine(fold: Fold) -> Scorer:
    return cosine_to_customers(fold.evaluation.data)


def _ridge(fold: Fold) -> Scorer:
    return ridge_on_spend(fold.evaluation.data, fold.train_users)


def _joint(fold: Fold) -> Scorer:
    from models.meta_profile.joint_logistic import JointLogistic

    return JointLogistic.train(fold.evaluation.data, fold.train_users, fold.source, seed=fold.seed)


def _printed(size: str) -> MetaProfileSettings:
    from models.meta_profile import settings

    return settings.PRINTED if size == "real" else settings.TINY


def _meta_trained(fold: Fold) -> MetaProfile:
    """The printed network of this fold and seed, trained once a run."""
    from models.meta_profile.meta_profile import MetaProfile

    folder = fold.scratch / f"meta_profile.{fold.fold}.{fold.seed}"
    if folder.exists():
        return MetaProfile.load(folder, fold.device)
    trained = MetaProfile.train(
        _printed(fold.size),
        fold.evaluation.data,
        fold.train_users,
        seed=fold.seed,
        device=fold.device,
        progress=fold.progress,
    )
    trained.save(folder)
    return trained


def _meta_profile(fold: Fold) -> Scorer:
    return _meta_trained(fold).ready(fold.evaluation.data)


def _finetuned(fold: Fold) -> Scorer:
    from models.meta_profile.normal_training import NormalTraining

    return NormalTraining.finetuning(
        _meta_trained(fold),
        fold.evaluation.data,
        fold.train_users,
        seed=fold.seed,
        wanted=fold.evaluation.folds[fold.fold],
    )


def _normal(fold: Fold) -> Scorer:
    from models.meta_profile.normal_training import NormalTraining

    return NormalTraining.ready(
        _printed(fold.size),
        fold.evaluation.data,
        fold.train_users,
        seed=fold.seed,
        wanted=fold.evaluation.folds[fold.fold],
        device=fold.device,
    )


def _ours(size: str) -> MetaProfilePriorSettings:  # noqa: ARG001
    from models.meta_profile.prior import MetaProfilePriorSettings

    return MetaProfilePriorSettings()


def _meta_profile_prior(fold: Fold) -> Scorer:
    from models.meta_profile.prior import MetaProfilePrior

    data = fold.evaluation.data
    trained = MetaProfilePrior.train(
        _ours(fold.size),
        data,
        fold.train_users,
        excluded_brands=fold.evaluation.excluded,
        seed=fold.seed,
        device=fold.device,
        progress=fold.progress,
    )
    return trained.ready(data, background=fold.train_users)


PROFILE_SYSTEMS: dict[str, ProfileSystem] = {
    "normal_training": ProfileSystem(_normal, _printed, trains_on_brand=True),
    "meta_profile": ProfileSystem(_meta_profile, _printed),
    "meta_profile_finetune": ProfileSystem(_finetuned, _printed, trains_on_brand=True),
    "meta_profile_prior": ProfileSystem(_meta_profile_prior, _ours),
    "activity": ProfileSystem(_activity),
    "prior": ProfileSystem(_prior),
    "cosine": ProfileSystem(_cosine),
    "ridge": ProfileSystem(_ridge),
    "joint_logistic": ProfileSystem(_joint),
}


def known_systems(names: tuple[str, ...]) -> None:
    """Refuse names that are none.

    Raises:
        ValueError: an unknown system.
    """
    unknown = [name for name in names if name not in PROFILE_SYSTEMS]
    if unknown:
        raise ValueError(f"unknown system {', '.join(unknown)}; known: {', '.join(PROFILE_SYSTEMS)}")
