"""few_shot_job[request]: one request carried out; no training for the brand, only embed, compare and rank."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.common import plots
from assets.common.faults import BadRequest, retried_or_explained
from assets.common.links import mlflow_links, report_link
from assets.common.resources import HomeResource, ProgressReport, TrackingResource
from assets.common.timings import Timings
from assets.profiling.audience.in_words import cautions, outlook, score_meaning
from assets.profiling.audience.inbox import mark, request_path
from assets.profiling.audience.requests import load_request
from assets.profiling.audience.verdict import LABELS, verdict

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from assets.profiling.audience.make import AudienceResult

REQUESTS = dg.DynamicPartitionsDefinition(name="audience_requests")
SHOWN_ROWS = 10
REQUEST = "request"  #: metadata: which text and list an audience was made from, as `mark` has it


def few_shot_job_asset() -> dg.AssetsDefinition:
    """The asset over requests: one partition each."""

    @dg.asset(
        partitions_def=REQUESTS,
        deps=[dg.AssetDep("meta_profile", partition_mapping=dg.LastPartitionMapping())],
        group_name="profiling",
        owners=["team:profiling"],
        kinds={"pytorch", "mlflow"},
    )
    def few_shot_job(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> None:
        """The audience of one request: users ranked by the newest profiler that the as-of date may use.

        The rows, the expected lift and a page to mail lie in reports/audiences/<request>/, and on the
        request's MLflow run. A second run of the same request gives the same bytes.
        """
        with retried_or_explained(context):
            from assets.common.tracking import PROFILING
            from assets.profiling.audience.run import carry_out
            from assets.profiling.sources import ProfileSource

            name, shop, timings = context.partition_key, home.shop, Timings()
            deployment, runs = shop.deployment, tracking.shop.open(PROFILING)
            settings = load_request(the_request(shop.paths.requests, name))
            with timings.phase("read"):
                source = ProfileSource.opened(home.home, deployment.source)
            made = carry_out(
                settings,
                source,
                runs,
                shop.paths.reports / "audiences" / name,
                name=name,
                whole_folder=True,
                **deployment.model_dump(include={"size", "seed", "device"}),
                progress=progress.to(context.log, f"{name}:"),
                phase=timings.phase,
            )
            progress.spent(timings.seconds)
            request = mark(request_path(shop.paths.requests, name), settings)
            run = {"mlflow_run": made.run_id, "outcome": made.outlook, REQUEST: request}
            shown = metadata(made.result, made.files.page) | mlflow_links(runs.urls)
            context.add_asset_metadata({**shown, **run, **timings.metadata()})

    return few_shot_job


def _markdown(rows: "pd.DataFrame") -> str:
    """The head of the audience as a table of Markdown."""
    shown = rows[["rank", "user_id", "score", "percentile", "nearest_1"]]
    lines = [list(shown.columns), ["---"] * shown.shape[1]]
    lines += [
        [str(rank), str(user), f"{score:.4f}", f"{percentile:.2f}", str(near)]
        for rank, user, score, percentile, near in shown.itertuples(index=False)
    ]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def the_request(folder: "Path", name: str) -> "Path":
    """The request's file; raises BadRequest where it was taken away."""
    path = request_path(folder, name)
    if not path.is_file():
        raise BadRequest(
            f"{path} is not there: put the request and its customers' file into the folder again"
        )
    return path


def metadata(result: "AudienceResult", page: "Path") -> dict[str, dg.MetadataValue | int | float | str]:
    """What the asset's page shows of an audience."""
    from assets.profiling.audience.files import frame
    from assets.profiling.audience.plots import lift_picture, score_picture

    shown: dict[str, dg.MetadataValue | int | float | str] = {
        "what to expect": dg.MetadataValue.md("\n\n".join(outlook(result))),
        "beware": dg.MetadataValue.md("\n\n".join(cautions(result)) or "nothing unusual"),
        "what the score means": score_meaning(result.model.system),
        "page": report_link(page),
        "as of": result.settings.as_of,
        "model": f"{result.model.system} of {result.model.partition}",
        "customers' file": result.customers.remark,
        "known customers": result.known,
        "unknown ids": len(result.unknown),
        "candidates": result.audience.candidates,
        "audience": len(result.audience),
        "first rows": dg.MetadataValue.md(_markdown(frame(result).head(SHOWN_ROWS))),
        "scores": plots.embedded(score_picture(result)),
    }
    judged = verdict(result)
    if result.lift is None or judged is None:
        shown["expected lift"] = f"none: {result.no_lift}"
        return shown
    return shown | {
        "told apart from chance": LABELS[judged.told],
        "expected lift": judged.times,
        "expected lift, 95 %": f"{judged.least_times:.2f} to {judged.most_times:.2f}",
        "future customers expected in it": judged.reached,
        "lift rests on": result.lift.why,
        "lift curve": plots.embedded(lift_picture(result)),
    }
