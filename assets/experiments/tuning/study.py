"""One system's study in turn: trials of settings on validation days, scored as a comparison scores a system.

A trial trains the system on the window before each day, then scores each hour before adapting on it; its
figure is the mean over the days of the AUC of a day's exposures pooled. Trial 0 has the registry's
defaults, each further one what the sampler draws from those before it. Nothing is pruned, so that every
system has the same budget.

Needs logs in memory or instances in folders, `models` and (beyond trial 0) Optuna: no warehouse. Trials that
need not wait for each other: `independent`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from assets.common.tuned import Scalar, changed
from assets.experiments.tuning.choice import paired_error
from assets.experiments.tuning.sampling import defaults_of, draw
from assets.experiments.tuning.settings import InTurn
from assets.experiments.tuning.trial import ONE_CLASS, Day, Scores, Trial, mean_of
from models.progress import Progress

if TYPE_CHECKING:
    from models.ranking.training.system import LongTermVectors, SystemEntry, SystemSettings


def study(
    name: str,
    entry: SystemEntry,
    days: Sequence[Day],
    *,
    trials: int,
    size: Literal["real", "tiny"] = "real",
    seed: int = 0,
    sampler: InTurn = "tpe",
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
        progress: called with (stage, days done, days in all).
    """
    system = getattr(entry, size)
    defaults = defaults_of(system, entry.space)
    done, total = list(finished), trials if entry.space else 1
    if default_scores is None and 0 < len(done) < total and done[0].failed is None:
        default_scores = attempt(0, system, defaults, days, seed, device, long_term)[1]
    for number in range(len(done), total):
        settings = defaults if number == 0 else draw(name, entry.space, defaults, done, seed, sampler)
        day_over = _day_counter(progress, name, number, total, len(days))
        trial, scores = _repeated(number, settings, done) or attempt(
            number, system, settings, days, seed, device, long_term, day_over
        )
        day_over(len(days))
        default_scores = scores if number == 0 else default_scores
        if number and scores is not None and default_scores is not None:
            trial = trial.model_copy(update={"error": paired_error(days, default_scores, scores)})
        done.append(trial)
        yield trial, scores


def _repeated(
    number: int, settings: Mapping[str, Scalar], done: Sequence[Trial]
) -> tuple[Trial, Scores | None] | None:
    """The figures of an earlier trial with the same settings; its scores are not at hand."""
    same = next((trial for trial in done if trial.settings == settings), None)
    return None if same is None else (same.model_copy(update={"number": number, "seconds": 0.0}), None)


def _day_counter(
    progress: Progress | None, name: str, number: int, total: int, days: int
) -> Callable[[int], None]:
    """Reports how many days of a trial are over; of none at once."""

    def day_over(day: int) -> None:
        if progress is not None:
            progress(f"{name}: days", number * days + day, total * days)

    day_over(0)
    return day_over


def attempt(
    number: int,
    system: SystemSettings,
    settings: Mapping[str, Scalar],
    days: Sequence[Day],
    seed: int,
    device: str,
    long_term: Sequence[LongTermVectors] | None,
    day_over: Callable[[int], None] | None = None,
) -> tuple[Trial, Scores | None]:
    """One trial. Whatever its settings bring about is recorded with the reason, and ends nothing else."""
    from models.metrics import auc, average_precision

    started = time.perf_counter()
    scores: list[np.ndarray] = []
    failed, figures, precisions = None, [], []
    try:
        chosen = changed(system, settings)
        for d, day in enumerate(days):
            vectors = long_term[d] if long_term is not None and chosen.uses_long_term else None
            scores.append(scores_of(chosen, day, seed, device, vectors))
            labels = np.concatenate([hour.exposures.clicked for hour in day[1]])
            figures.append(auc(labels, scores[-1]))
            precisions.append(average_precision(labels, scores[-1]))
            if day_over is not None:
                day_over(d + 1)
    except Exception as error:
        failed, figures, precisions = f"{type(error).__name__}: {error}", [None] * len(days), []
    area = mean_of(figures)
    if area is None and failed is None:
        failed = ONE_CLASS
    trial = Trial(
        number=number,
        settings=dict(settings),
        auc=area,
        aupr=mean_of(precisions),
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
        Diverged: the training has.
        NotFinite: some scores are NaN or infinite.
    """
    from models.metrics import finite
    from models.ranking.day import ServedDay

    past, hours = day
    history = past(system) if callable(past) else past
    served = ServedDay.train(system, history, seed=seed, device=device, long_term=long_term)
    return np.concatenate([finite(scored.probability) for scored in served.live(hours)])
