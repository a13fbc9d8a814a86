"""`hourfold profile-eval`: profilers against normal training and honest opponents, as JSON and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.experiments.profilers.settings import ProfileEvalSettings
from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars
from orchestration.cli.options import Chosen, Data, Out, Workers, from_settings
from orchestration.cli.tables import new_table, or_dash

if TYPE_CHECKING:
    from assets.experiments.profilers.results import ProfileResult

HEADLINE = ("auroc", "aupr", "within_quintiles", "base_rate")


@from_settings(ProfileEvalSettings)
def profile_eval(chosen: Chosen, out: Out, data: Data = None, workers: Workers = 1) -> None:
    """Evaluate profilers on brands they never saw: who buys them first, within the horizon?

    Table 3 (9-way 1-shot), label masking and class imbalance of the paper on the first target brands, and a
    table over up to 39 brands at K = 1, 5, 20 and all customers. Dates, brands, test users and labels follow
    a fixed protocol. Results are saved as they come: the same command after a kill goes on where it was.

    Example:

        hourfold profile-eval --source complete-journey --targets 8 --draws 100 --seeds 3 --out F.json
    """
    from assets.common.tracking import PROFILING, Tracking
    from assets.experiments.profilers.prepare import prepare_shop
    from assets.experiments.profilers.run import profile_eval as run
    from assets.experiments.profilers.tracking import record
    from assets.experiments.workers import WorkerFailed
    from assets.logs.ingest import BatchRejected
    from orchestration.settings import prepare_home
    from warehouse.home import Home

    errors = (ValueError, LookupError, OSError, ImportError, WorkerFailed, BatchRejected)
    with plain_errors(*errors), progress_bars() as progress:
        settings = ProfileEvalSettings.model_validate(chosen)
        home = prepare_home(Home.current())
        shop = prepare_shop(settings, data, progress=progress)
        runs = Tracking(home.mlflow, settings.source, shop.simulated, PROFILING)
        result = run(settings, shop, out, workers=workers, progress=progress)
        record(runs, result, out)
    _print(result, "simulated purchases" if shop.simulated else settings.source)
    console.print(f"Written: {out}")


def _print(result: ProfileResult, made: str) -> None:
    """The headline of every system, and what was gained over normal training at each label budget."""
    from models.metrics import FIGURES

    protocol = result.protocol
    for remark in protocol.remarks:
        console.print(f"Note: {remark}")
    title = f"{made}, as of {protocol.as_of}, newcomers of {protocol.horizon_days} days"
    headline = new_table(title, "system", *(FIGURES[name].label for name in HEADLINE))
    columns = ("system", "labels", "number", "AUPR", "AUROC", "wins AUPR", "wins AUROC", "p")
    gains = new_table("over normal training, by number of labels", *columns)
    for entry in result.summary:
        if entry.of is not None:
            headline.add_row(entry.system, *(or_dash(entry.value(name)) for name in HEADLINE))
        for budget, gain in entry.budgets.items():
            if gain.p is not None:
                gains.add_row(
                    entry.system,
                    budget.replace("_", " "),
                    f"{gain.labels:.0f}",
                    *(or_dash(growth, "+.1%") for growth in (gain.growth_aupr, gain.growth_auroc)),
                    *(f"{wins}/{gain.of_targets}" for wins in (gain.wins_aupr, gain.wins_auroc)),
                    f"{gain.p:.4f}",
                )
    console.print(headline)
    if gains.row_count:
        console.print(gains)
