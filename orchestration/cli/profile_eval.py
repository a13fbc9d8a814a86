"""`hourfold profile-eval`: profilers against normal training and honest opponents, as JSON and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars


def profile_eval(
    source: Annotated[str, typer.Option(help="complete-journey, simulator or landing.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    data: Annotated[Path | None, typer.Option(help="Your landing folder, for source landing.")] = None,
    targets: Annotated[int, typer.Option(min=1, help="Target brands of the studies.")] = 8,
    brands: Annotated[int, typer.Option(min=1, max=39, help="Target brands of the table of brands.")] = 39,
    draws: Annotated[int, typer.Option(min=1, help="Support draws of a target, 9-way 1-shot.")] = 100,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings and label draws.")] = 1,
    systems: Annotated[str | None, typer.Option(help="Names with commas; default: all.")] = None,
    table: Annotated[str, typer.Option(help="brands, studies or all.")] = "all",
    as_of: Annotated[
        str | None, typer.Option(help="YYYY-MM-DD; default: the latest that leaves the horizon.")
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Days in which newcomers count; default 92, or less.")
    ] = None,
    development: Annotated[
        bool, typer.Option("--development", help="One horizon earlier, other brands, other test users.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes, one thread each.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    tiny: Annotated[bool, typer.Option("--tiny", help="Tiny networks, to try things out.")] = False,
) -> None:
    """Evaluate profilers on brands they never saw: who buys them first, within the horizon?

    Table 3 (9-way 1-shot), label masking and class imbalance of the paper on the first target brands, and a
    table over up to 39 brands at K = 1, 5, 20 and all customers. Dates, brands, test users and labels follow
    a fixed protocol. Results are saved as they come: the same command after a kill goes on where it was.

    Example:

        hourfold profile-eval --source complete-journey --targets 8 --draws 100 --seeds 3 --out F.json
    """
    from pydantic import ValidationError

    from assets.common.tracking import PROFILING, Tracking
    from assets.experiments.profilers.prepare import prepare_shop
    from assets.experiments.profilers.run import profile_eval as run
    from assets.experiments.profilers.settings import ProfileEvalSettings
    from assets.experiments.profilers.systems import PROFILE_SYSTEMS
    from assets.experiments.profilers.tracking import record
    from assets.experiments.workers import WorkerFailed
    from assets.logs.ingest import BatchRejected
    from orchestration.settings import prepare_home
    from warehouse.home import Home

    errors = (ValueError, LookupError, OSError, ImportError, ValidationError, WorkerFailed, BatchRejected)
    with plain_errors(*errors), progress_bars() as progress:
        settings = ProfileEvalSettings.model_validate(
            {
                "source": source,
                "as_of": as_of,
                "horizon": horizon,
                "targets": targets,
                "brands": brands,
                "draws": draws,
                "seeds": tuple(range(seeds)),
                "systems": tuple(name.strip() for name in systems.split(","))
                if systems
                else tuple(PROFILE_SYSTEMS),
                "table": table,
                "size": "tiny" if tiny else "real",
                "device": device,
                "development": development,
            }
        )
        home = prepare_home(Home.current())
        shop = prepare_shop(settings, data, progress=progress)
        result = run(settings, shop, out, workers=workers, progress=progress)
        record(Tracking(home.mlflow, source, shop.simulated, PROFILING), result, out)
    _print(result, "simulated purchases" if shop.simulated else source)
    console.print(f"Written: {out}")


def _print(result: dict[str, Any], made: str) -> None:
    """The headline of every system, and what was gained over normal training at each label budget."""
    from rich.table import Table

    protocol = result["protocol"]
    for remark in protocol["remarks"]:
        console.print(f"Note: {remark}")
    title = f"{made}, as of {protocol['as_of']}, newcomers of {protocol['horizon_days']} days"
    headline = Table(title=title, title_justify="left")
    for name in ("system", "AUROC", "AUPR", "within activity quintiles", "base rate"):
        headline.add_column(name, justify="left" if name == "system" else "right", no_wrap=True)
    gains = Table(title="over normal training, by number of labels", title_justify="left")
    for name in ("system", "labels", "number", "AUPR", "AUROC", "wins AUPR", "wins AUROC", "p"):
        gains.add_column(name, justify="left" if name == "system" else "right", no_wrap=True)
    for entry in result["summary"]:
        if "auroc" in entry:
            figures = (entry[name] for name in ("auroc", "aupr", "within_quintiles", "base_rate"))
            headline.add_row(entry["system"], *("–" if v is None else f"{v:.4f}" for v in figures))
        for budget, found in entry.get("budgets", {}).items():
            if found.get("p") is not None:
                gains.add_row(
                    entry["system"],
                    budget.replace("_", " "),
                    f"{found['labels']:.0f}",
                    *(f"{found[f'growth_{figure}']:+.1%}" for figure in ("aupr", "auroc")),
                    *(f"{found[f'wins_{figure}']}/{found['of_targets']}" for figure in ("aupr", "auroc")),
                    f"{found['p']:.4f}",
                )
    console.print(headline)
    if gains.row_count:
        console.print(gains)
