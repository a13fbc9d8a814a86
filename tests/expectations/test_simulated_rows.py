"""The simulator's own rows are good ones; corrupted, just the corrupted ones are caught."""

from __future__ import annotations

import numpy as np
import pytest

from expectations.gate import ColumnSpec, GateContext, GateResult, gate
from simulator import ShopSettings, SimulatorSettings
from simulator.corruption import corrupt
from simulator.feed.fill import fill
from tests.expectations.frames import DAY_MS
from warehouse.landing import layout, reading
from warehouse.landing.contract import TABLES


def judge_landing(folder) -> dict[str, GateResult]:
    """Every table of a landing folder through the gate, dimensions first."""
    source = reading.describe(folder)
    known: dict[str, np.ndarray] = {}
    results = {}
    for table in TABLES:
        contract = source.contract(table)
        read = reading.read(folder, source, table)
        results[table] = gate(
            table,
            read.frame,
            GateContext(
                columns={c.name: ColumnSpec(c.type.value, c.required) for c in contract.columns},
                partitions={key: layout.bounds(contract, source.service_zone, key) for key in read.files},
                now_ms=source.service_zone.day_start_ms(source.last_day) + 2 * DAY_MS,
                known=dict(known),
                domains=source.domains,
            ),
        )
        if table in ("users", "items"):
            known[table] = results[table].passed[f"{table[:-1]}_id"].to_numpy(object)
    return results


@pytest.mark.slow
def test_simulated_rows_pass_and_only_the_corrupted_ones_are_caught(tmp_path):
    source = fill(tmp_path, SimulatorSettings.tiny(days=5, shop=ShopSettings.tiny()))
    clean = judge_landing(tmp_path)
    for table, result in clean.items():
        assert len(result.passed) > 100, table
        assert len(result.quarantined) == 0, table
        assert result.batch_failures == {}, table
    report = corrupt(tmp_path, 0.02, seed=3, contracts={table: source.contract(table) for table in TABLES})
    for table, result in judge_landing(tmp_path).items():
        assert result.quarantined["rule"].value_counts().to_dict() == report.broken[table]
        assert sum(report.broken[table].values()) > 0
        assert result.batch_failures == {}, table
