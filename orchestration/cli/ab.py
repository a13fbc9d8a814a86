"""`hourfold ab`: an online A/B test on the simulator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.table import Table

#: metric → heading and number of digits; definitions in docs/metrics.md
METRICS = {
    "ctr": ("CTR", "click rate", 4),
    "acn": ("ACN", "clicks a user", 3),
    "hcr": ("HCR", "users who clicked", 4),
    "dt": ("DT", "seconds a user", 1),
}


def ab(
    arms: Annotated[
        str, typer.Option(help="Systems with commas, base first; also policy, random and truth.")
    ] = "deepfm,lsttm_spectral",
    days: Annotated[int, typer.Option(min=1, help="Days of the test.")] = 5,
    first_day: Annotated[
        str | None, typer.Option(help="First day; without it 2025-03-10, tiny 2025-03-05.")
    ] = None,
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("ab.json"),
    aa: Annotated[
        bool, typer.Option("--aa", help="Also the base on the other arms' users: no effect may be found.")
    ] = False,
    bounds: Annotated[
        bool, typer.Option(help="Also the logging policy, chance and the true probability on all users.")
    ] = True,
    users: Annotated[
        int | None, typer.Option(min=10, help="Simulated accounts; without it as calibrated (15,000).")
    ] = None,
    candidates: Annotated[int, typer.Option(min=30, help="Items recalled for an impression.")] = 100,
    explore: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of places that show a random candidate.")
    ] = 0.05,
    salt: Annotated[str, typer.Option(help="Of the hash that splits the users.")] = "hourfold",
    seed: Annotated[int, typer.Option(min=0, help="Of trainings, exploration and bootstrap.")] = 0,
    world_seed: Annotated[
        int | None, typer.Option(min=0, help="Another simulated world; without it the calibrated one.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes, one thread each.")] = 1,
    tiny: Annotated[bool, typer.Option("--tiny", help="Tiny systems and a tiny simulation.")] = False,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="The registry's settings, even where tuned ones are there.")
    ] = False,
    record: Annotated[bool, typer.Option(help="Put the test on a run of the home's MLflow.")] = True,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a setting: system.setting=value, * for all systems."),
    ] = None,
) -> None:
    """Test systems against each other online, on simulated users: no real user is in it.

    Users are split by hash; each arm ranks for its own, learns from what they do with it, adapts every hour
    and retrains every day. Days are saved as they come: the same command after a kill goes on where it was.

    Example:

        hourfold ab --arms deepfm,lsttm_spectral --days 5 --aa --workers 2 --out ab.json
    """
    from pydantic import ValidationError

    from assets.common.tuned import tuned_settings
    from assets.experiments.ab.run import ab_test
    from assets.experiments.ab.settings import SCRIPTED, ABSettings
    from assets.experiments.ab.tracking import record as record_ab
    from assets.experiments.workers import WorkerFailed
    from orchestration.settings import prepare_home
    from warehouse.home import Home

    with plain_errors(ValueError, ValidationError, WorkerFailed), progress_bars() as progress:
        names = tuple(name.strip() for name in arms.split(","))
        size = "tiny" if tiny else "real"
        home = Home.current().source("simulator")
        tuned = {} if defaults else tuned_settings(home, "simulator", size, set(names) - set(SCRIPTED))
        settings = ABSettings.model_validate(
            {
                "arms": names,
                "first_day": first_day,
                "days": days,
                "seed": seed,
                "size": size,
                "users": users,
                "world_seed": world_seed,
                "candidates": candidates,
                "explore": explore,
                "salt": salt,
                "aa": aa,
                "bounds": bounds,
                "device": device,
                "tuned": tuned,
                "overrides": tuple(set_ or ()),
            }
        )
        result = ab_test(settings, out, workers=workers, progress=progress)
        if record:
            record_ab(prepare_home().mlflow, result, out)
    test_days = settings.test_days
    console.print(_arms_table(f"Simulated users, {test_days[0]} to {test_days[-1]}", result))
    console.print(_lifts_table("Lift, simulated users", result["metrics"]))
    if result["aa"]:
        console.print(_lifts_table("A/A, simulated users: the base in both arms", result["aa"]["metrics"]))
        title = "The same simulated users under either system, in two worlds"
        console.print(_lifts_table(title, result["aa"]["paired"]))
    srm = result["srm"]
    verdict = "as split" if srm["valid"] else "[bold red]INVALID[/]: the split is broken, read nothing above"
    console.print(f"Sample ratio: χ² {srm['chi_square']:.2f}, p {srm['p_value']:.3g}: {verdict}")
    console.print(f"Written: {out}")


def _arms_table(title: str, result: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column("arm", no_wrap=True)
    for heading in ("users", "exposures", "clicks", *(name for name, _, _ in METRICS.values())):
        table.add_column(heading, justify="right", no_wrap=True)
    for rows, style in ((result["pooled"], None), (result["bounds"], "dim")):
        for row in rows:
            counts = (f"{row[name]:,}" for name in ("users", "exposures", "clicks"))
            values = (_number(row[name], digits) for name, (_, _, digits) in METRICS.items())
            table.add_row(row["arm"], *counts, *values, style=style)
    if result["bounds"]:
        table.caption = "dimmed: on all users, not part of the test"
    return table


def _lifts_table(title: str, metrics: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption="intervals: 95 %, users resampled")
    table.add_column("arm", min_width=12)  # may be long: a base on another arm's users
    table.add_column("metric", no_wrap=True)
    for heading in ("base", "arm's", "lift", "interval", "p"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in metrics:
        name, meaning, digits = METRICS[row["metric"]]
        values = (_number(row[side], digits) for side in ("base_value", "arm_value"))
        between = " … ".join(_percent(row[end]) for end in ("low", "high"))
        p = "–" if row["p_value"] is None else f"{row['p_value']:.3g}"
        table.add_row(row["arm"], f"{name} ({meaning})", *values, _percent(row["lift"]), between, p)
    return table


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.2f} %"
