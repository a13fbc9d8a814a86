"""Which version is served, and how that came about: the alias `champion` and every move of it.

A move stands as a tag on the version that it led to, `champion.0003`, and is never changed: with the version
it is known wherever the registry is, and who reads all versions has the whole log. The alias `previous` marks
what `rollback` would choose, and keeps its files from being removed. Hours follow: what is rolled back is
withheld (`withheld.py`), so the next hour begins from the champion's base.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from assets.common import model_registry
from assets.ranking.states import States
from assets.ranking.withheld import now, user, withheld

if TYPE_CHECKING:
    from assets.common.tracking import Tracking

PREVIOUS = "previous"  #: alias of what a rollback would choose
MOVE = "champion."  #: begins the name of a move's tag
LONGEST_REASON = 1000
PLAIN_TAGS = ("system", "day", "state_hash", "live_auc", "decision")  #: tags that are fields of `Version`


class Move(BaseModel):
    """The alias `champion` went to a version."""

    model_config = ConfigDict(frozen=True)

    version: str
    replaced: str | None  #: the version that was champion before
    by: Literal["promotion", "promote", "rollback"]
    who: str
    why: str
    at: str  #: UTC, to the second


@dataclass(frozen=True)
class Version:
    """A version of the registered rankers."""

    number: str
    system: str
    day: str
    state_hash: str
    live_auc: str  #: of its system on its day, as its promotion saw it; empty where it was not live
    decision: str  #: of its promotion; empty before
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChampionHistory:
    """All versions, in order of their numbers, and all moves of the alias, in order."""

    versions: Sequence[Version]
    moves: Sequence[Move] = field(default=())

    @property
    def champion(self) -> Version | None:
        """The version that the alias points at."""
        return next((one for one in self.versions if model_registry.CHAMPION in one.aliases), None)

    def version(self, number: str) -> Version:
        """The version of this number; raises LookupError."""
        for version in self.versions:
            if version.number == number:
                return version
        known = ", ".join(version.number for version in self.versions[-10:]) or "none"
        raise LookupError(f"there is no version {number}; the newest are {known} (hourfold models list)")

    def last_move(self, number: str) -> Move | None:
        """How a version became champion last."""
        return next((move for move in reversed(self.moves) if move.version == number), None)

    def before(self, number: str, states: States) -> Version | None:
        """The champion that `number` replaced, or the first before that which can be served."""
        seen: set[str | None] = set()
        while number not in seen:
            seen.add(number)
            came = [move for move in self.moves if move.version == number and move.by != "rollback"]
            replaced = next((one for one in self.versions if came and one.number == came[-1].replaced), None)
            if replaced is None:
                return None
            if why_not(states, replaced) is None and withheld(states.daily(*address(replaced))) is None:
                return replaced
            number = replaced.number
        return None


def address(version: Version) -> tuple[str, str]:
    """System and day, which name its folder."""
    return version.system, version.day


def history(tracking: Tracking) -> ChampionHistory:
    """What the registry says of this source's rankers; empty where nothing is registered."""
    from mlflow.exceptions import MlflowException

    name = model_registry.model_name(tracking)
    try:
        aliases = tracking.client.get_registered_model(name).aliases
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return ChampionHistory(())
        raise
    versions, moves = [], []
    token: str | None = None
    while True:
        page = tracking.client.search_model_versions(f"name='{name}'", max_results=1000, page_token=token)
        for one in page:
            tags, number = one.tags, str(one.version)
            of_version = tuple(sorted(alias for alias, at in aliases.items() if str(at) == number))
            named = {tag: tags.get(tag, "") for tag in PLAIN_TAGS}
            versions.append(Version(number, **named, aliases=of_version))
            moves += [(tag, Move.model_validate_json(tags[tag])) for tag in tags if tag.startswith(MOVE)]
        token = page.token
        if not token:
            break
    return ChampionHistory(
        sorted(versions, key=lambda version: int(version.number)),
        [move for _, move in sorted(moves, key=lambda pair: pair[0])],
    )


def note(tracking: Tracking, number: str, tags: dict[str, str]) -> None:
    """Write tags on a version."""
    for tag, value in tags.items():
        tracking.client.set_model_version_tag(model_registry.model_name(tracking), number, tag, value)


def move(
    tracking: Tracking,
    states: States,
    number: str,
    by: Literal["promotion", "promote", "rollback"],
    why: str,
) -> Move:
    """Point the alias `champion` at a version, and write down who did it and why.

    The log is written first: after a kill between the two, the same move again completes it.
    """
    known = history(tracking)
    champion = known.champion
    former = None if champion is None or champion.number == number else champion
    made = Move(
        version=number,
        replaced=None if former is None else former.number,
        by=by,
        who=user(),
        why=why[:LONGEST_REASON],
        at=now(),
    )
    note(tracking, number, {f"{MOVE}{len(known.moves) + 1:04d}": made.model_dump_json()})
    earlier = known.before(number, states) if by == "rollback" else former
    name = model_registry.model_name(tracking)
    if earlier is not None:
        tracking.client.set_registered_model_alias(name, PREVIOUS, earlier.number)
    elif by == "rollback":
        tracking.client.delete_registered_model_alias(name, PREVIOUS)
    tracking.client.set_registered_model_alias(name, model_registry.CHAMPION, number)
    return made


def why_not(states: States, version: Version) -> str | None:
    """Why a version cannot be served from this home; None where it can."""
    folder = states.daily(*address(version))
    record = states.record(folder)
    if record is None:
        return f"its files are gone ({folder})"
    if record.state_hash != version.state_hash:
        return f"another training has replaced its files ({folder})"
    return None
