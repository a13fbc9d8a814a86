"""`meta_profile_prior`, ours: a meta-learned prior of the user plus gain(K) times the match with the support.

    score_u = prior(activity of u) + gain(K) · match(u, customers)

- **prior**: logistic on nineteen activity columns, fitted on first purchases of source brands: how soon a
  user becomes a customer of *any* brand.
- **match**: closed-form ridge between the customers and everybody else in the space of `PurchaseVectors`
  (`match`), no gradient step.
- **gain(K)**, λ(K): how much a match from K customers is worth, from the same source brands (`gains`).

Source tasks are brands with first-purchase labels in a window that ends at the as-of date, features cut at
its start, members left out (spec section 7): what is learned is transfer to brands never seen. The printed
network is `meta_profile`; this is not it, and every table shows both.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from models.files import replace_folder
from models.profiling.activity import ACTIVITY_NAMES, activity_columns
from models.profiling.data import ProfileData, PurchaseLog
from models.profiling.gains import Gains, fit_gains
from models.profiling.logistic import Logistic
from models.profiling.match import MatchSpace
from models.profiling.profiler import standardised
from models.profiling.source_brands import SourceBrands, fit_activity_prior, source_brands
from models.profiling.views import Columns, PurchaseVectors, View
from models.progress import Progress
from models.settings import Settings


class MetaProfilePriorSettings(Settings):
    """Settings of `meta_profile_prior`."""

    #: how purchases are counted, side by side
    views: tuple[View, ...] = (
        View(level=-1, measure="bought"),
        View(level=-1, measure="days"),
        View(level=-1, measure="spend"),
        View(level=1, measure="spend"),
    )
    width: int = 256  #: directions of the profile vector
    least_share: float = 0.005  #: of users that must buy a genre for it to be a column
    most_columns: int = 4_096  #: of a view
    horizon: int = 92  #: days of the label window of source brands; at most a third of the log's days
    supports: tuple[int, ...] = (1, 3, 10, 30, 100, 300, 1_000)  #: numbers of customers to learn the gain at
    shrinkages: tuple[float, ...] = (0.005, 0.01, 0.03, 0.1, 1.0)  #: λ to choose from
    least_at_risk: float = 0.35  #: share of users who are no customers yet, for a brand to teach the gain
    draws: int = 2  #: supports drawn a source brand and K
    most_brands: int = 512  #: source brands to learn the gain from
    penalty: float = 1.0  #: of the prior's logistic model


NO_BRANDS = np.zeros(0, dtype=np.int64)
_SAVED_AS = {"measured": "found"}  #: fields of `Gains` by their name in the files of all versions

#: No source brands at all (a log of one brand, or of a few days): activity orders, and a match is worth this.
_UNTAUGHT = Gains(1.0, 10.0, 0.5, np.ones(1), np.full(1, 0.02), np.ones(1), np.ones(1))


@dataclass(frozen=True)
class PriorScorer:
    """`meta_profile_prior` at one as-of date."""

    prior: np.ndarray  #: float64 [U] log-odds
    space: MatchSpace
    gains: Gains

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        """float64 [U]; the background stands for `others`.

        Raises:
            ValueError: no customers.
        """
        if len(customers) == 0:
            raise ValueError("no customers: a support needs at least one")
        known = np.unique(customers)
        match = self.space.scores([known], self.gains.shrinkage_of(len(known)))[0]
        return self.prior + self.gains.gain(len(known)) * match.cpu().numpy().astype(np.float64)

    @property
    def vectors(self) -> np.ndarray:
        """float32 [U, r]: those of like direction bought alike."""
        return self.space.vectors.cpu().numpy()


@dataclass(frozen=True)
class MetaProfilePrior:
    """Trained once for all brands to come."""

    settings: MetaProfilePriorSettings
    vectors: PurchaseVectors
    prior: Logistic  #: on standardised activity columns
    gains: Gains
    trained_as_of: int  #: local day
    source_brands: int  #: how many taught it
    device: str = "cpu"

    @classmethod
    def train(
        cls,
        settings: MetaProfilePriorSettings,
        data: ProfileData,
        train_users: np.ndarray,
        *,
        excluded_brands: np.ndarray = NO_BRANDS,
        seed: int,
        device: torch.device | str = "cpu",
        progress: Progress | None = None,
    ) -> MetaProfilePrior:
        """Learn prior, vectors and gains from what happened before the as-of date.

        Args:
            settings: of the system.
            data: all before the as-of date; only `purchases` is read.
            train_users: bool [U], whom to learn from.
            excluded_brands: int64 positions in `brand_names` that must not teach (a study's targets).
            seed: draws supports and samples.
            device: of the match.
            progress: told of every step.
        """
        log = data.purchases
        vectors = _vectors(settings, log, train_users, seed)
        first_day = int(log.day[0]) if len(log) else data.as_of_day
        horizon = max(1, min(settings.horizon, (data.as_of_day - first_day) // 3))
        source = source_brands(data, train_users, excluded=excluded_brands, horizon=horizon)
        if len(source.brands) == 0:
            return cls(settings, vectors, _by_activity(), _UNTAUGHT, data.as_of_day, 0, str(device))
        prior, columns = fit_activity_prior(data, source, penalty=settings.penalty)
        # Columns, weights and directions too are those of the window's start: what users came to buy within
        # it is the answer.
        then = log.before(source.start_day)
        vectors_then = _vectors(settings, then, source.users, seed)
        space = MatchSpace.of(vectors_then.transform(then, len(data)), source.users, device)
        rng = np.random.default_rng(seed)
        gains = _taught(settings, source, space, prior.log_odds(columns), rng, progress)
        return cls(settings, vectors, prior, gains, data.as_of_day, len(source.brands), str(device))

    def ready(self, data: ProfileData, background: np.ndarray | None = None) -> PriorScorer:
        """Embed the users of an as-of date.

        Args:
            data: all before that date, which must not lie before the one trained at.
            background: bool [U], among whom customers stand out; None: everybody.

        Raises:
            ValueError: the data are older than the model, which would know their future.
        """
        if data.as_of_day < self.trained_as_of:
            raise ValueError(
                f"the model was trained as of local day {self.trained_as_of}, after the as-of day "
                f"{data.as_of_day} of the data: it would know their future; train one as of that date"
            )
        everybody = np.ones(len(data), dtype=bool) if background is None else background
        activity = activity_columns(data.purchases, data.as_of_day, len(data))
        return PriorScorer(
            self.prior.log_odds(standardised(activity, everybody)),
            MatchSpace.of(self.vectors.transform(data.purchases, len(data)), everybody, self.device),
            self.gains,
        )

    def save(self, folder: Path) -> None:
        """Write the model into `folder`, whole or not at all."""
        about = {
            "settings": self.settings.model_dump(mode="json"),
            "columns": [one.names for one in self.vectors.columns],
            "intercept": self.prior.intercept,
            "gains": {
                _SAVED_AS.get(key, key): np.asarray(value).tolist()
                for key, value in asdict(self.gains).items()
            },
            "trained_as_of": self.trained_as_of,
            "source_brands": self.source_brands,
        }
        with replace_folder(folder) as fresh:
            (fresh / "meta_profile_prior.json").write_text(json.dumps(about))
            arrays = {f"weights{number}": one.weights for number, one in enumerate(self.vectors.columns)}
            arrays |= {"basis": self.vectors.basis, "coefficients": self.prior.coefficients}
            np.savez(fresh / "meta_profile_prior.npz", allow_pickle=False, **arrays)

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> MetaProfilePrior:
        """What `save` wrote."""
        about = json.loads((folder / "meta_profile_prior.json").read_text())
        settings = MetaProfilePriorSettings.model_validate(about["settings"])
        with np.load(folder / "meta_profile_prior.npz") as arrays:
            columns = tuple(
                Columns(view, tuple(names), arrays[f"weights{number}"])
                for number, (view, names) in enumerate(zip(settings.views, about["columns"], strict=True))
            )
            vectors = PurchaseVectors(columns, arrays["basis"])
            prior = Logistic(arrays["coefficients"], about["intercept"])
        saved = about["gains"]
        curve = {
            key: np.asarray(saved[_SAVED_AS.get(key, key)])
            for key in ("supports", "shrinkage", "measured", "certainty")
        }
        gains = Gains(saved["ceiling"], saved["half"], saved["power"], **curve)
        return cls(
            settings, vectors, prior, gains, about["trained_as_of"], about["source_brands"], str(device)
        )


def _vectors(
    settings: MetaProfilePriorSettings, log: PurchaseLog, users: np.ndarray, seed: int
) -> PurchaseVectors:
    return PurchaseVectors.fit(
        log,
        users,
        settings.views,
        width=settings.width,
        least_share=settings.least_share,
        most_columns=settings.most_columns,
        seed=seed,
    )


def _taught(
    settings: MetaProfilePriorSettings,
    source: SourceBrands,
    space: MatchSpace,
    prior: np.ndarray,
    rng: np.random.Generator,
    progress: Progress | None,
) -> Gains:
    """What a match is worth, from those source brands that enough users have yet to discover."""
    # Of a brand that nearly everybody buys, the few who do not are no audience that anyone looks for.
    train_users = int(space.background.sum())
    brands = np.flatnonzero(source.at_risk.sum(1) >= settings.least_at_risk * train_users)
    if not (source.customers[brands].sum(1) >= min(settings.supports)).any():
        return _UNTAUGHT
    if len(brands) > settings.most_brands:
        brands = np.sort(rng.choice(brands, settings.most_brands, replace=False))
    return fit_gains(
        space,
        prior,
        source.customers[brands],
        source.newcomers[brands],
        supports=settings.supports,
        shrinkages=settings.shrinkages,
        draws=settings.draws,
        rng=rng,
        progress=progress,
    )


def _by_activity() -> Logistic:
    """Order by items ever bought and by recency, where no source brand has taught anything better."""
    coefficients = np.zeros(len(ACTIVITY_NAMES))
    coefficients[ACTIVITY_NAMES.index("items_ever")] = 1.0
    coefficients[ACTIVITY_NAMES.index("days_since_last")] = -0.5
    return Logistic(coefficients, 0.0)
