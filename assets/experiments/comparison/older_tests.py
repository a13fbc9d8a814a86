"""Tests of results from before p-values were clustered by user: what their intervals over users still tell.

Such a result has DeLong's p and Holm's correction of that, which take exposures for independent, beside a
bootstrap interval over users. The interval is 2 · 1.96 clustered errors wide, from which the clustered p
follows. It is marked as such (`of_interval`), and DeLong's p keeps its name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assets.experiments.comparison.paired_tests import NORMAL


def with_errors(tests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tests as they are read today; those that have clustered figures stay as they are."""
    from models.metrics import holm

    read = [dict(test) for test in tests]
    older = [test for test in read if "p" not in test]
    for test in older:
        test.update(error=None, p=None, p_holm=None)
    wide = [test for test in older if test.get("low") is not None and test.get("high") is not None]
    for test in wide:
        error = (test["high"] - test["low"]) / (2 * NORMAL)
        distance = abs(test["difference"])
        p = math.erfc(distance / error / math.sqrt(2)) if error else float(distance == 0)
        test.update(error=error, p=p, of_interval=True)
    if wide:
        for test, p_holm in zip(wide, holm(np.array([test["p"] for test in wide])), strict=True):
            test["p_holm"] = float(p_holm)
    return read
