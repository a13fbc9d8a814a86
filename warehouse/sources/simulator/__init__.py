"""A news feed, other applications and a shop of the same accounts, simulated, their probabilities known."""

from warehouse.sources.simulator.calibration import Figure, check, table
from warehouse.sources.simulator.fill import describe, fill
from warehouse.sources.simulator.settings import SimulatorSettings
from warehouse.sources.simulator.shop.calibration import check_shop
from warehouse.sources.simulator.shop.settings import ShopSettings
from warehouse.sources.simulator.shop.truth import ShopTruth, shop_truth
from warehouse.sources.simulator.world import World

__all__ = [
    "Figure",
    "ShopSettings",
    "ShopTruth",
    "SimulatorSettings",
    "World",
    "check",
    "check_shop",
    "describe",
    "fill",
    "shop_truth",
    "table",
]
