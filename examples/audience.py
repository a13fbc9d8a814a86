"""An audience in Python: a brand hands in a few customers, everybody else is ranked, and nothing is trained.

    python examples/audience.py

The log is real: a year of a grocer's purchases by 2,469 households (complete-journey, public). The model has
learned once, from all other brands; `hourfold prospect` does the same for your own logs and writes a page to
mail.
"""

import os
import tempfile
from pathlib import Path

import numpy as np

from assets.profiling.sources import ProfileSource
from models.metrics import auc
from models.profiling.brands import FirstPurchases
from models.profiling.data import ProfileData
from models.profiling.prior import MetaProfilePrior, MetaProfilePriorSettings
from models.profiling.prospect import prospect
from warehouse.home import Home

BRAND, AS_OF, UNTIL = "608", "2017-07-01", "2017-10-01"
CUSTOMERS, TOP = 20, 300


def main() -> float:
    """AUROC of the ranking, judged by who bought the brand for the first time after the as-of date."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOURFOLD_HOME"] = folder

        # 1. The log passes the Great Expectations suites into DuckDB; what is read of it ends before a date.
        source = ProfileSource.opened(Home(Path(folder)), "complete-journey")
        return audience_of(source.read(AS_OF), source.read(UNTIL))


def audience_of(past: ProfileData, later: ProfileData) -> float:
    """Learn from the past, rank for a few customers, and judge by what came later."""
    # 2. One model for all brands, learned from those that are not asked for.
    brand = past.purchases.brand_names.index(BRAND)
    everybody = np.ones(len(past), dtype=bool)
    model = MetaProfilePrior.train(
        MetaProfilePriorSettings(), past, everybody, excluded_brands=np.array([brand]), seed=0
    )

    # 3. A few customers in, a score for everybody out.
    customers = np.flatnonzero(FirstPurchases.of(past.purchases, len(past)).day[brand] < past.as_of_day)
    support = np.random.default_rng(0).choice(customers, CUSTOMERS, replace=False)
    scores = model.ready(past).score(support, None)
    audience = prospect(scores, customers, TOP)

    # 4. What came true: who of the others bought the brand in the three months after.
    known = later.positions(past.user_ids.tolist())
    first = FirstPurchases.of(later.purchases, len(later)).day[later.purchases.brand_names.index(BRAND)]
    bought = first[known] < later.as_of_day
    others = np.setdiff1d(np.arange(len(past)), customers)
    area, rate, best = (
        auc(bought[others], scores[others]),
        bought[others].mean(),
        bought[audience.user].mean(),
    )
    print(f"brand {BRAND} as of {AS_OF}: {CUSTOMERS} customers given, {len(others)} households ranked")
    print(f"new customers until {UNTIL}: {rate:.1%} of all ranked, {best:.1%} of the first {TOP}")
    print(f"AUROC {area:.3f}")
    return area


if __name__ == "__main__":
    main()
