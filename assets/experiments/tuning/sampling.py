"""What the next trial of a study tries: drawn by an Optuna sampler from the trials before it.

A pure function of (seed, system, finished trials), whatever other systems, workers or kills there are.
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

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from models.ranking.training.search_space import Space

#: Trials before a sampler takes over from chance, the defaults included. Optuna's own ten would leave two of
#: twelve to it; a Gaussian process needs but one.
STARTUP: dict[Sampler, int] = {"tpe": 5, "gp": 1}
DIGITS = 3  #: significant, of a drawn number: more say nothing


def draw(
    name: str,
    space: Space,
    defaults: Mapping[str, Scalar],
    finished: Sequence[Trial],
    seed: int,
    sampler: Sampler,
) -> dict[str, Scalar]:
    """The settings of the trial after the finished ones."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {path: distribution(space, path, defaults[path]) for path in space}
    digest = hashlib.blake2b(json.dumps([seed, name, len(finished)]).encode(), digest_size=4).digest()
    sampler_class = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}[sampler]
    drawing = sampler_class(seed=int.from_bytes(digest, "big"), n_startup_trials=STARTUP[sampler])
    memory = optuna.create_study(direction="maximize", sampler=drawing)
    for trial in finished:
        state = optuna.trial.TrialState.COMPLETE if trial.failed is None else optuna.trial.TrialState.FAIL
        memory.add_trial(
            optuna.trial.create_trial(
                params=trial.settings, distributions=distributions, value=trial.auc, state=state
            )
        )
    return {
        path: _rounded(value, distributions[path]) for path, value in memory.ask(distributions).params.items()
    }


def distribution(space: Space, path: str, default: Scalar) -> BaseDistribution:
    """Where a setting is drawn from; a default outside its space is let in."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    from models.ranking.training.search_space import Range

    spread = space[path]
    if isinstance(spread, Range):
        low, high = (
            bound(edge, float(default or edge)) for bound, edge in ((min, spread.low), (max, spread.high))
        )
        return FloatDistribution(low, high, log=True)
    values = spread.values
    return CategoricalDistribution(values if default in values else (*values, default))


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


def _rounded(value: Any, spread: BaseDistribution) -> Scalar:
    from optuna.distributions import FloatDistribution

    if not isinstance(spread, FloatDistribution):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), spread.low), spread.high)
