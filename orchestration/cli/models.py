"""`hourfold models`: the versions of the registered models, which one is served, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.console import out, plain_errors

if TYPE_CHECKING:
    from assets.common.tracking import Tracking
    from assets.ranking.states import States

app = typer.Typer(
    no_args_is_help=True, help="Versions of the models: which one is served, promote one, or roll back."
)

Reason = Annotated[str, typer.Option(help="Why; it stands in the log of the moves.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="Newest versions to show.")] = 20,
) -> None:
    """List the versions of the rankers: day, live AUC, alias, and every move of the champion.

    The live AUC is that of the version's system on the version's day, as its promotion saw it.

    Example:

        hourfold models list --limit 10
    """
    from rich.table import Table
    from rich.text import Text

    from assets.common.model_registry import model_name
    from assets.ranking.champion_log import address, history, why_not
    from assets.ranking.withheld import withheld

    with plain_errors(*_errors()):
        tracking, states = _opened()
        known = history(tracking)
        columns = ("version", "system", "day", "live AUC", "alias", "can be served", "decision")
        shown = Table(*columns, title=model_name(tracking), title_justify="left")
        for version in list(known.versions)[: -limit - 1 : -1]:
            mark = withheld(states.daily(*address(version)))
            state = why_not(states, version) or (f"withheld by {mark.by}: {mark.why}" if mark else "yes")
            about = [version.number, version.system, version.day, version.live_auc or "–"]
            about += [", ".join(version.aliases), state, version.decision]
            shown.add_row(*map(Text, about))
    out.print(shown)
    hidden = len(known.versions) - limit
    if hidden > 0:
        out.print(f"{hidden} older versions are not shown (--limit).")
    for move in list(known.moves)[: -limit - 1 : -1]:
        former = f" from {move.replaced}" if move.replaced else ""
        out.print(
            f"{move.at} champion{former} to {move.version}, {move.by}, {move.who}: {move.why}", markup=False
        )


@app.command()
def promote(
    version: Annotated[int, typer.Argument(help="Number of the version that is to be served.")],
    reason: Reason,
) -> None:
    """Make a version the champion by hand, of a day no older than the present champion's.

    Example:

        hourfold models promote 7 --reason "the check was too strict"
    """
    from assets.ranking import champion

    with plain_errors(*_errors()):
        tracking, states = _opened()
        move = champion.promote(tracking, states, str(version), reason)
    former = f", in place of version {move.replaced}" if move.replaced else ""
    out.print(f"Champion: version {move.version}{former}.")


@app.command()
def rollback(
    to: Annotated[
        int | None, typer.Option(help="Version to go back to; default: the one that the champion replaced.")
    ] = None,
    reason: Reason = "no reason given",
) -> None:
    """Make an earlier version the champion again, and let the next hour begin from it.

    The version that is left is not promoted again, and no hour begins from it. Another model of its day, or
    the next day's, is judged anew.

    Example:

        hourfold models rollback --reason "clicks of the day were wrong"
    """
    from assets.ranking import champion

    with plain_errors(*_errors()):
        tracking, states = _opened()
        done = champion.rollback(tracking, states, None if to is None else str(to), reason)
    target = f"version {done.to.number}, {done.to.system} of {done.to.day}"
    out.print(f"Champion: {target}; left: version {done.left.number}, {done.left.system} of {done.left.day}.")
    names = ", ".join(f"{system} of {day}" for system, day in done.withheld)
    out.print(f"No hour begins from {names} any more. Hours that are ranked already stay as they are.")


def _opened() -> tuple[Tracking, States]:
    """The registry and the trained states of this home."""
    from assets.common.mlflow_store import team_uri
    from assets.common.resources import TrackingResource
    from assets.ranking.states import States
    from orchestration.cli.deploying import deployed
    from warehouse.home import Home

    home, deployment = Home.current(), deployed()
    if team_uri() is None and not home.mlflow.is_dir():
        raise FileNotFoundError(f"{home.mlflow} is not there: no model was trained yet (hourfold day)")
    return TrackingResource(root=str(home.root)).open(), States(deployment.paths(home).models)


def _errors() -> tuple[type[Exception], ...]:
    from mlflow.exceptions import MlflowException

    from assets.common.faults import DamagedState

    return ValueError, LookupError, OSError, DamagedState, MlflowException
