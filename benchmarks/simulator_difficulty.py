"""Claim: the simulated logs are as hard to rank as the real ones, for a strong tree model.

On a real exposure log gradient-boosted trees (LightGBM) with point-in-time click rates reach AUC near .70,
near .69 without the item's own rate, and the item's recent rate alone .63. The same on the simulator, each
within .02. Beside it two ceilings: the AUC of the true click probability, which knows every account's tastes,
and that of larger trees that learned from true probabilities where a log has clicks, which is about what the
features can tell anyone. Rates and counts are those received before an exposure's hour. Fourteen simulated
days: trees learn on days 5 to 11, the AUC is that of days 12 to 14.

    python -m benchmarks.simulator_difficulty
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from simulator import SimulatorSettings
from simulator.calibration import auc
from simulator.feed.calibration import DAYS
from simulator.feed.world import SimulatedHour, World

TRAIN, TEST = (4, 11), (11, DAYS)
PRIOR = 20.0
REAL = {"all features": 0.70, "without the item's own rate": 0.69, "the item's recent rate alone": 0.63}
TREES = {
    "objective": "binary",
    "num_iterations": 250,
    "num_leaves": 15,
    "learning_rate": 0.05,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "seed": 1,
    "num_threads": 1,
    "verbose": -1,
}
#: without the noise of clicks, capacity is no danger
NOISELESS = TREES | {"objective": "cross_entropy", "num_iterations": 1000, "num_leaves": 63}


class Counter:
    """Shows and clicks by key up to an hour's start; with a half-life in hours, fading."""

    def __init__(self, hour: np.ndarray, clicked: np.ndarray) -> None:
        self.edges = np.searchsorted(hour, np.arange(hour[-1] + 2))
        self.clicked, self.mean = clicked.astype(float), clicked.mean()

    def __call__(self, key: np.ndarray, half_life: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Smoothed click rate and shows, float64 [E] each."""
        keep = 1.0 if half_life is None else 0.5 ** (1 / half_life)
        shown, clicks = np.zeros(key.max() + 1), np.zeros(key.max() + 1)
        rates, counts = np.empty(len(key)), np.empty(len(key))
        for low, high in pairwise(self.edges):
            now = key[low:high]
            counts[low:high] = shown[now]
            rates[low:high] = (clicks[now] + PRIOR * self.mean) / (shown[now] + PRIOR)
            shown, clicks = keep * shown, keep * clicks
            np.add.at(shown, now, 1)
            np.add.at(clicks, now, self.clicked[low:high])
        return rates, counts


def features(world: World, hours: list[SimulatedHour]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns without the item's own counts, and the item's own rates and counts, [E] each."""
    user, item, at, clicked = (
        np.concatenate([getattr(hour, name) for hour in hours]) for name in ("user", "item", "at", "clicked")
    )
    news, topics = world.items, world.settings.news.topics
    topic, provider, kind = news.topic[item], news.provider[item], news.kind[item]
    counted = Counter(at.astype(int), clicked)
    columns: dict[str, np.ndarray] = {"age": at - news.published[item], "hour_of_day": at.astype(int) % 24}
    for name in ("position", "device", "number"):
        columns[name] = np.concatenate([getattr(hour, name) for hour in hours])
    for name in ("topic", "provider", "kind", "length", "tone"):
        columns[name] = getattr(news, name)[item]
    columns |= {name: values[user] for name, values in world.users.fields.items()}
    keys: dict[str, tuple[np.ndarray, float | None]] = {
        "topic 2 h": (topic, 2),
        "topic 6 h": (topic, 6),
        "subtopic": (news.subtopic[item], 24),
        "provider": (provider, 72),
        "kind": (kind, None),
        "user": (user, None),
        "user × topic": (user * topics + topic, None),
        "user × provider": (user * (provider.max() + 1) + provider, None),
        "user × kind": (user * (kind.max() + 1) + kind, None),
    }
    for name, (key, half_life) in keys.items():
        columns[f"{name} rate"], columns[f"{name} shows"] = counted(key, half_life)
    columns["external"], columns["external on topic"] = external_counts(world, hours)
    columns["external share"] = (columns["external on topic"] + 1) / (columns["external"] + topics)
    own: dict[str, np.ndarray] = {}
    for name, half_life in (("all time", None), ("6 h", 6.0), ("2 h", 2.0)):
        own[f"item {name} rate"], own[f"item {name} shows"] = counted(item, half_life)
    return columns, own


def external_counts(world: World, hours: list[SimulatedHour]) -> tuple[np.ndarray, np.ndarray]:
    """External clicks of the user received before the hour: all, and those on the item's topic."""
    topics = world.settings.news.topics
    known = np.zeros((len(world.users), topics))
    parts = []
    for hour in hours:
        mine = known[hour.user]
        parts.append((mine.sum(axis=1), mine[np.arange(len(mine)), world.items.topic[hour.item]]))
        np.add.at(known, (hour.external.user, world.catalogue.topic[hour.external.item]), 1)
    everything, on_topic = zip(*parts, strict=True)
    return np.concatenate(everything), np.concatenate(on_topic)


def tree_auc(
    columns: dict[str, np.ndarray], day: np.ndarray, clicked: np.ndarray, truth: np.ndarray | None = None
) -> float:
    """AUC on the test days of trees that learned on the training days: from clicks, or from the `truth`."""
    import lightgbm

    table = np.stack([values.astype(np.float32) for values in columns.values()], axis=1)
    train, test = (day >= TRAIN[0]) & (day < TRAIN[1]), (day >= TEST[0]) & (day < TEST[1])
    labels, settings = (clicked, TREES) if truth is None else (truth, NOISELESS)
    model = lightgbm.train(settings, lightgbm.Dataset(table[train], labels[train]))
    return auc(np.asarray(model.predict(table[test])), clicked[test])


def main() -> None:
    """Print the AUCs on simulated logs beside the real ones."""
    world = World(SimulatorSettings(), DAYS)
    hours = list(world.hours())
    day = np.concatenate([hour.at for hour in hours]).astype(int) // 24
    clicked = np.concatenate([hour.clicked for hour in hours])
    truth = np.concatenate([hour.probability for hour in hours])
    columns, own = features(world, hours)
    shows = {name: values for name, values in own.items() if name.endswith("shows")}
    test = day >= TEST[0]
    found = {
        "all features": tree_auc(columns | own, day, clicked),
        "without the item's own rate": tree_auc(columns | shows, day, clicked),
        "the item's recent rate alone": auc(own["item 6 h rate"][test], clicked[test]),
    }
    for name, simulated in found.items():
        mark = "" if abs(simulated - REAL[name]) <= 0.02 else "  OUT"
        print(f"   {name:32} real {REAL[name]:.2f}   simulated {simulated:.4f}{mark}")
    ceilings = {
        "all features, no noise of clicks": tree_auc(columns | own, day, clicked, truth),
        "true click probability": auc(truth[test], clicked[test]),
    }
    for name, simulated in ceilings.items():
        print(f"   {name:32} real    –   simulated {simulated:.4f}")


if __name__ == "__main__":
    main()
