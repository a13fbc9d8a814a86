"""Rows of a profile evaluation made of random numbers, with advantages that a test knows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.results import EvaluatedSettings, EvaluationFacts, ProfileResult
from assets.experiments.profilers.rows import ProfileRow
from assets.experiments.profilers.summary import summary

TARGETS = tuple(f"brand{number}" for number in range(12))
ADVANTAGE = {"meta_profile_prior": 0.05, "ridge": 0.05, "joint_logistic": 0.045, "activity": 0.0}


def rows(advantage: Mapping[str, float], seed: int = 0, seeds: int = 1) -> list[ProfileRow]:
    """The table of brands at every K; each system's figures are common ones plus its advantage plus noise."""
    random = np.random.default_rng(seed)
    made = []
    for target in TARGETS:
        for fold in range(3):
            level = random.normal(0.65, 0.05)
            for shots in protocol.SUPPORTS:
                for system, more in advantage.items():
                    for number in range(seeds):
                        auroc = float(level + more + random.normal(0, 0.01))
                        made.append(
                            ProfileRow(
                                study="brands", target=target, system=system, fold=fold, seed=number,
                                shots=shots, labels=shots or 90, customers=shots or 90, auroc=auroc,
                                aupr=auroc / 5,
                                within_quintiles=auroc - 0.05, top_lift=4 * auroc, first=60, base_rate=0.07,
                                test_users=600, newcomers=42, git="abc",
                            )
                        )  # fmt: skip
    return made


def evaluated(
    advantage: Mapping[str, float] = ADVANTAGE, *, seeds: int = 1, **settings: object
) -> ProfileResult:
    """A result of such rows."""
    made = rows(advantage, seeds=seeds)
    chosen = {"source": "landing", "table": "brands", "systems": tuple(advantage), "seeds": seeds} | settings
    return ProfileResult(
        source="landing",
        simulated=True,
        settings=EvaluatedSettings.model_validate({**chosen, "of": {"ridge": {"penalty": "3"}}}),
        protocol=EvaluationFacts(
            as_of="2017-10-01",
            labels_until="2018-01-01",
            horizon_days=92,
            targets=TARGETS,
            users=2446,
            train_users=(1849, 1826, 1879),
            test_users=(597, 620, 567),
            excluded_brands=24,
            remarks=("a remark",),
            chosen="12 target brands, of 1.5%-15% of the users",
            having={"purchases": 2446, "points heatmap": 812, "demographics": 801},
            first=(58, 61),
        ),
        git="abc",
        data_hash="0123456789abcdef0",
        rows=tuple(made),
        summary=summary(made, tuple(advantage)),
    )
