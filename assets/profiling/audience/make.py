"""From a request to an audience: read the list, choose the model, rank, explain, estimate the lift."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.faults import BadRequest
from assets.profiling.audience.brand_lists import brand_asked, unlisted
from assets.profiling.audience.customers import CustomerList, read_customers
from assets.profiling.audience.expected_lift import ExpectedLift, expected_lift
from assets.profiling.audience.known_ids import KnownIds, known_ids
from assets.profiling.audience.outcome import Ranking
from assets.profiling.audience.requests import AudienceSettings
from assets.ranking.states import StateRecord
from models.progress import Progress, silent

if TYPE_CHECKING:
    import numpy as np

    from assets.profiling.profilers import Trainer
    from models.profiling.data import ProfileData
    from models.profiling.portrait import Trait
    from models.profiling.profiler import Scorer
    from models.profiling.prospect import Audience

GROUPS = ("customers", "audience", "everyone")  #: of the portrait


@dataclass(frozen=True)
class AudienceResult:
    """A request carried out."""

    settings: AudienceSettings
    source: str
    simulated: bool
    model: StateRecord
    data_hash: str  #: of all that was known before the as-of date
    customers: CustomerList
    listed: KnownIds  #: the users of the log that the list names
    audience: Audience
    user_ids: np.ndarray  #: str [N], in the order of the audience
    nearest_ids: np.ndarray  #: str [N, E]; empty where there is none
    brand: str | None  #: of the list; None where it is no brand of the log
    unlisted: int  #: customers of that brand who are not in the list, and are candidates
    ranking: Ranking  #: everybody who was ranked
    traits: tuple[Trait, ...]
    lift: ExpectedLift | None
    no_lift: str  #: why there is none; empty where there is one

    @property
    def known(self) -> int:
        """Users of the log in the list."""
        return len(self.listed.positions)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Ids of the list that are not in the log."""
        return self.listed.unknown

    @property
    def share(self) -> float:
        """Of the candidates, how many the audience holds."""
        return len(self.audience) / max(self.audience.candidates, 1)


def make_audience(
    settings: AudienceSettings,
    trainer: Trainer,
    *,
    source: str,
    simulated: bool,
    progress: Progress | None = None,
) -> AudienceResult:
    """Carry out a request.

    Raises:
        BadRequest: the list cannot be read, is empty or wholly unknown, or leaves nobody to rank.
        LookupError, ValueError: what the reader says of a date without data.
    """
    from assets.profiling.profilers import hash_of

    report = progress or silent
    customers = read_customers(Path(settings.customers))
    report("audience", 0, 4)
    # A list that helps nobody is refused before anything is trained.
    listed = _known(settings, customers, trainer.source.read(settings.as_of))
    positions = listed.positions
    report("audience", 1, 4)
    model = trainer.at(settings.model, settings.as_of)
    data = trainer.source.read(settings.as_of, model.fitted_at)
    # What is ready for this date is let go before that of the held-back date is made.
    audience, ranking = _ranked(settings, model.profiler.ready(data), positions, data)
    report("audience", 2, 4)
    brand, others, lift = _brand_and_lift(settings, positions, data, trainer)
    report("audience", 3, 4)
    result = AudienceResult(
        settings=settings,
        source=source,
        simulated=simulated,
        model=model.record,
        data_hash=hash_of(data),
        customers=customers,
        listed=listed,
        audience=audience,
        user_ids=data.user_ids[audience.user],
        nearest_ids=_ids(data, audience.nearest),
        brand=brand,
        unlisted=others,
        ranking=ranking,
        traits=_traits(data, positions, audience),
        lift=None if isinstance(lift, str) else lift,
        no_lift=lift if isinstance(lift, str) else "",
    )
    report("audience", 4, 4)
    return result


def _known(settings: AudienceSettings, customers: CustomerList, data: ProfileData) -> KnownIds:
    """The known customers; refused where there is none, or where nobody would be left to rank."""
    listed = known_ids(customers.path, customers.ids, data)
    known = len(listed.positions)
    if known == 0:
        raise BadRequest(
            f"{customers.path}: none of its {len(customers.ids)} user ids is known before {settings.as_of} "
            f"(the first: {customers.ids[0]!r}, read as {customers.remark}; known ones look like "
            f"{str(data.user_ids[0])!r}): check that it lists ids of this source, as the logs write them"
        )
    if known == len(data) and not settings.keep_customers:
        raise BadRequest(
            f"{customers.path} lists all {len(data)} users known before {settings.as_of}: nobody is left to "
            "find; leave some out, or keep customers in the audience"
        )
    return listed


def _ranked(
    settings: AudienceSettings, scorer: Scorer, customers: np.ndarray, data: ProfileData
) -> tuple[Audience, Ranking]:
    """The audience, and everybody who was ranked."""
    import numpy as np

    from models.profiling.prospect import prospect

    scores = scorer.score(customers)
    audience = prospect(
        scores, customers, settings.top, vectors=_vectors(scorer), keep_customers=settings.keep_customers
    )
    ranked = np.ones(len(data), dtype=bool)
    ranked[customers] = settings.keep_customers
    chosen = np.isin(np.flatnonzero(ranked), audience.user)
    return audience, Ranking(data.user_ids[ranked], scores[ranked], chosen)


def _brand_and_lift(
    settings: AudienceSettings, customers: np.ndarray, data: ProfileData, trainer: Trainer
) -> tuple[str | None, int, ExpectedLift | str]:
    """The brand of the list, if it is one, its customers outside of it, and the lift or why there is none."""
    from models.profiling.brands import FirstPurchases

    first = FirstPurchases.of(data.purchases, len(data))
    brand = brand_asked(settings, first, customers, data)
    others = 0 if brand is None else unlisted(first, brand, customers, data)
    if not settings.lift:
        return brand, others, "not asked for"
    return brand, others, expected_lift(settings, brand, len(customers), data, first, trainer)


def _vectors(scorer: Scorer) -> np.ndarray | None:
    """The space in which a profiler matches users; None where it has none."""
    vectors = getattr(scorer, "vectors", None)
    return getattr(scorer, "embeddings", None) if vectors is None else vectors


def _ids(data: ProfileData, positions: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.where(positions >= 0, data.user_ids[positions], "")


def _traits(data: ProfileData, customers: np.ndarray, audience: Audience) -> tuple[Trait, ...]:
    import numpy as np

    from models.profiling.portrait import portrait

    groups = dict(zip(GROUPS, (customers, audience.user, np.arange(len(data))), strict=True))
    return tuple(portrait(data, groups))
