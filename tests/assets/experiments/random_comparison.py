"""A comparison and an A/B test of random numbers: their shape, and figures that mean nothing."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from assets.experiments.ab.results import ABResult
from assets.experiments.ab.settings import ABSettings
from assets.experiments.comparison.held_parts import ablations_among, parts_of
from assets.experiments.comparison.results import Comparison
from models.ranking import registry

SYSTEMS = tuple(registry.SYSTEMS)
DAYS = ("2025-03-08", "2025-03-09")
WITHIN = ("gauc_hour",)
LISTS = ("gauc_request", "request_auc", "request_mrr", "request_ndcg5", "request_ndcg10")
METRICS = ("ctr", "acn", "hcr", "dt")
GATED = ("lsttm_no_meta", "lsttm", "lsttm_typed", "lsttm_spectral")


def random_comparison(
    systems: tuple[str, ...] = SYSTEMS,
    days: tuple[str, ...] = DAYS,
    seeds: int = 2,
    simulated: bool = True,
    seed: int = 0,
    lists: bool = False,
) -> Comparison:
    """Random figures in the shape of a comparison; the first hour has one class only.

    `lists`: whether the logs know requests.
    """
    rng = np.random.default_rng(seed)
    quality = {name: 0.62 + 0.06 * rng.random() for name in systems}
    shape = 0.03 * np.sin(np.arange(24) / 3)
    rows, trained = [], []
    for name in systems:
        for number in range(seeds):
            for day in days:
                static = quality[name] + shape + 0.01 * rng.standard_normal(24)
                auc = static + 0.01 * rng.random(24) * np.linspace(0, 1, 24)
                for hour in range(24):
                    both_classes = hour > 0
                    rows.append(
                        {
                            "system": name,
                            "seed": number,
                            "day": day,
                            "hour": hour,
                            "exposures": int(rng.integers(200, 4000)),
                            "auc": float(auc[hour]) if both_classes else None,
                            "auc_static": float(static[hour]) if both_classes else None,
                            "gate_short": float(rng.random()) if name in GATED else None,
                        }
                    )
                trained.append(
                    {
                        "system": name,
                        "seed": number,
                        "day": day,
                        "auc": float(auc[1:].mean()),
                        "auc_static": float(static[1:].mean()),
                        "aupr": float(auc[1:].mean()) / 2,
                        "requests": 900.0 if lists else 0.0,
                        **{key: float(rng.random()) for key in (*WITHIN, *(LISTS if lists else ()))},
                        **{key: float(rng.random()) for key in ("log_loss", "gauc", "ece")},
                        "train_seconds": float(60 * rng.random()),
                        "hours_seconds": float(20 * rng.random()),
                    }
                )
    summary = [_summary(name, rows, trained, rng) for name in systems]
    within = (*WITHIN, *(LISTS if lists else ()))
    chosen = {name: registry.SYSTEMS[name].tiny for name in systems}
    return Comparison.model_validate(
        {
            "source": "simulator" if simulated else "kuairand",
            "simulated": simulated,
            "settings": {
                "source": "simulator" if simulated else "kuairand",
                "systems": list(systems),
                "days": list(days),
                "seeds": list(range(seeds)),
                "size": "real",
                "device": "cpu",
                "static": False,
                "overrides": [],
                "of": {name: _settings(rng) for name in systems} | {"long_term": {"epochs": "3"}},
            },
            "git": "0123456789ab",
            "data_hash": "random-numbers",
            "made": {"date": "2025-03-31", "machine": "2 imagined cores", "workers": 1},
            "rows": rows,
            "days": trained,
            "summary": summary,
            "pairs": [],
            "tests": [_test(first, second, summary, rng) for first, second in combinations(systems, 2)],
            "within": [
                _test(first, second, summary, rng, figure)
                for figure in within
                if figure != "gauc_request"
                for first, second in combinations(systems, 2)
            ],
            "levels": [
                entry for found in summary for entry in _levels(found, "list" if lists else "hour", rng)
            ],
            "held": [part.model_dump() for part in parts_of(chosen)],
            "ablated": [pair.model_dump() for pair in ablations_among(chosen)],
            "segments": [found for name in systems for found in _segments(name, quality[name], rng)],
            "calibration": [{"system": name, "bins": _bins(rng)} for name in systems],
            "gate": [
                {"system": name, "by": by, "value": value, "exposures": 100, "mean": float(rng.random())}
                for name in systems
                if name in GATED
                for by, values in (("hour", range(24)), ("activity", ("0", "1-4", "5-19", "20+")))
                for value in values
            ],
            "delong": [
                {
                    "first": systems[0],
                    "second": systems[-1],
                    "day": days[0],
                    "seed": 0,
                    "difference": 0.0,
                    "standard_error": 1.0,
                    "p_value": 0.5,
                }
            ]
            * 3,
            "tuned": {},
            **({"truth": {"auc": 0.75, "log_loss": 0.2, "gauc": 0.7, "rows": []}} if simulated else {}),
        }
    )


def random_ab(arms: tuple[str, ...] = ("deepfm", "lsttm"), seed: int = 0) -> ABResult:
    """Random figures in the shape of an A/B test with its A/A run."""
    rng = np.random.default_rng(seed)
    base, *others = arms
    days = ["2025-03-08", "2025-03-09"]
    again = [f"{base} on the users of {name} (A/A)" for name in others]
    srm = {"users": dict.fromkeys(arms, 200), "chi_square": 0.0, "p_value": 1.0, "valid": True}
    document = {
        "simulated": True,
        "source": "simulator",
        "world": {"settings_hash": "0123", "users": 400},
        "git": "0123456789ab",
        "seconds": dict.fromkeys(arms, 60.0),
        "arms": list(arms),
        "base": base,
        "valid": True,
        "srm": srm,
        "days": [{"day": day, "arm": name, **_arm(rng)} for name in arms for day in days],
        "pooled": [{"arm": name, **_arm(rng)} for name in arms],
        "metrics": [_lift(base, name, metric, rng) for name in others for metric in METRICS],
        "hours": [],
        "resplits": {"arm": base, "splits": 10, "share_below_05": dict.fromkeys(METRICS, 0.05)},
        "aa": {"arms": [base, *again], "srm": srm, "days": [], "pooled": []}
        | {
            name: [_lift(base, arm, metric, rng) for arm in compared for metric in METRICS]
            for name, compared in (("metrics", again), ("paired", others))
        },
        "bounds": [{"arm": name, **_arm(rng)} for name in ("policy", "random", "truth")],
        "settings": ABSettings(arms=arms, days=len(days), first_day=days[0], aa=True).model_dump(mode="json")
        | {"test_days": days, "of": {name: _settings(rng) for name in arms}},
    }
    return ABResult.model_validate(document)


def _arm(rng: np.random.Generator) -> dict[str, Any]:
    figures = {name: float(rng.random()) for name in METRICS}
    return {"users": 200, "exposures": 4000, "clicks": int(rng.integers(300, 400)), **figures}


def _lift(base: str, arm: str, metric: str, rng: np.random.Generator) -> dict[str, Any]:
    lift = 0.02 + 0.02 * float(rng.standard_normal())
    return {
        "arm": arm,
        "base": base,
        "metric": metric,
        "arm_value": 0.2 * (1 + lift),
        "base_value": 0.2,
        "lift": lift,
        "low": lift - 0.03,
        "high": lift + 0.03,
        "p_value": float(rng.random()),
    }


def _settings(rng: np.random.Generator) -> dict[str, str]:
    return {
        "adaptation.online": str(rng.choice(["sgd", "two_speed"])),
        "training.learning_rate": str(float(rng.choice([0.001, 0.01]))),
    } | {f"features.s{number}": str(rng.integers(3)) for number in range(60)}


def _summary(name: str, rows: list[dict], trained: list[dict], rng: np.random.Generator) -> dict[str, Any]:
    mine = [day for day in trained if day["system"] == name]
    hours = [row for row in rows if row["system"] == name and row["auc"] is not None]
    figures = ("auc", "auc_static", "aupr", "log_loss", "gauc", "ece", "train_seconds", "hours_seconds")
    figures += tuple(name for name in ("requests", *WITHIN, *LISTS) if name in mine[0])
    return {
        "system": name,
        **{
            f"period{number + 1}": float(np.mean([r["auc"] for r in hours if r["hour"] // 8 == number]))
            for number in range(3)
        },
        **{figure: float(np.mean([day[figure] for day in mine])) for figure in figures},
        "auc_std": float(0.001 * rng.random()),
        "auc_error": 0.004,
        "gain_error": 0.001,
        "null_hours": sum(row["system"] == name and row["auc"] is None for row in rows),
    }


def _levels(entry: dict[str, Any], narrow: str, rng: np.random.Generator) -> list[dict[str, Any]]:
    shares = {narrow: 0.0002, "user": 0.0018, "others": 0.998}
    lifts = {level: share * float(0.2 * rng.random()) for level, share in shares.items()}
    lifts["others"] = entry["auc"] - 0.5 - lifts[narrow] - lifts["user"]
    return [
        {"system": entry["system"], "level": level, "share": share}
        | {"auc": 0.5 + lifts[level] / share, "lift": lifts[level]}
        for level, share in shares.items()
    ]


def _test(
    first: str, second: str, summary: list[dict], rng: np.random.Generator, figure: str = "auc"
) -> dict[str, Any]:
    values = {entry["system"]: entry[figure] for entry in summary}
    difference, p = values[first] - values[second], float(rng.random() ** 4)
    return {
        "figure": figure,
        "error": 0.0015,
        "p": p / 2,
        "first": first,
        "second": second,
        "difference": difference,
        "low": difference - 0.003,
        "high": difference + 0.003,
        "p_delong": p,
        "p_holm": min(1.0, 10 * p),
    }


def _segments(name: str, quality: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    values = {
        "users": ("0", "1-4", "5-19", "20+"),
        "items": ("first shown that day", "within 24 h", "older"),
        "hours_since_retrain": ("0-3", "4-7", "8-11", "12-15", "16-19", "20-23"),
        "item_age": ("0-1", "1-3", "3-6", "6-24", "24+"),
        "item_born": ("born today", "born earlier"),
    }
    return [
        {
            "system": name,
            "segment": segment,
            "value": value,
            "exposures": 1000,
            "clicks": 100,
            "auc": quality + 0.01 * float(rng.random()),
            "auc_static": quality,
            "gain_error": 0.002,
        }
        for segment, found in values.items()
        for value in found
    ]


def _bins(rng: np.random.Generator) -> list[dict[str, Any]]:
    predicted = np.sort(rng.random(10) * 0.3)
    clicked = np.clip(predicted + 0.02 * rng.standard_normal(10), 0, 1)
    return [
        {"predicted": float(p), "clicked": float(c), "exposures": 500}
        for p, c in zip(predicted, clicked, strict=True)
    ]
