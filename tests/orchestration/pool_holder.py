"""A run whose step has the slot of the pool `duckdb`, in a process of its own or in the test's.

    python -m tests.orchestration.pool_holder SIGKILL

runs it on the instance of DAGSTER_HOME and sends itself the signal within the step.
"""

import os
import signal
import sys

import dagster as dg


@dg.op(pool="duckdb", config_schema={"signal": dg.Field(str, default_value="")})
def hold(context: dg.OpExecutionContext) -> None:
    """Have the slot, and die or stop if so told."""
    if context.op_config["signal"]:
        os.kill(os.getpid(), getattr(signal, context.op_config["signal"]))


@dg.job(executor_def=dg.in_process_executor)
def hourly_logs():
    """Named as one that schedules look for."""
    hold()


def run(instance: dg.DagsterInstance, deadly: str = "") -> dg.ExecuteInProcessResult:
    """Run it in this process."""
    config = {
        "ops": {"hold": {"config": {"signal": deadly}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    return hourly_logs.execute_in_process(
        instance=instance,
        run_config=config,
        tags={"dagster/partition": "2026-03-02-00:00"},
        raise_on_error=False,
    )


if __name__ == "__main__":
    with dg.DagsterInstance.from_config(os.environ["DAGSTER_HOME"]) as opened:
        run(opened, sys.argv[1])
