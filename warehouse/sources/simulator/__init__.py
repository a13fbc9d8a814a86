"""A news feed and other applications of the same accounts, simulated, with their true click probability."""

from warehouse.sources.simulator.calibration import Figure, check, table
from warehouse.sources.simulator.fill import describe, fill
from warehouse.sources.simulator.settings import SimulatorSettings
from warehouse.sources.simulator.world import World

__all__ = ["Figure", "SimulatorSettings", "World", "check", "describe", "fill", "table"]
