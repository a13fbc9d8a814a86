"""`hourfold live`: hours and days run by themselves, or not; and where they stand."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from orchestration.cli.console import out, plain_errors


class Switch(StrEnum):
    """What `hourfold live` is asked for."""

    ON = "on"
    OFF = "off"
    STATUS = "status"


def live(
    switch: Annotated[Switch, typer.Argument(help="on, off or status.")] = Switch.STATUS,
) -> None:
    """Let hours and days of this home run by themselves while `hourfold ui` runs, or stop that.

    `on` turns on every schedule and sensor: each hour, each night, late and corrected files, and the telling
    of failures. `status` says what is loaded, missing, waiting and ranked.

    Example:

        hourfold live on
    """
    with plain_errors(ValueError, FileNotFoundError):
        from orchestration.cli.deploying import deployed

        deployment = deployed()

    import dagster as dg

    from assets.common.resources import HomeResource
    from orchestration import live as living
    from orchestration.settings import prepare_home
    from warehouse.store.waiting import WarehouseBusy

    home = prepare_home()
    with (
        plain_errors(ValueError, FileNotFoundError, WarehouseBusy),
        dg.DagsterInstance.from_config(str(home.dagster)) as instance,
    ):
        if switch is not Switch.STATUS:
            living.switch(home, deployment, instance, on=switch is Switch.ON)
            out.print("A server that runs already must be started again to see it (hourfold ui).")
        for line in living.standing(HomeResource(root=str(home.root)), instance):
            out.print(f"• {line}")
