"""`hourfold prospect`: from a file of customers to a ranked audience with its expected lift."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.profiling.audience.in_words import cautions, outlook, score_meaning
from assets.profiling.audience.requests import AudienceSettings
from assets.profiling.audience.verdict import LABELS, verdict
from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars, tell
from orchestration.cli.options import Chosen, Data, Device, SourceOfHome, Tiny, from_settings, size_of
from orchestration.cli.tables import new_table

if TYPE_CHECKING:
    from rich.table import Table

    from assets.profiling.audience.make import AudienceResult

SHOWN_UNKNOWN, LONGEST_SHOWN = 10, 40  #: ids, and characters of one


@from_settings(AudienceSettings, names={"horizon_days": "--horizon"})
def prospect(
    chosen: Chosen,
    out: Annotated[Path, typer.Option(help="Name of the files to write (name.html, .csv, …), or a folder.")],
    source: SourceOfHome = None,
    data: Data = None,
    device: Device = "cpu",
    tiny: Tiny = False,
) -> None:
    """Find the users most like a brand's customers to become the next ones, without training for the brand.

    Writes the audience (Parquet, CSV), its expected lift, a JSON summary and a page that can be mailed.
    The newest trained model that the date may use is taken; the first use of a date without one trains it.

    Example:

        hourfold prospect --customers brand.csv --as-of 2017-10-01 --top 500 --out audience
    """
    from assets.common.faults import DamagedState
    from assets.common.tracking import PROFILING, Tracking
    from assets.logs.ingest import BatchRejected
    from assets.profiling.audience.files import AudienceFiles
    from assets.profiling.audience.run import carry_out
    from assets.profiling.sources import ProfileSource
    from orchestration.settings import prepare_home
    from warehouse.home import Deployment, Home

    errors = (ValueError, LookupError, OSError, ImportError, BatchRejected, DamagedState)
    with plain_errors(*errors), progress_bars() as progress:
        settings = AudienceSettings.model_validate(chosen)
        AudienceFiles.at(out).spare(Path(settings.customers))
        home = prepare_home(Home.current())
        name = source or Deployment.load(home).of_shop(home).source
        opened = ProfileSource.opened(home, name, data, progress=progress)
        tracking = Tracking(home.mlflow, opened.name, opened.description.simulated, PROFILING)
        made = carry_out(
            settings, opened, tracking, out, size=size_of(tiny), device=device, progress=progress
        )
    result, files = made.result, made.files
    console.print(table(result))
    for sentence in (*outlook(result), *cautions(result), score_meaning(result.model.system)):
        console.print(sentence)
    console.print(f"Read of {result.customers.path.name}: {result.customers.remark}")
    if result.unknown:
        more = " …" if len(result.unknown) > SHOWN_UNKNOWN else ""
        shown = ", ".join(name[:LONGEST_SHOWN] for name in result.unknown[:SHOWN_UNKNOWN])
        tell([f"Unknown ids, left out: {len(result.unknown):,} ({shown}{more})"])
    console.print(f"Outcome: {made.outlook}.")
    console.print(f"Page: {files.page}   rows: {files.csv}, {files.parquet}")


def table(result: AudienceResult) -> Table:
    """What came out, in some lines."""
    made = "simulated logs" if result.simulated else result.source
    shown = new_table(f"Audience on {made}, as of {result.settings.as_of}", "what", "figure")
    shown.add_row("known customers", f"{result.known:,} of {len(result.customers.ids):,}")
    shown.add_row("audience", f"{len(result.audience):,} of {result.audience.candidates:,} candidates")
    if (judged := verdict(result)) is not None:
        reach = f"{judged.reached:.0%} ({judged.low:.0%} to {judged.high:.0%})"
        shown.add_row("future customers expected in it", reach)
        interval = f"{judged.least_times:.2f} to {judged.most_times:.2f}, 95 %"
        shown.add_row("lift against random", f"{judged.times:.2f} ({interval})")
        shown.add_row("against chance", LABELS[judged.told].lower())
    shown.add_row("model", f"{result.model.system} of {result.model.partition}")
    return shown
