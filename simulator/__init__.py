"""A news feed, other applications and a shop of the same accounts, simulated, their probabilities known."""

from simulator.feed.settings import SimulatorSettings
from simulator.shop.settings import ShopSettings

__all__ = ["ShopSettings", "SimulatorSettings"]
