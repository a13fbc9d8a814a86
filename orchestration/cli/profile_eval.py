"""`hourfold profile-eval`: profilers against normal training and honest opponents, as JSON and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.experiments.profilers.settings import ProfileEvalSettings
from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars, tell
from orchestration.cli.options import Chosen, Data, Out, Workers, from_settings

if TYPE_CHECKING:
    from assets.experiments.profilers.results import ProfileResult


@from_settings(ProfileEvalSettings)
def profile_eval(chosen: Chosen, out: Out, data: Data = None, workers: Workers = 1) -> None:
    """Evaluate profilers on brands they never saw: who buys them first, within the horizon?

    A table over brands at K = 1, 5, 20 and all customers with 95 % intervals, paired tests of
    `meta_profile_prior` against every other system, and on the first target brands the paper's studies:
    Table 3 (9-way 1-shot), label masking and class imbalance. Dates, brands, test users and labels follow a
    fixed protocol; `--targets FILE` (one brand a line) or `--size-band` say which brands instead. `--table
    modalities` asks what each modality adds (purchases, heatmap, points, labels, demographics): none, all,
    each alone and each left out; `--table nine-ways` is Table 3 alone.

    `--systems quick` leaves out those that train for every brand, which is minutes instead of hours. Results
    are saved as they come: the same command after a kill goes on where it was.

    Example:

        hourfold profile-eval --source complete-journey --targets 8 --draws 100 --seeds 3 --out F.json
        hourfold profile-eval --source landing --size-band 1.5%-15% --systems quick --out F.json
        hourfold profile-eval --source landing --targets brands.txt --systems quick --out F.json
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
        result = run(settings, shop, out, workers=workers, progress=progress, tell=tell)
        record(runs, result, out)
    _print(result, "simulated purchases" if shop.simulated else settings.source)
    console.print(f"Written: {out}")


def _print(result: ProfileResult, made: str) -> None:
    """What was evaluated, the tables, and what the tests say."""
    from assets.experiments.profilers.facts import sentences
    from assets.experiments.profilers.verdicts import verdicts
    from orchestration.cli.profile_tables import profile_tables
    from orchestration.cli.tables import failed_lines

    for sentence in sentences(result.protocol):
        console.print(f"Note: {sentence}")
    for table in profile_tables(result, made):
        console.print(table)
    tell(failed_lines({entry.system: entry.reason for entry in result.failed}))
    for verdict in verdicts(result.summary):
        console.print(verdict.replace("`", ""))
