"""Requests for audiences: picked up from a folder, each a partition and a run of its own."""

import json
import time

import dagster as dg

from assets.common.resources import HomeResource
from assets.profiling.audience.inbox import look
from assets.profiling.few_shot_job import REQUEST, REQUESTS
from orchestration.jobs import FEW_SHOT


def requests_sensor() -> dg.SensorDefinition:
    """Runs a request once, and again when its file or its list changes; not one that was run by hand."""

    @dg.sensor(
        job_name=FEW_SHOT,
        name="audience_requests",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs requests/<name>.json of the source; a malformed one goes to requests/rejected/.",
    )
    def audience_requests(context: dg.SensorEvaluationContext, home: HomeResource) -> dg.SensorResult:
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        inbox = look(home.shop.paths.requests, time.time())
        for name, reason in inbox.rejected.items():
            context.log.warning(f"{name} was rejected: {reason}")
        due = {
            name: mark
            for name, mark in inbox.ready.items()
            if seen.get(name) != mark and _made_from(context.instance, name) != mark
        }
        known = set(context.instance.get_dynamic_partitions(REQUESTS.name or ""))
        fresh = sorted(set(due) - known)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=f"{name} {mark}", partition_key=name) for name, mark in due.items()
            ],
            dynamic_partitions_requests=[REQUESTS.build_add_request(fresh)] if fresh else [],
            cursor=json.dumps(inbox.ready),
        )

    return audience_requests


def _made_from(instance: dg.DagsterInstance, name: str) -> str | None:
    """The mark of the request that the newest audience of this name was made from; None without one."""
    made = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey("few_shot_job"), asset_partitions=[name]), limit=1
    )
    materialization = made.records[0].asset_materialization if made.records else None
    value = materialization.metadata.get(REQUEST) if materialization is not None else None
    return None if value is None else str(value.value)
