"""What an online A/B test on the simulator compares, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from assets.common.options import Names, Overrides
from assets.common.tuned import Scalar, tuned_settings
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.record import Record, key_of
from warehouse.landing.service_time import DAY_MS, ServiceZone

if TYPE_CHECKING:
    from simulator import SimulatorSettings
    from warehouse.home import SourceHome

#: arms that need no training: the logging policy's order, chance, and the true click probability
SCRIPTED = ("policy", "random", "truth")


class ABSettings(Record):
    """One A/B test: arms × days on the simulated world. The first arm is the base."""

    arms: Names = Field(
        default=("deepfm", "lsttm_spectral"),
        min_length=2,
        description="registered systems, the base first; also policy, random and truth",
    )
    first_day: str | None = Field(
        default=None, description="first day; without it 2025-03-10, tiny 2025-03-05"
    )
    days: int = Field(default=5, ge=1, description="days of the test")
    seed: int = Field(
        default=0, ge=0, description="seed of every training, of exploration and of the bootstrap"
    )
    size: Literal["real", "tiny"] = Field(default="real", description="which systems and which simulation")
    users: int | None = Field(
        default=None,
        ge=10,
        description="simulated accounts on the first simulated day; without it as calibrated",
    )
    world_seed: int | None = Field(
        default=None, ge=0, description="seed of another world; without it the calibrated one"
    )
    candidates: int = Field(default=100, ge=30, description="items recalled for an impression")
    explore: float = Field(
        default=0.05, ge=0, le=1, description="share of places that show a random candidate, in every arm"
    )
    salt: str = Field(default="hourfold", description="salt of the hash that splits the users")
    aa: bool = Field(
        default=False, description="also the base on the other arms' users (A/A): no effect may be found"
    )
    bounds: bool = Field(default=True, description="also policy, random and truth on all users")
    draws: int = Field(default=10_000, ge=100, description="bootstrap draws of users behind an interval")
    resplits: int = Field(
        default=1000, ge=0, description="random halves of the base's users, to test the test itself"
    )
    device: str = Field(default="cpu", description="torch device of training and scoring: cpu or cuda")
    tuned: dict[str, dict[str, Scalar]] = Field(
        default={}, description="settings that tuning chose, by system; overrides win over them"
    )
    overrides: Overrides = Field(
        default=(), description="override `system.setting=value`, as in a comparison; `*` is all systems"
    )

    @field_validator("arms")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("arms must differ; for one system in both, ask for the A/A run (aa)")
        return value

    @property
    def base(self) -> str:
        """The arm that all others are measured against."""
        return self.arms[0]

    @property
    def test_days(self) -> tuple[str, ...]:
        """Day keys of the test."""
        zone = ServiceZone("UTC")
        first = self.first_day or ("2025-03-05" if self.size == "tiny" else "2025-03-10")
        start = zone.day_start_ms(first)
        return tuple(zone.day_key(start + day * DAY_MS) for day in range(self.days))

    def with_tuned(self, home: SourceHome) -> ABSettings:
        """With the settings that tuning chose for the arms' systems: a study of this home first."""
        systems = [name for name in self.arms if name not in SCRIPTED]
        return self.model_copy(update={"tuned": tuned_settings(home, "simulator", self.size, systems)})

    def simulation(self) -> SimulatorSettings:
        """The world: as calibrated (or tiny), with another seed or number of accounts if asked for."""
        from simulator import SimulatorSettings

        made = SimulatorSettings.tiny() if self.size == "tiny" else SimulatorSettings()
        if self.users is not None:
            population = made.population.model_copy(update={"users": self.users})
            made = made.model_copy(update={"population": population})
        return made if self.world_seed is None else made.model_copy(update={"seed": self.world_seed})

    def first_day_of_world(self) -> int:
        """How many simulated days lie before the test.

        Raises:
            ValueError: none does, so that there is nothing to train on.
        """
        zone, world = ServiceZone("UTC"), self.simulation()
        first = self.test_days[0]
        before = (zone.day_start_ms(first) - zone.day_start_ms(world.first_day)) // DAY_MS
        if before < 1:
            raise ValueError(
                f"the simulation starts on {world.first_day}, so that an A/B test can start a day later at "
                f"the earliest, not on {first}"
            )
        return before

    def comparison(self) -> CompareSettings | None:
        """The trained systems among the arms as a comparison names them; None if all arms are scripted."""
        systems = tuple(name for name in self.arms if name not in SCRIPTED)
        if not systems:
            return None
        return CompareSettings(
            source="simulator",
            systems=systems,
            days=self.test_days,
            seeds=(self.seed,),
            size=self.size,
            device=self.device,
            tuned={name: values for name, values in self.tuned.items() if name in systems},
            overrides=self.overrides,
        )

    def key(self, of_systems: Mapping[str, Mapping[str, str]]) -> str:
        """Twelve hex digits of all that moves an exposure, the code aside: the key of partial results."""
        shown = self.model_dump(mode="json", exclude={"draws", "resplits", "aa", "bounds"})
        return key_of(shown, self.simulation().settings_hash(), of_systems)
