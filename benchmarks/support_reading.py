"""Which profilers read their support: a brand's own customers against another brand's.

    python -m benchmarks.support_reading --source complete-journey --systems meta_profile,ridge

Development side of the protocol alone, first fold, first seed. Systems that train on every brand are not
asked. AUROC is within activity quintiles, so that who is active says nothing; *read* is what the own
customers say more. Nothing is measured against a peer, so that `python -m benchmarks` leaves it out. What it
has shown is in docs/decisions, 0034.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.data import evaluation_of
from assets.experiments.profilers.evaluation import Evaluation
from assets.experiments.profilers.folds import Fold
from assets.experiments.profilers.prepare import prepare_shop
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.systems import PROFILE_SYSTEMS
from models.profiling.profiler import Scorer
from models.profiling.support_reading import SupportReading, support_reading

DRAWS = {1: 3, 20: 2, None: 1}  #: supports drawn a brand, by number of customers; None: all of them


def reading(evaluation: Evaluation, scorer: Scorer, shots: int | None, draw: int) -> SupportReading:
    test, train = evaluation.folds[0], evaluation.train_users(0)
    scores = []
    for target in range(len(evaluation.targets)):  # brands, each its own support
        random = protocol.generator(evaluation.name(target), "support", draw)
        customers = random.permutation(np.flatnonzero(train & evaluation.members[target]))
        scores.append(scorer.score(np.sort(customers[:shots]))[test])
    return support_reading(
        scores,
        evaluation.newcomers[:, test],
        ~evaluation.members[:, test],
        evaluation.quintiles[0][test],
    )


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", default="complete-journey")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--systems", default="meta_profile,meta_profile_prior,ridge,activity")
    arguments = parser.parse_args()
    chosen = {"source": arguments.source, "systems": arguments.systems.split(","), "development": True}
    settings = ProfileEvalSettings.model_validate(chosen)
    evaluation = evaluation_of(prepare_shop(settings, arguments.data), settings)
    print(f"{'system':22s} {'K':>4s}  own    others  read   ±      alike")
    with tempfile.TemporaryDirectory() as scratch:
        fold = Fold(evaluation, 0, settings.seeds[0], settings.size, settings.device, scratch=Path(scratch))
        for name in settings.systems:
            if PROFILE_SYSTEMS[name].trains_on_brand:
                continue
            scorer = PROFILE_SYSTEMS[name].make(fold)
            for shots, draws in DRAWS.items():
                drawn = [reading(evaluation, scorer, shots, draw) for draw in range(draws)]
                of = [[one.own, one.others, one.read, one.error, one.alike] for one in drawn]
                figures = "  ".join(f"{value:.3f}" for value in np.mean(of, axis=0))
                print(f"{name:22s} {shots or 'all':>4}  {figures}", flush=True)


if __name__ == "__main__":
    run()
