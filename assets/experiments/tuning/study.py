"""One system's study: trials of settings on validation days, each scored as a comparison scores a system.

A trial trains the system on what was received before each day, then scores each hour before adapting on it;
its figure is the mean over the days of the AUC of a day's exposures pooled. Trial 0 has the registry's
defaults. Each further one is what an Optuna sampler draws from the trials before it, with a seed of (seed,
system, number): a pure function of what is finished, whatever other systems, workers or kills there are.
Nothing is pruned, so that every system has the same budget.

Needs the logs in memory, `models` and Optuna: no warehouse.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from assets.common.tuned import Scalar, changed
from assets.experiments.tuning.choice import paired_error
from models.progress import Progress

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from models.ranking.features.event_log import EventLog
    from models.ranking.training.search_space import Space
    from models.ranking.training.system import LongTermVectors, SystemEntry, SystemSettings

Day = tuple["EventLog", Sequence["EventLog"]]  #: all received before a day, and its hours
Scores = Sequence[np.ndarray]  #: of each day, float64 [E], in the order of its exposures

Sampler = Literal["tpe", "gp"]

#: Trials before a sampler takes over from chance, the defaults included. Optuna's own ten would leave two of
#: twelve to it; a Gaussian process needs but one.
STARTUP: dict[Sampler, int] = {"tpe": 5, "gp": 1}
DIGITS = 3  #: significant, of a drawn number: more say nothing


class Diverged(ValueError):
    """A training whose scores are no numbers."""


class Trial(BaseModel):
    """One setting of a system, as it scored on the validation days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int  #: from 0, the defaults
    settings: dict[str, Scalar]  #: every path of the system's space → value
    auc: float | None  #: mean over the days; None where the trial failed
    auc_by_day: tuple[float | None, ...]  #: None of days with one class only, and of a failed trial
    error: float | None  #: paired standard error of `auc` minus that of trial 0; None without it
    seconds: float  #: 0 where an earlier trial had the same settings and its figures were taken
    failed: str | None = None  #: the reason


def study(
    name: str,
    entry: SystemEntry,
    days: Sequence[Day],
    *,
    trials: int,
    size: Literal["real", "tiny"] = "real",
    seed: int = 0,
    sampler: Sampler = "tpe",
    device: str = "cpu",
    long_term: Sequence[LongTermVectors] | None = None,
    finished: Sequence[Trial] = (),
    default_scores: Scores | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[Trial, Scores | None]]:
    """Run the trials that are not finished yet, and give each with its scores as it ends.

    Args:
        name: of the system; part of the sampler's seed.
        entry: its registry entry. A system without a space has one trial.
        days: the validation days.
        trials: in all, finished ones included.
        size: which configuration to begin from.
        seed: of training and of the sampler.
        sampler: Optuna's tree-structured Parzen estimator or its Gaussian process.
        device: where to train and score.
        long_term: the long-term vectors before each day, for systems that read them.
        finished: trials 0, 1, … of a study that was cut short.
        default_scores: of trial 0, where it is among them; without them it is run again if need be.
        progress: told (stage, days done, days in all).
    """
    system = getattr(entry, size)
    defaults = {path: value_at(system, path) for path in entry.space}
    done, total = list(finished), trials if entry.space else 1
    if default_scores is None and 0 < len(done) < total and done[0].failed is None:
        default_scores = attempt(0, system, defaults, days, seed, device, long_term)[1]
    for number in range(len(done), total):
        settings = defaults if number == 0 else draw(name, entry.space, defaults, done, seed, sampler)
        same = next((trial for trial in done if trial.settings == settings), None)
        scores: Scores | None = None

        def told(day: int, number: int = number) -> None:
            if progress is not None:
                progress(f"{name}: days", number * len(days) + day, total * len(days))

        told(0)
        if same is not None:
            trial = same.model_copy(update={"number": number, "seconds": 0.0})
        else:
            trial, scores = attempt(number, system, settings, days, seed, device, long_term, told)
        told(len(days))
        if number == 0:
            default_scores = scores
        elif scores is not None and default_scores is not None:
            trial = trial.model_copy(update={"error": paired_error(days, default_scores, scores)})
        done.append(trial)
        yield trial, scores


def attempt(
    number: int,
    system: SystemSettings,
    settings: Mapping[str, Scalar],
    days: Sequence[Day],
    seed: int,
    device: str,
    long_term: Sequence[LongTermVectors] | None,
    told: Callable[[int], None] | None = None,
) -> tuple[Trial, Scores | None]:
    """One trial. Whatever its settings bring about is recorded with the reason, and ends nothing else."""
    from models.metrics import auc

    started = time.perf_counter()
    scores: list[np.ndarray] = []
    failed, figures = None, []
    try:
        chosen = changed(system, settings)
        for place, day in enumerate(days):
            vectors = long_term[place] if long_term is not None and chosen.uses_long_term else None
            scores.append(scores_of(chosen, day, seed, device, vectors))
            labels = np.concatenate([hour.exposures.clicked for hour in day[1]])
            figures.append(auc(labels, scores[-1]))
            if told is not None:
                told(place + 1)
    except Exception as error:
        failed, figures = f"{type(error).__name__}: {error}", [None] * len(days)
    known = [figure for figure in figures if figure is not None]
    if not known and failed is None:
        failed = "no day has both classes"
    trial = Trial(
        number=number,
        settings=dict(settings),
        auc=float(np.mean(known)) if known else None,
        auc_by_day=tuple(figures),
        error=None,
        seconds=time.perf_counter() - started,
        failed=failed,
    )
    return trial, None if failed else scores


def scores_of(
    system: SystemSettings, day: Day, seed: int, device: str, long_term: LongTermVectors | None
) -> np.ndarray:
    """Click probabilities of a day's exposures, float64 [E]: each hour is scored, then adapted on.

    Raises:
        Diverged: some are no numbers.
    """
    from models.ranking.day import ServedDay

    history, hours = day
    served = ServedDay.train(system, history, seed=seed, device=device, long_term=long_term)
    scores = []
    for scored in served.live(hours):
        if not np.isfinite(scored.probability).all():
            raise Diverged("scores are not finite")
        scores.append(scored.probability)
    return np.concatenate(scores)


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
    made = {"tpe": optuna.samplers.TPESampler, "gp": optuna.samplers.GPSampler}[sampler]
    chance = made(seed=int.from_bytes(digest, "big"), n_startup_trials=STARTUP[sampler])
    memory = optuna.create_study(direction="maximize", sampler=chance)
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
