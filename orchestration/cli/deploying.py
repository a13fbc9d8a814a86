"""From the options of a command to the deployment of this home: source, zone, first day, systems."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.progress import Progress

if TYPE_CHECKING:
    from simulator import SimulatorSettings
    from warehouse.home import Deployment, Home


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
        progress: called with (stage, done, total).
        changes: fields of `Deployment` to set; None leaves what the home has.

    Raises:
        OtherDeployment: the home serves another source already.
    """
    from assets.logs.sources import open_source
    from warehouse.home import Home

    home = Home.current()
    former = _former(home)
    if former is not None and former.source != source:
        raise OtherDeployment(
            f"{home.root} serves the source {former.source}: set HOURFOLD_HOME to another folder for {source}"
        )
    opened = open_source(source, home, data, simulation=simulation, progress=progress)
    description = opened.description
    described_fields = {
        "source": source,
        "zone": description.zone,
        "first_day": description.first_day,
        "shop_first_day": description.shop_first_day,
        "external_first_day": description.external_first_day,
        "landing": str(opened.landing) if source == "landing" else None,
    }
    return _changed((former.model_dump() if former is not None else {}) | described_fields, changes)


def deployed(**changes: Any) -> Deployment:
    """The deployment of this home with changes; None leaves a field as it is.

    Raises:
        FileNotFoundError: nothing was ingested into this home yet.
    """
    from warehouse.home import Home

    home = Home.current()
    former = _former(home)
    if former is None:
        raise FileNotFoundError(
            f"{home.root} has no deployment yet: begin with hourfold ingest, or set HOURFOLD_HOME to "
            "the home that has one"
        )
    return _changed(former.model_dump(), changes)


def _former(home: Home) -> Deployment | None:
    """What the home was deployed as; None before its first source."""
    from warehouse.home import Deployment

    return Deployment.load(home) if (home.root / "deployment.json").exists() else None


def _changed(fields: dict[str, Any], changes: Mapping[str, Any]) -> Deployment:
    from warehouse.home import Deployment

    return Deployment(**fields | {name: value for name, value in changes.items() if value is not None})


def names(text: str | None) -> tuple[str, ...] | None:
    """`a,b` as a tuple, checked against the registry; None stays None."""
    if text is None:
        return None
    from assets.common.options import names_in
    from models.ranking.registry import SYSTEMS

    chosen = names_in(text)
    unknown = [name for name in chosen if name not in SYSTEMS]
    if unknown:
        raise ValueError(f"unknown system {', '.join(unknown)}; known: {', '.join(SYSTEMS)}")
    return chosen
