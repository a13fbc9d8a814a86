"""From the options of a command to the deployment of this home: source, zone, first day, systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.progress import Progress

if TYPE_CHECKING:
    from simulator import SimulatorSettings
    from warehouse.home import Deployment


class OtherDeployment(ValueError):
    """The home serves another source."""


def deploy(
    source: str,
    data: Path | None = None,
    *,
    simulation: SimulatorSettings | None = None,
    progress: Progress | None = None,
    **changes: Any,
) -> Deployment:
    """Fill the source's landing folder where that is needed, and describe the deployment that reads it.

    Args:
        source: simulator, kuairand, complete-journey or landing.
        data: where the source's files are.
        simulation: settings of the simulator.
        progress: told (stage, done, total).
        changes: fields of `Deployment` to set; None leaves what the home has.

    Raises:
        OtherDeployment: the home serves another source already.
    """
    from assets.logs.sources import open_source
    from warehouse.home import Deployment, Home

    home = Home.current()
    former = Deployment.load(home) if (home.root / "deployment.json").exists() else None
    if former is not None and former.source != source:
        raise OtherDeployment(
            f"{home.root} serves the source {former.source}: set HOURFOLD_HOME to another folder for {source}"
        )
    opened = open_source(source, home, data, simulation=simulation, progress=progress)
    description = opened.description
    fields = former.model_dump() if former is not None else {}
    fields |= {
        "source": source,
        "zone": description.zone,
        "first_day": description.first_day,
        "shop_first_day": description.shop_first_day,
        "landing": str(opened.landing) if source == "landing" else None,
    }
    fields |= {name: value for name, value in changes.items() if value is not None}
    return Deployment(**fields)


def deployed(**changes: Any) -> Deployment:
    """The deployment of this home with changes; None leaves a field as it is.

    Raises:
        FileNotFoundError: nothing was ingested into this home yet.
    """
    from warehouse.home import Deployment, Home

    home = Home.current()
    if not (home.root / "deployment.json").exists():
        raise FileNotFoundError(
            f"{home.root} has no deployment yet: begin with hourfold ingest, or set HOURFOLD_HOME to "
            "the home that has one"
        )
    changed = {name: value for name, value in changes.items() if value is not None}
    return Deployment(**(Deployment.load(home).model_dump() | changed))


def names(text: str | None) -> tuple[str, ...] | None:
    """`a,b` as a tuple, checked against the registry; None stays None."""
    if text is None:
        return None
    from models.ranking.registry import SYSTEMS

    found = tuple(name.strip() for name in text.split(","))
    unknown = [name for name in found if name not in SYSTEMS]
    if unknown:
        raise ValueError(f"unknown system {', '.join(unknown)}; known: {', '.join(SYSTEMS)}")
    return found
