"""A failed run told to a web address: the environment variable HOURFOLD_WEBHOOK names it, JSON goes there."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

import dagster as dg

from orchestration.failures import failed_checks, what_failed
from orchestration.spans import shortened

VARIABLE = "HOURFOLD_WEBHOOK"
TIMEOUT_SECONDS = 10.0
TRIES = 3
PAUSE_SECONDS = 1.0  #: before the second try; twice as long before each further one


def failure_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Posts every failed run, a refused batch among them, where HOURFOLD_WEBHOOK is set."""

    @dg.run_failure_sensor(
        name="tell_failures",
        default_status=status,
        minimum_interval_seconds=30,
        description=f"Posts what failed, and what to do, as JSON to the address in {VARIABLE}.",
    )
    def tell_failures(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        return _tell(context, lambda: message(context.instance, context.dagster_run))

    return tell_failures


def checks_sensor(status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Posts failed checks of runs that went on: a file of users that was refused, say."""

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="tell_checks",
        default_status=status,
        minimum_interval_seconds=30,
        description=f"Posts checks that failed and stopped nothing, as JSON to the address in {VARIABLE}.",
    )
    def tell_checks(context: dg.RunStatusSensorContext) -> dg.SkipReason | None:
        def content() -> dict[str, str] | None:
            texts = failed_checks(_events(context.instance, context.dagster_run))
            return _content(context.dagster_run, shortened(texts), "went on, but") if texts else None

        return _tell(context, content)

    return tell_checks


def _tell(
    context: dg.RunStatusSensorContext, content: Callable[[], dict[str, str] | None]
) -> dg.SkipReason | None:
    """Post what `content` makes of a run, if it makes anything of it and an address is set."""
    address = os.environ.get(VARIABLE)
    if not address:
        return dg.SkipReason(f"{VARIABLE} is not set: nobody is told")
    said = content()
    trouble = post(address, said) if said else None
    if trouble:
        context.log.error(f"what became of run {context.dagster_run.run_id} was not told: {trouble}")
    return None


def message(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dict[str, str]:
    """What is told of a failed run: job, partition, run, and the reason in few lines (`text`: for chats)."""
    reason = what_failed(_events(instance, run))
    return _content(run, reason or "the run ended without an error: its process may have died", "failed")


def _events(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.DagsterEvent]:
    entries = instance.all_logs(run.run_id)
    return [entry.dagster_event for entry in entries if entry.dagster_event is not None]


def _content(run: dg.DagsterRun, reason: str, verb: str) -> dict[str, str]:
    tags = run.tags
    partition = tags.get("dagster/partition") or "..".join(
        tags[name] for name in sorted(tags) if name.startswith("dagster/asset_partition_range")
    )
    return {
        "job": run.job_name,
        "partition": partition,
        "run_id": run.run_id,
        "reason": reason,
        "text": f"Hourfold: {run.job_name} {partition} {verb}\n{reason}",
    }


def post(address: str, content: Mapping[str, str]) -> str | None:
    """Post JSON, three times if need be; returns what went wrong, None if it arrived; never raises."""
    trouble: str | None = None
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
        try:
            request = urllib.request.Request(
                address,
                data=json.dumps(dict(content)).encode(),
                headers={"Content-Type": "application/json", "User-Agent": "hourfold"},
            )
            if request.type not in ("http", "https"):
                return f"{VARIABLE} must be an http or https address"
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
                return None
        except urllib.error.HTTPError as error:
            trouble = f"the address answered {error.code} {error.reason}"
            if error.code < 500 and error.code != 429:
                return trouble
        except (OSError, ValueError) as error:
            trouble = f"{type(error).__name__}: {error}"
        except Exception as error:  # a failure that cannot be told must not fail in its turn
            return f"{type(error).__name__}: {error}"
    return trouble
