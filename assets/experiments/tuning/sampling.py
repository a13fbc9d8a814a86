"""What a trial of a study tries: drawn from the trials before it, or from its own number alone.

A pure function of (seed, system) and of the finished trials (`draw`, by Optuna) or of the trial's number
(`point`, of a scrambled Sobol sequence), whatever other systems, workers or kills there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from assets.common.tuned import Scalar
from assets.experiments.tuning.settings import Sampler
from assets.experiments.tuning.trial import Trial
from models.ranking.training.search_space import Choice, Range, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

#: Trials before a sampler takes over from chance, the defaults included. Optuna's own ten would leave two of
#: twelve to it; a Gaussian process needs but one.
STARTUP: dict[Sampler, int] = {"tpe": 5, "gp": 1}
DIGITS = 3  #: significant, of a drawn number: more say nothing


def point(
    name: str, space: Space, defaults: Mapping[str, Scalar], number: int, seed: int
) -> dict[str, Scalar]:
    """The settings of a trial that depends on no other: a point of a scrambled Sobol sequence.

    Args:
        name: of the system; moves the scrambling, as the seed does.
        space: of the system, not empty.
        defaults: of every path of it, let in where the space leaves them out.
        number: of the trial; 0 has the defaults.
        seed: of the study.
    """
    if number == 0:
        return dict(defaults)
    import numpy as np
    from scipy.stats.qmc import Sobol

    sequence = Sobol(len(space), scramble=True, rng=np.random.default_rng(_seed(name, seed)))
    shares = sequence.random_base2((number - 1).bit_length())[number - 1].tolist()
    return {
        path: _at(widened(spread, defaults[path]), share)
        for (path, spread), share in zip(space.items(), shares, strict=True)
    }


def draw(
    name: str,
    space: Space,
    defaults: Mapping[str, Scalar],
    finished: Sequence[Trial],
    seed: int,
    sampler: Sampler,
) -> dict[str, Scalar]:
    """The settings of the trial after the finished ones, by one of Optuna's samplers."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {path: distribution(space, path, defaults[path]) for path in space}
    sampler_class = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}[sampler]
    drawing = sampler_class(seed=_seed(name, seed, len(finished)), n_startup_trials=STARTUP[sampler])
    memory = optuna.create_study(direction="maximize", sampler=drawing)
    for trial in finished:
        state = optuna.trial.TrialState.COMPLETE if trial.failed is None else optuna.trial.TrialState.FAIL
        memory.add_trial(
            optuna.trial.create_trial(
                params=trial.settings, distributions=distributions, value=trial.auc, state=state
            )
        )
    return {
        path: _rounded(value, widened(space[path], defaults[path]))
        for path, value in memory.ask(distributions).params.items()
    }


def widened(spread: Range | Choice, default: Scalar) -> Range | Choice:
    """The spread with the default let in, where it lies outside."""
    if isinstance(spread, Range):
        edge = float(default or spread.low)
        return Range(min(edge, spread.low), max(edge, spread.high))
    return spread if default in spread.values else Choice((*spread.values, default))


def distribution(space: Space, path: str, default: Scalar) -> BaseDistribution:
    """Where Optuna draws a setting from; a default outside its space is let in."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    spread = widened(space[path], default)
    if isinstance(spread, Range):
        return FloatDistribution(spread.low, spread.high, log=True)
    return CategoricalDistribution(spread.values)


def defaults_of(settings: BaseModel, space: Space) -> dict[str, Scalar]:
    """What the settings have at every path of a space."""
    return {path: value_at(settings, path) for path in space}


def value_at(settings: BaseModel, path: str) -> Scalar:
    """The setting at a dotted path.

    Raises:
        ValueError: there is none, or it holds further settings.
    """
    node: Any = settings.model_dump(mode="json")
    for part in path.split("."):
        if not isinstance(node, dict) or part not in node:
            raise ValueError(f"{type(settings).__name__} has no setting {path!r}; correct its space")
        node = node[part]
    if isinstance(node, dict):
        raise ValueError(f"{path!r} of {type(settings).__name__} holds further settings; correct its space")
    return node


def _seed(*about: str | int) -> int:
    """A seed that moves with all of these."""
    name, seed, *more = about
    return int.from_bytes(
        hashlib.blake2b(json.dumps([seed, name, *more]).encode(), digest_size=4).digest(), "big"
    )


def _at(spread: Range | Choice, share: float) -> Scalar:
    """The value that lies this share of the way through a spread, in [0, 1)."""
    if isinstance(spread, Choice):
        return spread.values[int(share * len(spread.values))]
    return _rounded(spread.low * (spread.high / spread.low) ** share, spread)


def _rounded(value: Any, spread: Range | Choice) -> Scalar:
    if isinstance(spread, Choice):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), spread.low), spread.high)
