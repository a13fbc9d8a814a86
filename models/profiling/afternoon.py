"""Opponents of a good afternoon: what an analyst with the usual libraries would set against a profiler.

Each is a `Scorer` at one as-of date: features before it, fitted among the train users, customers as 1 against
`others`, or against all other train users where none are given. What does not depend on the brand (TF-IDF,
factors, scales) is computed once.

All see product types, not brands. A brand that is looked for would be a column of its own: its customers all
bought it and whoever is asked about never did, so that a classifier learns that column alone. A product type
holds the target's items among those of others.

Settings were chosen once, on the development side of complete-journey alone (39 brands, as of 2017-07-01), by
the mean of AUROC and AUPR at K = 20 and all customers, mostly at 1 as well. Tried, and taken:

- logistic: C = .01, .1, .5, **1**, 2, 10; classes **as they are** or balanced; columns of **product types**,
  of the second level, of brands (K = all: .692 / .160, .689 / .157, .682 / .153).
- ALS: **1 + log of the items**, or the items; confidence × 1, **10**, 40, 100; λ = .01, **.1**, 10;
  C = .001, .003, **.01**, .03, .1, 1; **product types** or brands (K = all: .693 / .163, .690 / .160).
- trees, on every second brand: 50, **100**, 200 of 4, **7**, 15 leaves of at least **5**, 10, 20, 40 users;
  thresholds **drawn** or searched; all **nineteen** activity columns or three; **32** or 64 directions or the
  200 heaviest columns; classes **as they are** or balanced.
- nearest: k = 1, 3, 5, 10, 20, 50, **100**.

With the nineteen activity columns in place of recency, frequency and spend the first two are stronger (K =
all: .701 / .166 and .695 / .165). They are no part of what an analyst has at hand, but an opponent is given
what ours has: the logistic stands in that form too.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import RLock

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from models.profiling.basket_table import BasketTable, labelled_rows
from models.profiling.data import ProfileData
from models.profiling.profiler import standardised

INVERSE_PENALTY = 1.0  #: C of the logistic on TF-IDF
FACTORS = 48  #: of ALS
CONFIDENCE = 10.0  #: ALS' α: a purchase's weight against one of an item that was not bought
FACTOR_PENALTY = 0.1  #: ALS' λ
INVERSE_PENALTY_OF_FACTORS = 0.01  #: C of the logistic on factors
MOST_STEPS = 1_000  #: of a logistic's solver
DIRECTIONS = 32  #: of TF-IDF that trees see
ROUNDS = 100  #: trees
LEAST_IN_LEAF = 5  #: users
FEW_LABELS = 50  #: users below which a leaf may be of one, or no tree would grow at all
TREES: dict[str, object] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "lambda_l2": 10.0,
    "feature_fraction": 0.5,
    "extra_trees": True,
    "max_bin": 31,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
NEAREST = 100  #: customers that a user is compared with, at most
BLOCK = 4_096  #: users whose similarities are dense at one time


@dataclass(frozen=True)
class LinearOnBaskets:
    """scikit-learn's logistic regression with an L2 penalty, on any columns."""

    columns: sparse.csr_matrix | np.ndarray  #: float64 [U, P]
    train: np.ndarray  #: bool [U]
    inverse_penalty: float  #: C

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        """Log-odds, float64 [U]."""
        rows, labels = labelled_rows(self.train, customers, others)
        model = LogisticRegression(C=self.inverse_penalty, max_iter=MOST_STEPS)
        model.fit(self.columns[rows], labels)
        return model.decision_function(self.columns)


def logistic_on_baskets(data: ProfileData, train_users: np.ndarray) -> LinearOnBaskets:
    """TF-IDF of the product types bought beside recency, frequency and spend."""
    table = BasketTable.of(data, train_users)
    columns = sparse.hstack([table.tf_idf, table.recency_frequency_spend]).tocsr()
    return LinearOnBaskets(columns, train_users, INVERSE_PENALTY)


def logistic_on_activity(data: ProfileData, train_users: np.ndarray) -> LinearOnBaskets:
    """TF-IDF of the product types bought beside all nineteen activity columns."""
    table = BasketTable.of(data, train_users)
    columns = sparse.hstack([table.tf_idf, table.activity]).tocsr()
    return LinearOnBaskets(columns, train_users, INVERSE_PENALTY)


def logistic_on_factors(data: ProfileData, train_users: np.ndarray, *, seed: int) -> LinearOnBaskets:
    """48 factors of users and product types beside recency, frequency and spend."""
    table = BasketTable.of(data, train_users)
    factors = standardised(als_factors(table.counts, train_users, seed), train_users)
    columns = np.concatenate([factors, table.recency_frequency_spend], axis=1)
    return LinearOnBaskets(columns, train_users, INVERSE_PENALTY_OF_FACTORS)


def als_factors(counts: sparse.csr_matrix, train: np.ndarray, seed: int) -> np.ndarray:
    """Factors of users by implicit's alternating least squares, float64 [U, 48].

    Items' factors are those of the train users' purchases; every user, trained on or not, is then placed by
    one exact least-squares step against them, so that both are placed alike.

    Args:
        counts: float [U, G] items bought.
        train: bool [U].
        seed: of the start.
    """
    from implicit.cpu import als
    from threadpoolctl import threadpool_limits

    weighed = counts.astype(np.float32)
    weighed.data = 1 + np.log(weighed.data)
    # A progress bar, even a hidden one, takes a lock between processes, which a worker that is ended leaks.
    als.tqdm.set_lock(RLock())
    # implicit has threads of its own, which fight with those of the BLAS library; one makes sums repeatable.
    with threadpool_limits(1, "blas"):
        model = als.AlternatingLeastSquares(
            FACTORS, regularization=FACTOR_PENALTY, alpha=CONFIDENCE, random_state=seed, num_threads=1
        )
        model.fit(weighed[np.flatnonzero(train)], show_progress=False)
        factors = model.recalculate_user(np.arange(len(train)), weighed)
    return factors.astype(np.float64)


@dataclass(frozen=True)
class TreesOnBaskets:
    """LightGBM on dense columns, with settings for few labels."""

    columns: np.ndarray  #: float64 [U, P]
    train: np.ndarray  #: bool [U]
    seed: int

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
        """Log-odds, float64 [U]; users whom no tree tells apart are level."""
        import lightgbm

        rows, labels = labelled_rows(self.train, customers, others)
        few = len(rows) < FEW_LABELS
        options = TREES | {"seed": self.seed, "min_data_in_leaf": 1 if few else LEAST_IN_LEAF}
        options |= {"min_data_in_bin": 1} if few else {}
        data = lightgbm.Dataset(self.columns[rows], labels.astype(np.float64), params=options)
        grown = lightgbm.train(options, data, ROUNDS, keep_training_booster=True)
        return np.asarray(grown.predict(self.columns, raw_score=True, num_threads=1))


def trees_on_baskets(data: ProfileData, train_users: np.ndarray, *, seed: int) -> TreesOnBaskets:
    """All nineteen activity columns beside the leading directions of TF-IDF."""
    from sklearn.decomposition import TruncatedSVD

    table = BasketTable.of(data, train_users)
    tf_idf, train = table.tf_idf, np.flatnonzero(train_users)
    width = min(DIRECTIONS, *(size - 1 for size in (len(train), tf_idf.shape[1])))
    columns = [table.activity]
    if width > 0:
        leading = TruncatedSVD(width, random_state=seed).fit(tf_idf[train])
        columns.append(leading.transform(tf_idf))
    return TreesOnBaskets(np.concatenate(columns, axis=1), train_users, seed)


@dataclass(frozen=True)
class NearestBaskets:
    """Mean cosine of TF-IDF to the nearest customers."""

    tf_idf: sparse.csr_matrix  #: float64 [U, G], rows of length 1 or empty

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        """float64 [U] in 0 … 1; others say nothing."""
        known = np.unique(customers)
        nearest = min(NEAREST, len(known))
        transposed = self.tf_idf[known].T.tocsr()
        scores = np.empty(self.tf_idf.shape[0])
        for start in range(0, len(scores), BLOCK):
            cosine = (self.tf_idf[start : start + BLOCK] @ transposed).toarray()
            cosine.partition(len(known) - nearest, axis=1)
            scores[start : start + BLOCK] = cosine[:, len(known) - nearest :].mean(1)
        return scores


def nearest_baskets(data: ProfileData, train_users: np.ndarray) -> NearestBaskets:
    """TF-IDF of the product types bought."""
    return NearestBaskets(BasketTable.of(data, train_users).tf_idf)
