"""Audiences whose outcome is still to come: what is needed to judge them, until it is known.

`outcomes/<run id>/` of the source holds the question and the scores of all who were ranked; when the outcome
is recorded, the scores go and `outcomes/known/<run id>.json` says what came true.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from assets.profiling.audience.outcome import Outcome, Ranking
from assets.profiling.audience.requests import as_day
from models.files import replace_file, replace_folder

if TYPE_CHECKING:
    from assets.profiling.audience.make import AudienceResult
    from warehouse.home import SourceHome

ABOUT, SCORES, KNOWN = "audience.json", "scores.parquet", "known"
NO_BRAND = "its outcome cannot be followed: the list is no brand of the log; name its brand, if it is one"


class FollowedAudience(BaseModel):
    """An audience and the day on which its outcome is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str  #: on MLflow
    name: str  #: of the request
    system: str
    as_of: str
    horizon_days: int
    brand: str

    @property
    def due(self) -> str:
        """The first day that no longer counts: with the day before it loaded, the outcome is known."""
        return (as_day(self.as_of) + timedelta(days=self.horizon_days)).isoformat()


@dataclass(frozen=True)
class FollowedAudiences:
    """The audiences of one source that are followed; `root` is its folder `outcomes`."""

    root: Path

    @classmethod
    def of(cls, home: SourceHome) -> FollowedAudiences:
        """Those of a source."""
        return cls(home.root / "outcomes")

    def follow(self, result: AudienceResult, run_id: str, name: str) -> FollowedAudience | None:
        """Keep what the outcome needs; None where the list is no brand, for then nobody could say it."""
        import pyarrow as pa
        import pyarrow.parquet as parquet

        if result.brand is None:
            return None
        followed = FollowedAudience(
            run_id=run_id,
            name=name,
            system=result.model.system,
            as_of=result.settings.as_of,
            horizon_days=result.settings.horizon_days,
            brand=result.brand,
        )
        ranking = result.ranking
        columns = {
            "user_id": pa.array(ranking.user_ids.tolist(), pa.string()),
            "score": ranking.scores,
            "in_audience": ranking.in_audience,
        }
        with replace_folder(self.root / run_id) as temporary:
            parquet.write_table(pa.table(columns), temporary / SCORES)
            (temporary / ABOUT).write_text(followed.model_dump_json(indent=1) + "\n")
        return followed

    def open(self) -> list[FollowedAudience]:
        """Those whose outcome is not recorded, the one that is due first before the others."""
        paths = [path for path in self.root.glob(f"*/{ABOUT}") if not path.parent.name.startswith(".")]
        listed = [FollowedAudience.model_validate_json(path.read_text()) for path in paths]
        return sorted(listed, key=lambda followed: (followed.due, followed.name, followed.run_id))

    def ranking(self, followed: FollowedAudience) -> Ranking:
        """The scores that were kept."""
        import numpy as np
        import pyarrow.parquet as parquet

        table = parquet.read_table(self.root / followed.run_id / SCORES)
        return Ranking(
            np.asarray(table["user_id"].to_pylist(), dtype=np.str_),
            table["score"].to_numpy(),
            table["in_audience"].to_numpy(),
        )

    def close(self, followed: FollowedAudience, came: Outcome | str) -> None:
        """Write what came true, or why that cannot be said, and let the scores go."""
        (self.root / KNOWN).mkdir(parents=True, exist_ok=True)
        about = followed.model_dump() | ({"unknown": came} if isinstance(came, str) else asdict(came))
        with replace_file(self.root / KNOWN / f"{followed.run_id}.json") as temporary:
            temporary.write_text(json.dumps(about, indent=1) + "\n")
        shutil.rmtree(self.root / followed.run_id)

    def known(self, run_id: str) -> Outcome | None:
        """What came true of an audience; None where it is not known, or not yet."""
        path = self.root / KNOWN / f"{run_id}.json"
        if not path.exists():
            return None
        about = json.loads(path.read_text())
        if "unknown" in about:
            return None
        values = {field.name: about[field.name] for field in fields(Outcome)}
        return Outcome(**values | {"missing_days": tuple(values["missing_days"])})
