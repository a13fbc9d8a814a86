"""`hourfold prospect`: from a file of customers to a ranked audience with its expected lift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.console import err, plain_errors, progress_bars
from orchestration.cli.console import out as console

if TYPE_CHECKING:
    from rich.table import Table

    from assets.profiling.audience.make import AudienceResult


def prospect(
    customers: Annotated[Path, typer.Option(help="CSV, text or Parquet with the customers' user ids.")],
    as_of: Annotated[str, typer.Option(help="YYYY-MM-DD: what was known before that day is used.")],
    out: Annotated[Path, typer.Option(help="Name of the files to write (name.html, .csv, …), or a folder.")],
    top: Annotated[int, typer.Option(min=1, help="Size of the audience.")] = 1000,
    source: Annotated[
        str | None, typer.Option(help="Source of the logs; default: the one of this home.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the source's files are, if it was not loaded before.")
    ] = None,
    model: Annotated[str, typer.Option(help="meta_profile_prior or meta_profile.")] = "meta_profile_prior",
    brand: Annotated[
        str | None, typer.Option(help="Brand of the list; default: found by its customers.")
    ] = None,
    horizon: Annotated[int, typer.Option(min=7, max=365, help="Days in which a newcomer counts.")] = 90,
    keep_customers: Annotated[
        bool, typer.Option("--keep-customers", help="Rank the existing customers too.")
    ] = False,
    no_lift: Annotated[bool, typer.Option("--no-lift", help="Do not estimate the expected lift.")] = False,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    tiny: Annotated[bool, typer.Option("--tiny", help="Tiny configuration, to try things out.")] = False,
) -> None:
    """Find the users most like a brand's customers to become the next ones, without training for the brand.

    Writes the audience (Parquet, CSV), its expected lift, a JSON summary and a page that can be mailed.
    The newest trained model that the date may use is taken; the first use of a date without one trains it.

    Example:

        hourfold prospect --customers brand.csv --as-of 2017-10-01 --top 500 --out audience
    """
    from pydantic import ValidationError

    from assets.common.faults import DamagedState
    from assets.common.tracking import PROFILING, Tracking
    from assets.logs.ingest import BatchRejected
    from assets.profiling.audience.files import AudienceFiles, write
    from assets.profiling.audience.make import make_audience
    from assets.profiling.audience.requests import AudienceSettings
    from assets.profiling.recording import record_audience
    from assets.profiling.sources import ProfileSource
    from orchestration.settings import prepare_home
    from warehouse.home import Deployment, Home

    errors = (ValueError, LookupError, OSError, ImportError, ValidationError, BatchRejected, DamagedState)
    with plain_errors(*errors), progress_bars() as progress:
        settings = AudienceSettings.model_validate(
            {
                "customers": str(customers),
                "as_of": as_of,
                "top": top,
                "model": model,
                "keep_customers": keep_customers,
                "brand": brand,
                "horizon_days": horizon,
                "lift": not no_lift,
            }
        )
        files = AudienceFiles.at(out)
        files.spare(customers)
        home = prepare_home(Home.current())
        name = source or Deployment.load(home).source
        opened = ProfileSource.opened(home, name, data, progress=progress)
        simulated = opened.description.simulated
        tracking = Tracking(home.mlflow, name, simulated, PROFILING)
        size = "tiny" if tiny else "real"
        trainer = opened.trainer(size, device=device, progress=progress, tracking=tracking)
        result = make_audience(settings, trainer, source=name, simulated=simulated, progress=progress)
        write(result, files)
        record_audience(tracking, result, files, files.page.stem)
    console.print(table(result))
    if result.unknown:
        err.print(
            f"{len(result.unknown)} ids are unknown and were left out: {', '.join(result.unknown[:10])}"
        )
    console.print(f"Page: {files.page}   rows: {files.csv}, {files.parquet}")


def table(result: AudienceResult) -> Table:
    """What came out, in some lines."""
    from rich.table import Table

    made = "simulated logs" if result.simulated else result.source
    shown = Table(title=f"Audience on {made}, as of {result.settings.as_of}", title_justify="left")
    shown.add_column("what", no_wrap=True)
    shown.add_column("figure", justify="right")
    shown.add_row("known customers", f"{result.known:,} of {len(result.customers.ids):,}")
    shown.add_row("audience", f"{len(result.audience):,} of {result.audience.candidates:,} candidates")
    if result.lift is not None:
        found, error = result.lift.curve.at(result.share)
        shown.add_row("new customers expected in it", f"{found:.0%} ± {1.96 * error:.0%}")
        shown.add_row("lift against random", f"{found / result.share:.2f}")
        shown.caption = f"Expected lift: {result.lift.why}"
    else:
        shown.caption = f"Expected lift: {result.no_lift}"
    shown.add_row("model", f"{result.model.system} of {result.model.partition}")
    return shown
