"""`meta_profile_prior`, ours: a meta-learned prior of the user plus what a match with the support is worth.

    score_u = prior(activity of u) + Σ_v gain_v(K) · match_v(u, customers)

- **prior**: logistic on how much, how widely, how lately and how long a user buys, fitted on first purchases
  of source brands: how soon a user becomes a customer of *any* brand (`propensity`).
- **match**: closed-form ridge between the customers and everybody else, no gradient step (`match`), in two
  spaces: product types by days and amount; types and brands by rarity (`views`); or three, with `clicks`.
- **gain(K)**, λ(K): how much a match from K customers is worth, from the same source brands (`gains`).

Source tasks are brands with first-purchase labels in a window that ends at the as-of date, features cut at
its start, members left out (`teaching`; spec section 7): what is learned is transfer to brands never seen.
The printed network is `meta_profile`; this is not it, and every table shows both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from models.files import replace_folder
from models.profiling.clicks import click_spaces
from models.profiling.data import ProfileData
from models.profiling.gains import Gains
from models.profiling.logistic import Logistic
from models.profiling.match import MatchSpace
from models.profiling.profiler import OutdatedModel
from models.profiling.propensity import Propensity
from models.profiling.teaching import Taught, TeachingSettings, TeachingWindow, teach
from models.profiling.views import Columns, PurchaseVectors, View, ViewSpace
from models.progress import Progress

FORMAT = 2  #: of the files of a stored model


class MetaProfilePriorSettings(TeachingSettings):
    """Settings of `meta_profile_prior`."""

    #: how purchases are counted: spaces of views side by side, each compared by itself
    spaces: tuple[ViewSpace, ...] = (
        ViewSpace(
            views=(
                View(measure="bought"),
                View(measure="days"),
                View(measure="spend"),
                View(level=1, measure="spend"),
            ),
        ),
        ViewSpace(
            views=(View(measure="bought"), View(of="brand", measure="bought")), weighing="rarity", width=48
        ),
    )
    least_share: float = 0.005  #: of users that must buy a genre or brand for it to be a column
    most_columns: int = 4_096  #: of a view


NO_BRANDS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class PriorScorer:
    """Prior and match at one as-of date."""

    prior: np.ndarray  #: float64 [U] log-odds
    spaces: tuple[MatchSpace, ...]
    gains: Gains

    @classmethod
    def of(
        cls,
        taught: Taught,
        data: ProfileData,
        vectors: Iterable[np.ndarray],
        background: np.ndarray,
        device: torch.device | str,
    ) -> PriorScorer:
        """From the users' vectors [U, r] in each space, among a `background` (bool [U])."""
        spaces = tuple(MatchSpace.of(one, background, device) for one in vectors)
        return cls(
            taught.propensity.log_odds(data.purchases, data.as_of_day, background), spaces, taught.gains
        )

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        """float64 [U]; the background stands for `others`.

        Raises:
            ValueError: no customers.
        """
        if len(customers) == 0:
            raise ValueError("no customers: a support needs at least one")
        known = np.unique(customers)
        score = self.prior.copy()
        shrinkages = self.gains.shrinkage_of(len(known))
        for space, gain, shrinkage in zip(self.spaces, self.gains.gain(len(known)), shrinkages, strict=True):
            if gain > 0:
                score += gain * space.match(known, shrinkage)
        return score

    @property
    def vectors(self) -> np.ndarray:
        """float32 [U, r] of the first space: those of like direction bought alike."""
        return self.spaces[0].vectors.cpu().numpy()


@dataclass(frozen=True)
class MetaProfilePrior:
    """Trained once for all brands to come."""

    settings: MetaProfilePriorSettings
    vectors: tuple[PurchaseVectors, ...]  #: one a space
    taught: Taught
    trained_as_of: int  #: local day
    device: str = "cpu"
    reads_clicks: bool = False  #: whether clicks are one more space, behind those of purchases

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
            data: all before the as-of date; only `purchases` are read, and `clicks` where there are any.
            train_users: bool [U], whom to learn from.
            excluded_brands: int64 positions in `brand_names` that must not teach (a study's targets).
            seed: draws users, supports and samples.
            device: of the match.
            progress: told of every step.
        """

        def embed(then: ProfileData) -> list[np.ndarray]:
            # Columns, weights and directions too are those of the window's start: what users came to buy
            # within it is the answer.
            everybody = np.ones(len(then), dtype=bool)
            fitted = fit_vectors(settings, then, everybody, seed)
            clicked = click_spaces(then.clicks, then.as_of_day, everybody, then.clicks is not None)
            return [*(one.transform(then.purchases, len(then)) for one in fitted), *clicked]

        taught = teach(
            settings,
            data,
            TeachingWindow.of(settings, data, train_users, seed),
            embed,
            excluded_brands=excluded_brands,
            seed=seed,
            device=device,
            progress=progress,
        )
        vectors = fit_vectors(settings, data, train_users, seed)
        return cls(settings, vectors, taught, data.as_of_day, str(device), data.clicks is not None)

    def ready(self, data: ProfileData, background: np.ndarray | None = None) -> PriorScorer:
        """Embed the users of an as-of date.

        Args:
            data: all before that date, which must not lie before the one trained at.
            background: bool [U], among whom customers stand out; None: everybody with a purchase, or points.

        Raises:
            ValueError: the data are older than the model, which would know their future.
        """
        if data.as_of_day < self.trained_as_of:
            raise ValueError(
                f"the model was trained as of local day {self.trained_as_of}, after the as-of day "
                f"{data.as_of_day} of the data: it would know their future; train one as of that date"
            )
        known = data.known_before(data.as_of_day) if background is None else background
        clicked = click_spaces(data.clicks, data.as_of_day, known, self.reads_clicks)
        bought = (one.transform(data.purchases, len(data)) for one in self.vectors)
        return PriorScorer.of(self.taught, data, chain(bought, clicked), known, self.device)

    def save(self, folder: Path) -> None:
        """Write the model into `folder`, whole or not at all."""
        propensity = self.taught.propensity
        about = {
            "format": FORMAT,
            "settings": self.settings.model_dump(mode="json"),
            "columns": [[one.names for one in space.columns] for space in self.vectors],
            "intercept": propensity.model.intercept,
            "lookback": propensity.lookback,
            "gains": {key: np.asarray(value).tolist() for key, value in asdict(self.taught.gains).items()},
            "trained_as_of": self.trained_as_of,
            "source_brands": self.taught.source_brands,
            "clicks": self.reads_clicks,
        }
        with replace_folder(folder) as fresh:
            (fresh / "meta_profile_prior.json").write_text(json.dumps(about))
            arrays = {"coefficients": propensity.model.coefficients}
            for number, space in enumerate(self.vectors):
                arrays[f"basis{number}"] = space.basis
                arrays |= {f"weights{number}.{i}": one.weights for i, one in enumerate(space.columns)}
            np.savez(fresh / "meta_profile_prior.npz", allow_pickle=False, **arrays)

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> MetaProfilePrior:
        """What `save` wrote.

        Raises:
            OutdatedModel: an earlier version wrote it.
        """
        about = json.loads((folder / "meta_profile_prior.json").read_text())
        if about.get("format") != FORMAT:
            raise OutdatedModel(
                f"{folder} was written by an earlier version, whose files this one cannot use"
            )
        settings = MetaProfilePriorSettings.model_validate(about["settings"])
        with np.load(folder / "meta_profile_prior.npz") as arrays:
            vectors = tuple(
                PurchaseVectors(
                    tuple(
                        Columns(view, tuple(named), arrays[f"weights{number}.{i}"])
                        for i, (view, named) in enumerate(zip(space.views, names, strict=True))
                    ),
                    arrays[f"basis{number}"],
                )
                for number, (space, names) in enumerate(zip(settings.spaces, about["columns"], strict=True))
            )
            model = Logistic(arrays["coefficients"], about["intercept"])
        gains = Gains(**{key: np.asarray(value) for key, value in about["gains"].items()})
        taught = Taught(Propensity(about["lookback"], model), gains, about["source_brands"])
        clicks = about.get("clicks", False)  # earlier versions read none
        return cls(settings, vectors, taught, about["trained_as_of"], str(device), clicks)


def fit_vectors(
    settings: MetaProfilePriorSettings, data: ProfileData, users: np.ndarray, seed: int
) -> tuple[PurchaseVectors, ...]:
    """One a space, from the purchases of `users` (bool [U]) before the as-of date of `data`."""
    least, most = settings.least_share, settings.most_columns
    return tuple(
        PurchaseVectors.fit(data.purchases, users, space, least_share=least, most_columns=most, seed=seed)
        for space in settings.spaces
    )
