"""External clicks from before the first exposure: loaded with a source, as a run of their own."""

from __future__ import annotations

from assets.common.partitions import EXTERNAL_HISTORY
from assets.common.resources import HomeResource
from orchestration.jobs import LOGS
from orchestration.session import Session


def load_external_history(session: Session) -> list[str]:
    """Load what is due of the external history, if the deployment has one; returns what was left out.

    Raises RunFailed where the run failed. Hours that a batch rule refused are a failed check of the asset.
    """
    from assets.logs.external_history import history_due, left_out

    deployment, home = session.deployment, HomeResource(root=str(session.home.root))
    if deployment.behaviours_first_day < deployment.first_day and history_due(home):
        first_hour = deployment.service_zone.hours_of_day(deployment.first_day)[0]
        session.run(LOGS, first_hour, only=[EXTERNAL_HISTORY])
    return left_out(deployment.landing_folder(session.home))
