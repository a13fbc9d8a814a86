"""The systems of a profile evaluation by name: each is trained once a fold and seed, then scores every case.

`trains_on_brand` marks those whose `score` trains on the labels it is given: their cases are spread over
workers, and they are asked with one seed a fold, of the brands at all customers only. What is meta-trained is
stored in a folder of the run, so that fine-tuning, other workers and a run that goes on after a kill find it
again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assets.common.provenance import flat
from assets.experiments.profilers import protocol
from assets.experiments.profilers.evaluation import Evaluation
from models.profiling.opponents import activity_alone, cosine_to_customers, ridge_on_spend, user_prior
from models.profiling.source_brands import SourceBrands, source_brands
from models.progress import Progress

if TYPE_CHECKING:
    from models.profiling.meta_profile import MetaProfile
    from models.profiling.modalities import Modality
    from models.profiling.prior import MetaProfilePriorSettings
    from models.profiling.profiler import Scorer
    from models.profiling.settings import MetaProfileSettings, NormalTrainingSettings
    from models.settings import Settings


@dataclass(frozen=True)
class Fold:
    """What a system may know when it is trained: the data before D and who may be learned from."""

    evaluation: Evaluation
    fold: int
    seed: int
    size: str
    device: str
    scratch: Path  #: where trained networks of this run lie
    progress: Progress | None = None
    target: str = ""  #: the brand, for a system that trains on each

    @property
    def own_seed(self) -> int:
        """For a system that trains on each brand: a start of its own, so that none is common to all."""
        return protocol.digest(f"{self.seed}/{self.fold}/{self.target}") % 2**31

    @cached_property
    def train_users(self) -> np.ndarray:
        """bool [U]."""
        return self.evaluation.train_users(self.fold)

    @cached_property
    def source(self) -> SourceBrands:
        """Source brands with their first purchases in the horizon before D, train users only."""
        evaluation = self.evaluation
        return source_brands(
            evaluation.data,
            self.train_users,
            excluded=evaluation.excluded,
            horizon=evaluation.dates.horizon,
        )


@dataclass(frozen=True)
class ProfileSystem:
    """One system."""

    make: Callable[[Fold], Scorer]
    #: of a size, by part; those in closed form have none
    settings: Callable[[str], dict[str, Settings]] = lambda size: {}  # noqa: ARG005
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
    from models.profiling.joint_logistic import JointLogistic

    return JointLogistic.train(fold.evaluation.data, fold.train_users, fold.source, seed=fold.seed)


def _logistic_baskets(fold: Fold) -> Scorer:
    from models.profiling.afternoon import logistic_on_baskets

    return logistic_on_baskets(fold.evaluation.data, fold.train_users)


def _als(fold: Fold) -> Scorer:
    from models.profiling.afternoon import logistic_on_factors

    return logistic_on_factors(fold.evaluation.data, fold.train_users, seed=fold.seed)


def _lightgbm_baskets(fold: Fold) -> Scorer:
    from models.profiling.afternoon import trees_on_baskets

    return trees_on_baskets(fold.evaluation.data, fold.train_users, seed=fold.seed)


def _neighbours(fold: Fold) -> Scorer:
    from models.profiling.afternoon import nearest_baskets

    return nearest_baskets(fold.evaluation.data, fold.train_users)


def _printed(size: str) -> MetaProfileSettings:
    from models.profiling import settings

    return settings.PRINTED if size == "real" else settings.TINY


def _meta_trained(fold: Fold) -> MetaProfile:
    """The printed network of this fold and seed, trained once a run."""
    from models.profiling.meta_profile import MetaProfile

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
    from models.profiling.normal_training import NormalTraining

    return NormalTraining.finetuning(
        _meta_trained(fold),
        fold.evaluation.data,
        fold.train_users,
        seed=fold.own_seed,
        rule=_finetune_rule(),
        scored=fold.evaluation.folds[fold.fold],
    )


def _finetune_rule() -> NormalTrainingSettings:
    from models.profiling.settings import NormalTrainingSettings

    return NormalTrainingSettings()


def _normal_rule(size: str) -> NormalTrainingSettings:
    """The printed schedule whole, however few the labels.

    Chosen on development: with 30 steps at 1 % and 5 % of labels the network still ranks the inactive first
    (AUROC .35 to .42 with every seed); a gain over that would be a gain over a network that is not trained.
    """
    from models.profiling.settings import NormalTrainingSettings

    steps = _printed(size).schedule.steps
    return NormalTrainingSettings(min_steps=steps, max_steps=steps)


def _normal(fold: Fold) -> Scorer:
    from models.profiling.normal_training import NormalTraining

    return NormalTraining.ready(
        _printed(fold.size),
        fold.evaluation.data,
        fold.train_users,
        seed=fold.own_seed,
        rule=_normal_rule(fold.size),
        scored=fold.evaluation.folds[fold.fold],
        device=fold.device,
    )


def _ours(size: str) -> MetaProfilePriorSettings:  # noqa: ARG001
    from models.profiling.prior import MetaProfilePriorSettings

    return MetaProfilePriorSettings()


def _meta_profile_prior(fold: Fold) -> Scorer:
    from models.profiling.prior import MetaProfilePrior

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


def _modalities(*chosen: Modality) -> ProfileSystem:
    """`meta_profile_prior` with these modalities in place of purchases."""

    def make(fold: Fold) -> Scorer:
        from models.profiling.modalities import ready_with

        return ready_with(
            chosen,
            _ours(fold.size),
            fold.evaluation.data,
            fold.train_users,
            _heat_network(fold) if "heatmap" in chosen else None,
            excluded_brands=fold.evaluation.excluded,
            seed=fold.seed,
            device=fold.device,
        )

    def settings(size: str) -> dict[str, Settings]:
        parts: dict[str, Settings] = {"prior": _ours(size)}
        return parts | ({"network": _printed(size)} if "heatmap" in chosen else {})

    return ProfileSystem(make, settings)


def _heat_network(fold: Fold) -> MetaProfile:
    """The network whose embeddings are the modality of heatmaps, trained once a fold and seed."""
    from models.profiling.meta_profile import MetaProfile
    from models.profiling.modalities import heat_network
    from models.profiling.teaching import TeachingWindow

    folder = fold.scratch / f"heat_network.{fold.fold}.{fold.seed}"
    if folder.exists():
        return MetaProfile.load(folder, fold.device)
    data = fold.evaluation.data
    trained = heat_network(
        _printed(fold.size),
        data,
        TeachingWindow.of(_ours(fold.size), data, fold.train_users, fold.seed),
        seed=fold.seed,
        device=fold.device,
        progress=fold.progress,
    )
    trained.save(folder)
    return trained


PROFILE_SYSTEMS: dict[str, ProfileSystem] = {
    "normal_training": ProfileSystem(
        _normal, lambda size: {"network": _printed(size), "rule": _normal_rule(size)}, trains_on_brand=True
    ),
    "meta_profile": ProfileSystem(_meta_profile, lambda size: {"network": _printed(size)}),
    "meta_profile_finetune": ProfileSystem(
        _finetuned, lambda size: {"network": _printed(size), "rule": _finetune_rule()}, trains_on_brand=True
    ),
    "meta_profile_prior": ProfileSystem(_meta_profile_prior, lambda size: {"prior": _ours(size)}),
    "activity": ProfileSystem(_activity),
    "prior": ProfileSystem(_prior),
    "cosine": ProfileSystem(_cosine),
    "ridge": ProfileSystem(_ridge),
    "joint_logistic": ProfileSystem(_joint),
    "logistic_baskets": ProfileSystem(_logistic_baskets),
    "als": ProfileSystem(_als),
    "lightgbm_baskets": ProfileSystem(_lightgbm_baskets),
    "neighbours": ProfileSystem(_neighbours),
    "modality_none": _modalities(),
    "modality_purchases": _modalities("purchases"),
    "modality_heatmap": _modalities("heatmap"),
    "modality_points": _modalities("points"),
    "modality_demographics": _modalities("demographics"),
    "modality_all": _modalities("purchases", "heatmap", "points", "demographics"),
}


def settings_of(names: tuple[str, ...], size: str) -> dict[str, dict[str, str]]:
    """Every setting behind the evaluation, by system; those in closed form have none."""
    chosen = {name: PROFILE_SYSTEMS[name].settings(size) for name in names}
    return {
        name: {key: text for part, values in parts.items() for key, text in flat(values, f"{part}.").items()}
        for name, parts in chosen.items()
    }
