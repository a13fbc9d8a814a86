"""The systems that are trained by gradient steps, and the settings of all that learn.

What is meta-trained is stored in a folder of the run, so that fine-tuning, other workers and a run that goes
on after a kill find it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from assets.experiments.profilers.folds import Fold

if TYPE_CHECKING:
    from models.profiling.meta_profile import MetaProfile
    from models.profiling.prior import MetaProfilePriorSettings
    from models.profiling.profiler import Scorer
    from models.profiling.settings import MetaProfileSettings, NormalTrainingSettings


def printed(size: str) -> MetaProfileSettings:
    """The printed network, or one of the same shape that trains in seconds."""
    from models.profiling import settings

    return settings.PRINTED if size == "real" else settings.TINY


def meta_trained(fold: Fold) -> MetaProfile:
    """The printed network of this fold and seed, trained once a run."""
    from models.profiling.meta_profile import MetaProfile

    return _once(
        fold,
        "meta_profile",
        lambda: MetaProfile.train(
            printed(fold.size),
            fold.evaluation.data,
            fold.train_users,
            seed=fold.seed,
            device=fold.device,
            progress=fold.progress,
        ),
    )


def _once(fold: Fold, name: str, train: Callable[[], MetaProfile]) -> MetaProfile:
    """What an earlier call stored for this fold and seed; else trained and stored."""
    from models.profiling.meta_profile import MetaProfile

    folder = fold.scratch / f"{name}.{fold.fold}.{fold.seed}"
    if folder.exists():
        return MetaProfile.load(folder, fold.device)
    trained = train()
    trained.save(folder)
    return trained


def meta_profile(fold: Fold) -> Scorer:
    """The printed network, ready at the as-of date."""
    return meta_trained(fold).ready(fold.evaluation.data)


def meta_profile_ridge(fold: Fold) -> Scorer:
    """The printed embeddings with a closed-form head in place of the printed one."""
    return meta_trained(fold).with_ridge(fold.evaluation.data, fold.train_users)


def finetuned(fold: Fold) -> Scorer:
    """The printed network, fine-tuned on the labels of each case."""
    from models.profiling.normal_training import NormalTraining

    return NormalTraining.finetuning(
        meta_trained(fold),
        fold.evaluation.data,
        fold.train_users,
        seed=fold.own_seed,
        rule=finetune_rule(),
        scored=fold.evaluation.folds[fold.fold],
    )


def finetune_rule() -> NormalTrainingSettings:
    """How long fine-tuning takes."""
    from models.profiling.settings import NormalTrainingSettings

    return NormalTrainingSettings()


def normal_rule(size: str) -> NormalTrainingSettings:
    """The printed schedule whole, however few the labels.

    Chosen on development: with 30 steps at 1 % and 5 % of labels the network still ranks the inactive first
    (AUROC .35 to .42 with every seed); a gain over that would be a gain over a network that is not trained.
    """
    from models.profiling.settings import NormalTrainingSettings

    steps = printed(size).schedule.steps
    return NormalTrainingSettings(min_steps=steps, max_steps=steps)


def normal_training(fold: Fold) -> Scorer:
    """The same network from a random start, trained on the labels of each case (the baseline)."""
    from models.profiling.normal_training import NormalTraining

    return NormalTraining.ready(
        printed(fold.size),
        fold.evaluation.data,
        fold.train_users,
        seed=fold.own_seed,
        rule=normal_rule(fold.size),
        scored=fold.evaluation.folds[fold.fold],
        device=fold.device,
    )


def heat_network_of(fold: Fold) -> MetaProfile:
    """The network whose embeddings are the modality of heatmaps, trained once a fold and seed."""
    from models.profiling.modalities import heat_network
    from models.profiling.teaching import TeachingWindow

    data = fold.evaluation.data
    return _once(
        fold,
        "heat_network",
        lambda: heat_network(
            printed(fold.size),
            data,
            TeachingWindow.of(ours(fold.size), data, fold.train_users, fold.seed),
            seed=fold.seed,
            device=fold.device,
            progress=fold.progress,
        ),
    )


def ours(size: str) -> MetaProfilePriorSettings:  # noqa: ARG001
    """Settings of `meta_profile_prior`: the same in both sizes."""
    from models.profiling.prior import MetaProfilePriorSettings

    return MetaProfilePriorSettings()
