"""Answering with a version of a profiler: customers in the ids of the logs → an audience, best first.

A version answers as of the date that it was trained at: nothing on or after it is read.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from assets.common.faults import BadRequest, DamagedState
from assets.common.provenance import content_hash
from assets.profiling.audience.known_ids import known_ids
from assets.profiling.profilers import FITTED_AT, PROFILERS
from assets.profiling.served_version import TOP, USER
from assets.profiling.sources import ProfileSource
from assets.profiling.states import PROFILER
from assets.ranking.states import RECORD, StateRecord
from models.profiling.prospect import prospect
from warehouse.home import Deployment, Home

if TYPE_CHECKING:
    from models.profiling.data import ProfileData
    from models.profiling.profiler import Scorer

_ASKED = Path("the request")


class ServedProspector:
    """A version of a profiler, with the home that it belongs to."""

    def __init__(self, folder: Path) -> None:
        """Args:
            folder: of the version inside a home, or a copy of one, whose home is that of HOURFOLD_HOME.

        Raises:
            DamagedState: the folder does not hold what its record says.
        """
        about = folder / RECORD
        if not about.is_file():
            raise DamagedState(f"{folder} holds no finished model: train its date again")
        self._record = StateRecord.model_validate_json(about.read_text())
        if content_hash(folder / PROFILER) != self._record.state_hash:
            raise DamagedState(f"{folder} does not hold what its {RECORD} says: train its date again")
        self._path = folder / PROFILER
        self._source = ProfileSource.opened(*_home_of(folder))

    def audience(self, customers: pd.DataFrame, top: int = TOP) -> pd.DataFrame:
        """`user_id`, `score` and `percentile` of the best `top` users who are not among the customers.

        Raises:
            BadRequest: no customer is known, everybody is one, or the table is not one of customers.
        """
        if top < 1:
            raise BadRequest(f"top is {top}: ask for at least one user")
        if USER not in customers:
            sent = ", ".join(map(str, customers.columns)) or "nothing"
            raise BadRequest(f"column {USER!r} is missing: send the customers' ids in it; sent: {sent}")
        ids = customers[USER]
        empty = ids.isna() | (ids.astype(str) == "")
        if empty.any():
            row = int(empty.to_numpy().argmax())
            raise BadRequest(f"column {USER!r}, row {row}: the value is empty; leave such rows out")
        listed = known_ids(_ASKED, tuple(ids.astype(str)), self._data)
        if not len(listed.positions):
            raise BadRequest(
                f"none of the {len(ids)} customers is known before {self._record.partition}: known ids look "
                f"like {str(self._data.user_ids[0])!r}"
            )
        if len(listed.positions) == len(self._data):
            raise BadRequest(f"all {len(self._data)} users are listed: nobody is left to find")
        audience = prospect(self._scorer.score(listed.positions), listed.positions, top)
        return pd.DataFrame(
            {
                USER: self._data.user_ids[audience.user].astype(object),
                "score": audience.score,
                "percentile": audience.percentile,
            }
        )

    @cached_property
    def _data(self) -> ProfileData:
        return self._source.read(self._record.partition, self._record.settings[FITTED_AT])

    @cached_property
    def _scorer(self) -> Scorer:
        return PROFILERS[self._record.system].load(self._path, "cpu").ready(self._data)


def _home_of(folder: Path) -> tuple[Home, str]:
    """Home and source of a version; of a copy elsewhere, those of the profiler in this process' home."""
    parents = folder.resolve().parents  # <home>/sources/<source>/models/profile/<system>/<as of>
    if len(parents) > 5 and (parents[1].name, parents[2].name, parents[4].name) == (
        *("profile", "models", "sources"),
    ):
        return Home(parents[5]), parents[3].name
    home = Home.current()
    return home, Deployment.load(home).of_shop(home).source
