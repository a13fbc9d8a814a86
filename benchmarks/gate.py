"""Claim: an hour of exposures is judged by Great Expectations no slower than by pandera.

Ours is `expectations.gate.gate`, from raw columns as a Parquet file gives them to kept and quarantined rows,
with statistics, bands of nine former days and a sentence for each verdict. Peers, in the same process and on
the same rows, one in a hundred of them broken:

- pandera, a schema of the same rules (types, missing values, lengths, id forms, ranges, sets, the partition's
  bounds, known ids, uniqueness), all errors collected (`lazy=True`). It reads no raw values and has no
  history;
- Great Expectations' own interface (`batch.validate`, complete results), the row suite on the columns that
  ours prepared.

All three must name the same broken rows before anything is timed.

    python -m benchmarks.gate
"""

from __future__ import annotations

import copy
import json
import logging
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa

from expectations.gate import ColumnSpec, GateContext, GateResult, gate
from expectations.row_facts import RowFacts
from expectations.suites import read_suite, row_rules
from warehouse.landing.contract import TABLES

SIZES = (1_000, 100_000)
RUNS = 7
USERS, ITEMS = 30_000, 10_000
HOUR_MS, START_MS = 3_600_000, 1_651_363_200_000
DAY_MS = 24 * HOUR_MS
PARTITION = "2022-05-01-00:00"
ID_FORM = r"^[+-]?(?:[0-9]+\.0+|[0-9]+\.[0-9]+[eE][+-]?[0-9]+|[0-9]+[eE]\+[0-9]+)$"


def main() -> None:
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    results = []
    for rows in SIZES:
        raw, context = _raw(rows), _context(rows)
        library = _library(raw, context)
        schema, typed = _schema(context), _typed(raw)
        ours = gate("exposures", raw, context)
        broken = set(ours.quarantined["row"])
        assert not ours.batch_failures and len(broken) == rows // 100
        assert _broken_by_pandera(schema, typed) == broken
        assert library() == broken
        ways: dict[str, Callable[[], object]] = {
            "ours": lambda raw=raw, context=context: gate("exposures", raw, context),
            "pandera": lambda schema=schema, typed=typed: _broken_by_pandera(schema, typed),
            "great_expectations": library,
        }
        seconds = _best(ways)
        ratios = {name: seconds[name] / seconds["ours"] for name in ways if name != "ours"}
        results.append({"rows": rows, "seconds": seconds, "ratio_peer_to_ours": ratios})
        milliseconds = {name: f"{1e3 * value:.0f} ms" for name, value in seconds.items()}
        print(
            f"{rows:,} exposures: ours {milliseconds['ours']}, pandera {milliseconds['pandera']} "
            f"({ratios['pandera']:.2f} ×), Great Expectations' own interface "
            f"{milliseconds['great_expectations']} ({ratios['great_expectations']:.2f} ×)"
        )
    print(json.dumps(results))


def _raw(rows: int) -> pd.DataFrame:
    """Rows of an hour, Arrow-backed as the landing reader gives them."""
    rng = np.random.default_rng(rows)
    frame = pd.DataFrame(
        {
            "exposure_id": [f"{PARTITION}/{row}" for row in range(rows)],
            "user_id": rng.integers(0, USERS, rows).astype(str),
            "item_id": rng.integers(0, ITEMS, rows).astype(str),
            "shown_at": START_MS + np.sort(rng.integers(0, HOUR_MS, rows)),
            "clicked": rng.random(rows) < 0.3,
            "dwell_seconds": rng.random(rows) * 60,
            "ctx_device": np.array(["phone", "tablet"], object)[rng.integers(0, 2, rows)],
        }
    )
    frame.loc[::100, "dwell_seconds"] = -1.0
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return table.to_pandas(types_mapper=pd.ArrowDtype).assign(_partition=PARTITION, _row=np.arange(rows))


def _context(rows: int) -> GateContext:
    contract = TABLES["exposures"].with_fields(("ctx_device",))
    former = pd.DataFrame(
        {"start_ms": [START_MS - day * DAY_MS for day in range(1, 10)], "rows": rows, "kept": rows},
        index=[f"former {day}" for day in range(9)],
    )
    return GateContext(
        columns={column.name: ColumnSpec(column.type.value, column.required) for column in contract.columns},
        partitions={PARTITION: (START_MS, START_MS + HOUR_MS)},
        now_ms=START_MS + DAY_MS,
        known={
            "users": np.arange(USERS).astype(str).astype(object),
            "items": np.arange(ITEMS).astype(str).astype(object),
        },
        history=former.assign(clicks=0.3 * rows),
    )


def _typed(raw: pd.DataFrame) -> pd.DataFrame:
    """The same columns as pandas' own types: what pandera and Great Expectations start from."""
    texts = ("exposure_id", "user_id", "item_id", "ctx_device")
    return pd.DataFrame(
        {
            **{name: raw[name].astype("str") for name in texts},
            "shown_at": raw["shown_at"].astype("int64"),
            "clicked": raw["clicked"].astype(bool),
            "dwell_seconds": raw["dwell_seconds"].astype("float64"),
        }
    )


def _schema(context: GateContext) -> object:
    """The rules of exposures as a pandera schema."""
    import pandera.pandas as pandera

    limits = context.settings
    latest = context.now_ms + limits.future_tolerance_ms
    known = {name: pd.Index(ids) for name, ids in context.known.items()}

    def id_checks(*more: object) -> list[object]:
        form = pandera.Check(lambda ids: ~ids.str.contains(ID_FORM))
        return [pandera.Check.str_length(1, limits.max_id_length), form, *more]

    def among(table: str) -> object:
        return pandera.Check(lambda ids: ids.isin(known[table]))

    return pandera.DataFrameSchema(
        {
            "exposure_id": pandera.Column(str, id_checks(), unique=True, report_duplicates="exclude_first"),
            "user_id": pandera.Column(str, id_checks(among("users"))),
            "item_id": pandera.Column(str, id_checks(among("items"))),
            "shown_at": pandera.Column(
                "int64",
                [
                    pandera.Check.in_range(START_MS, START_MS + HOUR_MS, include_max=False),
                    pandera.Check.in_range(limits.parameters(context.now_ms)["earliest_ms"], latest),
                    pandera.Check.in_range(10**10, 10**14),
                ],
            ),
            "clicked": pandera.Column(bool, pandera.Check.isin([0, 1])),
            "dwell_seconds": pandera.Column(
                float,
                [pandera.Check(np.isfinite), pandera.Check.in_range(0, limits.max_dwell_seconds)],
                nullable=True,
            ),
            "ctx_device": pandera.Column(
                str, pandera.Check.str_length(0, limits.max_text_length), nullable=True
            ),
        }
    )


def _broken_by_pandera(schema: object, typed: pd.DataFrame) -> set[int]:
    from pandera.errors import SchemaErrors

    try:
        schema.validate(typed, lazy=True)  # type: ignore[attr-defined]
    except SchemaErrors as errors:
        return set(errors.failure_cases["index"])
    return set()


def _library(raw: pd.DataFrame, context: GateContext) -> Callable[[], set[int]]:
    """Great Expectations' public way over the same columns and expectations."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    facts = RowFacts(raw, context)
    parameters = {**context.settings.parameters(context.now_ms), "domains": []}
    rules = row_rules(read_suite("exposures"), context.columns, parameters)
    frame = pd.DataFrame(facts.columns(rules, np.arange(len(raw))))
    ephemeral = gx.get_context(mode="ephemeral")
    ephemeral.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = ephemeral.data_sources.add_pandas("benchmark").add_dataframe_asset("frame")
    definition = asset.add_batch_definition_whole_dataframe("whole")

    def validate() -> set[int]:
        report = definition.get_batch(batch_parameters={"dataframe": frame}).validate(
            gx.ExpectationSuite(name="rows", expectations=copy.deepcopy(rules)),
            result_format={"result_format": "COMPLETE", "partial_unexpected_count": 0},
            expectation_parameters=parameters,
        )
        return {row for result in report.results for row in result.result.get("unexpected_index_list") or ()}

    return validate


def _best(ways: dict[str, Callable[[], GateResult | object]]) -> dict[str, float]:
    """The least seconds of each, run in turns."""
    seconds = dict.fromkeys(ways, np.inf)
    for _ in range(RUNS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    main()
