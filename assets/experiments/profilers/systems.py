"""The systems of a profile evaluation by name: each is trained once a fold and seed, then scores every case.

`trains_on_brand` marks those whose `score` trains on the labels it is given: their cases are spread over
workers, and they are asked with one seed a fold, of the brands at all customers only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.common.provenance import flat
from assets.experiments.profilers import networks
from assets.experiments.profilers.folds import Fold
from assets.experiments.profilers.modality_names import MODALITIES as PREFIX
from models.profiling.modality import MODALITIES, Modality
from models.profiling.opponents import activity_alone, cosine_to_customers, ridge_on_spend, user_prior

if TYPE_CHECKING:
    from models.profiling.profiler import Scorer
    from models.settings import Settings


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


def _logistic_activity(fold: Fold) -> Scorer:
    from models.profiling.afternoon import logistic_on_activity

    return logistic_on_activity(fold.evaluation.data, fold.train_users)


def _als(fold: Fold) -> Scorer:
    from models.profiling.afternoon import logistic_on_factors

    return logistic_on_factors(fold.evaluation.data, fold.train_users, seed=fold.seed)


def _lightgbm_baskets(fold: Fold) -> Scorer:
    from models.profiling.afternoon import trees_on_baskets

    return trees_on_baskets(fold.evaluation.data, fold.train_users, seed=fold.seed)


def _neighbours(fold: Fold) -> Scorer:
    from models.profiling.afternoon import nearest_baskets

    return nearest_baskets(fold.evaluation.data, fold.train_users)


def _meta_profile_prior(fold: Fold) -> Scorer:
    from models.profiling.prior import MetaProfilePrior

    data = fold.evaluation.data
    trained = MetaProfilePrior.train(
        networks.ours(fold.size),
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
            networks.ours(fold.size),
            fold.evaluation.data,
            fold.train_users,
            networks.heat_network_of(fold) if "heatmap" in chosen else None,
            excluded_brands=fold.evaluation.excluded,
            seed=fold.seed,
            earlier=fold.evaluation.earlier,
            device=fold.device,
        )

    def settings(size: str) -> dict[str, Settings]:
        parts: dict[str, Settings] = {"prior": networks.ours(size)}
        return parts | ({"network": networks.printed(size)} if "heatmap" in chosen else {})

    return ProfileSystem(make, settings)


def _study_of_modalities() -> dict[str, ProfileSystem]:
    """None and all, each alone, each left out."""
    chosen: dict[str, tuple[Modality, ...]] = {"none": (), "all": MODALITIES}
    chosen |= {one: (one,) for one in MODALITIES}
    chosen |= {f"without_{one}": tuple(other for other in MODALITIES if other != one) for one in MODALITIES}
    return {f"{PREFIX}{name}": _modalities(*parts) for name, parts in chosen.items()}


def _normal_settings(size: str) -> dict[str, Settings]:
    return {"network": networks.printed(size), "rule": networks.normal_rule(size)}


def _printed_settings(size: str) -> dict[str, Settings]:
    return {"network": networks.printed(size)}


def _finetune_settings(size: str) -> dict[str, Settings]:
    return {"network": networks.printed(size), "rule": networks.finetune_rule()}


def _ours_settings(size: str) -> dict[str, Settings]:
    return {"prior": networks.ours(size)}


PROFILE_SYSTEMS: dict[str, ProfileSystem] = {
    "normal_training": ProfileSystem(networks.normal_training, _normal_settings, trains_on_brand=True),
    "meta_profile": ProfileSystem(networks.meta_profile, _printed_settings),
    "meta_profile_ridge": ProfileSystem(networks.meta_profile_ridge, _printed_settings),
    "meta_profile_finetune": ProfileSystem(networks.finetuned, _finetune_settings, trains_on_brand=True),
    "meta_profile_prior": ProfileSystem(_meta_profile_prior, _ours_settings),
    "activity": ProfileSystem(_activity),
    "prior": ProfileSystem(_prior),
    "cosine": ProfileSystem(_cosine),
    "ridge": ProfileSystem(_ridge),
    "joint_logistic": ProfileSystem(_joint),
    "logistic_baskets": ProfileSystem(_logistic_baskets),
    "logistic_activity": ProfileSystem(_logistic_activity),
    "als": ProfileSystem(_als),
    "lightgbm_baskets": ProfileSystem(_lightgbm_baskets),
    "neighbours": ProfileSystem(_neighbours),
    **_study_of_modalities(),
}


def settings_of(names: tuple[str, ...], size: str) -> dict[str, dict[str, str]]:
    """Every setting behind the evaluation, by system; those in closed form have none."""
    chosen = {name: PROFILE_SYSTEMS[name].settings(size) for name in names}
    return {
        name: {key: text for part, values in parts.items() for key, text in flat(values, f"{part}.").items()}
        for name, parts in chosen.items()
    }
