"""An audience as files: Parquet and CSV for machines, the lift curve, a summary and the page for people.

Each is written whole or not at all, and holds no time of writing: the same request gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.common.faults import BadRequest
from assets.profiling.audience.in_words import cautions, outlook, score_meaning
from assets.profiling.audience.page import page
from assets.profiling.audience.verdict import verdict

if TYPE_CHECKING:
    import pandas as pd

    from assets.profiling.audience.make import AudienceResult

#: how a text begins that a spreadsheet computes, spaces and signs of full width included
FORMULA = r"[\s\x00]*[=+\-@＝＋－＠]|[\t\r\n]"
SUFFIXES = (".parquet", ".csv", ".json", ".html")


@dataclass(frozen=True)
class AudienceFiles:
    """Where the files of one audience lie."""

    parquet: Path
    csv: Path
    lift: Path  #: CSV; not written where no lift can be told
    summary: Path  #: JSON
    page: Path  #: HTML

    @classmethod
    def at(cls, out: Path) -> AudienceFiles:
        """From what `--out` says: `name`, `name.csv` or any of the others give all of `name.*`.

        A folder gives `audience.*` inside it.
        """
        if out.is_dir():
            out = out / "audience"
        stem = out.with_suffix("") if out.suffix in SUFFIXES else out
        lift = stem.with_name(f"{stem.name}-lift.csv")
        parquet, csv, summary, html = (stem.with_name(stem.name + suffix) for suffix in SUFFIXES)
        return cls(parquet, csv, lift, summary, html)

    def spare(self, path: Path) -> None:
        """Raise BadRequest where one of the files would take the place of `path`."""
        own = {file.resolve() for file in (self.parquet, self.csv, self.lift, self.summary, self.page)}
        if path.resolve() in own:
            raise BadRequest(f"the audience would be written over {path} itself: give --out another name")


def write(result: AudienceResult, files: AudienceFiles) -> None:
    """Write all files; the page last, so that whoever finds it finds the others."""
    from models.files import replace_file

    rows = frame(result)
    of_csv = rows if result.settings.raw_csv else formula_safe(rows)
    writers: list[tuple[Path, Callable[[Path], Any]]] = [
        (files.parquet, lambda path: rows.to_parquet(path, index=False)),
        (files.csv, lambda path: of_csv.to_csv(path, index=False)),
        (files.summary, lambda path: path.write_text(json.dumps(summary(result), indent=1) + "\n")),
        (files.page, lambda path: path.write_text(page(result))),
    ]
    if result.lift is not None:
        curve = lift_frame(result)
        writers.insert(2, (files.lift, lambda path: curve.to_csv(path, index=False)))
    else:
        files.lift.unlink(missing_ok=True)  # of an earlier request of this name
    for path, writer in writers:
        with replace_file(path) as temporary:
            writer(temporary)


def frame(result: AudienceResult) -> pd.DataFrame:
    """One row a user, best first: rank, score, percentile and the nearest known customers."""
    import numpy as np
    import pandas as pd

    from models.profiling.prospect import EXPLAINED_BY

    audience, count = result.audience, len(result.audience)
    columns: dict[str, Any] = {
        "user_id": result.user_ids,
        "rank": np.arange(1, count + 1),
        "score": audience.score,
        "percentile": audience.percentile,
    }
    for rank in range(EXPLAINED_BY):
        has_column = rank < result.nearest_ids.shape[1]
        columns[f"nearest_{rank + 1}"] = result.nearest_ids[:, rank] if has_column else np.full(count, "")
        columns[f"similarity_{rank + 1}"] = (
            audience.similarity[:, rank] if has_column else np.full(count, np.nan, dtype=np.float32)
        )
    return pd.DataFrame(columns)


def formula_safe(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows for a spreadsheet: an apostrophe before each text that it would take for a formula."""
    import pandas as pd

    def safe(column: pd.Series) -> pd.Series:
        if pd.api.types.is_numeric_dtype(column):
            return column
        text = column.astype(str)
        return text.mask(text.str.match(FORMULA), "'" + text)

    return rows.apply(safe)


def lift_frame(result: AudienceResult) -> pd.DataFrame:
    """The expected lift curve; random is the share contacted itself. Raises ValueError without one."""
    import numpy as np
    import pandas as pd

    from models.profiling.lift import REACHED

    if result.lift is None:
        raise ValueError(f"no lift curve: {result.no_lift}")
    curve = result.lift.curve
    return pd.DataFrame(
        {
            "contacted": REACHED,
            "users": np.round(REACHED * result.audience.candidates).astype(np.int64),
            "reached": curve.reached,
            "reached_error": curve.error,
            "reached_at_random": REACHED,
            "lift": curve.lift,
        }
    )


def summary(result: AudienceResult) -> dict[str, Any]:
    """The request, what it rests on and what came out, without the rows."""
    return {
        "source": result.source,
        "simulated": result.simulated,
        "settings": result.settings.model_dump(mode="json")
        | {"customers": Path(result.settings.customers).name},
        "model": result.model.model_dump(
            mode="json", include={"system", "partition", "seed", "state_hash", "git_revision", "data_hash"}
        ),
        "data_hash": result.data_hash,
        "customers": {
            "rows": result.customers.rows,
            "repeats": result.customers.repeats,
            "rows_without_id": result.customers.blanks,
            "column": result.customers.column,
            "form": result.customers.form,
            "read_otherwise": result.listed.remark,
            "ids": len(result.customers.ids),
            "known": result.known,
            "unknown": list(result.unknown),
        },
        "audience": {"users": len(result.audience), "candidates": result.audience.candidates},
        "outlook": [*outlook(result), *cautions(result)],
        "score": score_meaning(result.model.system),
        "lift": _lift(result),
        "portrait": [
            {"kind": t.kind, "name": t.name, "values": [None if v != v else v for v in t.values]}
            for t in result.traits
        ],
    }


def _lift(result: AudienceResult) -> dict[str, Any]:
    judged = verdict(result)
    if result.lift is None or judged is None:
        return {"basis": None, "why": result.no_lift}
    lift = result.lift
    return {
        "basis": lift.basis,
        "brand": lift.brand,
        "why": lift.why,
        "since": lift.since,
        "until": lift.until,
        "model_as_of": lift.model_as_of,
        "newcomers": lift.curve.newcomers,
        "brands": lift.curve.brands,
        "rate": lift.rate,
        "audience_share": result.share,
        "reached": judged.reached,
        "reached_95": [judged.low, judged.high],
        "lift": judged.times,
        "lift_95": [judged.least_times, judged.most_times],
        "told_apart_from_chance": judged.told,
    }
