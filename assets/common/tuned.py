"""Settings that `hourfold tune` chose: how they are stored, looked up, and put on a system.

A home's own study, `<source home>/tuned.json`, wins over the settings that come with the package for the
public sources, `models/tuned/<source>.json`. Both hold for one size: a tiny study says nothing about real
systems, and tiny systems never take the packaged settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from warehouse.landing.writing import replace_text

if TYPE_CHECKING:
    from models.settings import Settings
    from warehouse.home import SourceHome

    S = TypeVar("S", bound=Settings)

FILE = "tuned.json"
Scalar = int | float | str | bool | None
Values = Mapping[str, Scalar]  #: dotted path of a setting → its value


class TunedSystem(BaseModel):
    """What a study chose for one system."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: dict[str, Scalar]  #: path → value; empty where the defaults stay
    auc: float | None  #: of the chosen settings on the validation days
    default_auc: float | None  #: of the registry's defaults


class Tuned(BaseModel):
    """The choices of a study, without its trials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Literal["real", "tiny"] = "real"
    days: tuple[str, ...]  #: validation days
    trials: int  #: of each system
    data_hash: str
    systems: dict[str, TunedSystem]

    @classmethod
    def load(cls, path: Path) -> Tuned:
        """Read `path`.

        Raises:
            ValueError: it is not of this form.
        """
        try:
            return cls.model_validate_json(path.read_text())
        except ValidationError as error:
            raise ValueError(
                f"{path}: {error}\nRemove it, or write it anew by `hourfold tune --write`"
            ) from None

    def save(self, path: Path) -> Tuned:
        """Write `path`, whole or not at all; returns what it holds now.

        Systems that it held already are kept if they were chosen on the same days of the same logs with the
        same number of trials: systems of one file had one budget.
        """
        held = Tuned.load(path) if path.exists() else self
        same = all(
            getattr(held, name) == getattr(self, name) for name in ("size", "days", "trials", "data_hash")
        )
        whole = self.model_copy(update={"systems": {**(held.systems if same else {}), **self.systems}})
        replace_text(path, whole.model_dump_json(indent=1) + "\n")
        return whole


def tuned_settings(
    home: SourceHome, source: str, size: str, systems: Iterable[str]
) -> dict[str, dict[str, Scalar]]:
    """Name → tuned settings of those of the systems that have any: the home's own study's, else the packaged.

    A home's study that left a system at its defaults decides, too: the packaged settings are not taken then.
    A system that the registry has take another's (`SystemEntry.tuned_as`) gets those of them that it has.
    """
    from models.ranking.registry import SYSTEMS

    own = home.root / FILE
    packaged = Path(str(files("models"))) / "tuned" / f"{source}.json"
    chosen: dict[str, TunedSystem] = {}
    for path in (packaged, own):
        tuned = Tuned.load(path) if path.exists() else None
        if tuned is not None and tuned.size == size and (path == own or size == "real"):
            chosen |= tuned.systems
    taken: dict[str, dict[str, Scalar]] = {}
    for name in systems:
        entry = SYSTEMS.get(name)
        whole = entry.tuned_as if entry is not None else None
        values = chosen[whole or name].settings if (whole or name) in chosen else {}
        if entry is not None and whole is not None:
            values = {path: value for path, value in values.items() if has_setting(entry.real, path)}
        if values:
            taken[name] = values
    return taken


def has_setting(settings: Settings, path: str) -> bool:
    """Whether there is a setting at a dotted path."""
    node: Any = settings
    for part in path.split("."):
        if part not in getattr(type(node), "model_fields", {}):
            return False
        node = getattr(node, part)
    return True


def changed(settings: S, values: Values) -> S:
    """A copy with these settings changed; dots lead into nested settings.

    Raises:
        ValueError: no such setting, or an impossible value.
    """
    tree = settings.model_dump(mode="json")
    for path, value in values.items():
        node: Any = tree
        *parents, leaf = path.split(".")
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if not isinstance(node, dict) or leaf not in node:
            raise ValueError(f"{type(settings).__name__} has no setting {path!r}")
        node[leaf] = value
    return type(settings).model_validate(tree)


def with_tuned(name: str, settings: S, values: Values) -> S:
    """`changed`, for settings that a study chose, perhaps with another version of this project."""
    try:
        return changed(settings, values)
    except ValueError as error:
        raise ValueError(
            f"{name}: its tuned settings do not fit this version ({error}): tune again, or remove {FILE}"
        ) from None
