"""A news feed, other applications and a shop of the same accounts, simulated, their probabilities known."""

from simulator.feed.calibration import Figure, check, table
from simulator.feed.fill import describe, fill
from simulator.feed.serving import Requests, Serving, SimulatedReaders, best_first
from simulator.feed.settings import SimulatorSettings
from simulator.feed.world import World
from simulator.shop.calibration import check_shop
from simulator.shop.settings import ShopSettings
from simulator.shop.truth import ShopTruth, shop_truth

__all__ = [
    "Figure",
    "Requests",
    "Serving",
    "ShopSettings",
    "ShopTruth",
    "SimulatedReaders",
    "SimulatorSettings",
    "World",
    "best_first",
    "check",
    "check_shop",
    "describe",
    "fill",
    "shop_truth",
    "table",
]
