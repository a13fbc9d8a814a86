"""A news feed, other applications and a shop of the same accounts, simulated, their probabilities known."""

from warehouse.sources.simulator.calibration import Figure, check, table
from warehouse.sources.simulator.fill import describe, fill
from warehouse.sources.simulator.serving import Audience, Requests, Serving, best_first
from warehouse.sources.simulator.settings import SimulatorSettings
from warehouse.sources.simulator.shop.calibration import check_shop
from warehouse.sources.simulator.shop.settings import ShopSettings
from warehouse.sources.simulator.shop.truth import ShopTruth, shop_truth
from warehouse.sources.simulator.world import World

__all__ = [
    "Audience",
    "Figure",
    "Requests",
    "Serving",
    "ShopSettings",
    "ShopTruth",
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
