"""What a study tries: systems, validation days, one number of trials."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from pydantic import Field, field_validator

from assets.common.options import ALL, Days, Names
from assets.common.provenance import flat
from assets.experiments.record import Record, key_of

InTurn = Literal["tpe", "gp"]  #: a trial depends on those before it
Sampler = Literal[InTurn, "qmc"]


class TuneSettings(Record):
    """One study: systems × trials, each scored on all validation days."""

    source: str = Field(description="where the logs come from (simulator, kuairand or landing)")
    systems: Names = Field(
        default=("all",),
        validate_default=True,
        min_length=1,
        description="registered systems or all; one that takes another's settings stands for that other",
    )
    days: Days = Field(min_length=1, description="validation days, which no result is reported on")
    trials: int = Field(default=12, ge=1, description="trials of each system, the defaults included")
    seed: int = Field(default=0, description="seed of every training, and of what is drawn")
    sampler: Sampler = Field(
        default="tpe",
        description="tpe or gp (Optuna's; gp is a Gaussian process), one trial after another; or qmc, points "
        "of a Sobol sequence, whose trials need not wait for each other",
    )
    size: Literal["real", "tiny"] = Field(default="real", description="configuration to begin from")
    device: str = Field(default="cpu", description="torch device of training and scoring: cpu or cuda")

    @field_validator("systems")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from models.ranking.registry import SYSTEMS, with_ablations

        value = tuple(SYSTEMS) if value == ALL else with_ablations(value)
        unknown = [name for name in value if name not in SYSTEMS]
        if unknown:
            raise ValueError(f"unknown system {', '.join(unknown)}; known: {', '.join(SYSTEMS)}")
        return tuple(dict.fromkeys(SYSTEMS[name].tuned_as or name for name in value))

    def inherited(self) -> dict[str, str]:
        """Each registered system that takes the settings tuned for one of these → that one."""
        from models.ranking.registry import SYSTEMS

        wholes = {name: entry.tuned_as for name, entry in SYSTEMS.items()}
        return {name: whole for name, whole in wholes.items() if whole is not None and whole in self.systems}

    def key(self, data_hash: str) -> str:
        """All that moves a trial, the code and what else is tried aside, in twelve hex digits."""
        from models.ranking.registry import SYSTEMS, long_term_settings

        entries = {name: SYSTEMS[name] for name in self.systems}
        of_systems = {name: flat(getattr(entry, self.size)) for name, entry in entries.items()}
        spaces = {
            name: {path: [type(spread).__name__, asdict(spread)] for path, spread in entry.space.items()}
            for name, entry in entries.items()
        }
        shared = flat(long_term_settings(self.size))
        about = self.model_dump(mode="json", exclude={"trials"})
        return key_of(about, data_hash, of_systems, spaces, shared)
