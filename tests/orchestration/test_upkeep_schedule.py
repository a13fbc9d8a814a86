"""The clean-up runs every night, whether anything was trained or not."""

from datetime import UTC, datetime

import dagster as dg

from orchestration.build import build
from orchestration.jobs import UPKEEP
from warehouse.home import Deployment, Home


def test_each_night_has_one_run(tmp_path):
    deployment = Deployment(first_day="2026-03-02", zone="Etc/GMT-8", live=True)
    schedule = build(Home(tmp_path), deployment).definitions.get_schedule_def("every_night_upkeep")
    assert schedule.cron_schedule == "50 4 * * *" and schedule.execution_timezone == "Etc/GMT-8"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING and schedule.job_name == UPKEEP
    keys = []
    for day in (3, 4, 4):
        at = datetime(2026, 3, day, 20, 50, tzinfo=UTC)
        with dg.build_schedule_context(scheduled_execution_time=at) as context:
            keys.append(schedule.evaluate_tick(context).run_requests[0].run_key)
    assert keys[0] != keys[1] == keys[2]
