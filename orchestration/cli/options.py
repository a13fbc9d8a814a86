"""Options of the command line: those that mirror a setting are made from it, shared ones stand here once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from assets.common.options import Option, option

#: Setting → the values that the command line gave, ready for `model_validate`.
Chosen = dict[str, Any]

Out = Annotated[Path, typer.Option(help="JSON file to write.")]
Data = Annotated[
    Path | None, typer.Option(help="Where the source's files are, where they were not loaded before.")
]
SourceOfHome = Annotated[str | None, typer.Option(help="Source of the logs; default: the one of this home.")]
Device = Annotated[str, typer.Option(help="Torch device of training and scoring: cpu or cuda.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes, one thread each.")]
Tiny = Annotated[
    bool, typer.Option("--tiny", help="Tiny configurations and a tiny simulation, to try things out.")
]
Defaults = Annotated[
    bool, typer.Option("--defaults", help="Leave out the settings that `hourfold tune` chose.")
]
Record = Annotated[bool, typer.Option(help="Put figures and pictures on runs of the home's MLflow.")]

_OTHER_NAMES = {"overrides": "--set"}


def from_setting(settings: type[BaseModel], name: str, *declared: str) -> Any:
    """For `Annotated`: an option with the help and bounds of a setting, under another name if declared."""
    return _typer_option(option(settings, name), *declared)


def from_settings(
    settings: type[BaseModel],
    *,
    only: Collection[str] | None = None,
    leave_out: Collection[str] = (),
    names: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option a setting; its first parameter, `Chosen`, receives their values.

    A switch that is off by default is `--name`, one that is on `--name/--no-name`. The setting `size` is the
    switch `--tiny`, as in every command.

    Args:
        settings: the model that declares the settings.
        only: settings that have an option; default: all.
        leave_out: settings that have none, since the command decides them.
        names: setting → its option, where that is not its name.
    """
    other_names = {**_OTHER_NAMES, **(names or {})}
    derived = [
        _tiny() if name == "size" else _parameter(option(settings, name), other_names.get(name))
        for name in settings.model_fields
        if name not in leave_out and (only is None or name in only)
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        _, *others = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [*derived, *(other.replace(kind=inspect.Parameter.KEYWORD_ONLY) for other in others)]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            chosen = {each.name: values.pop(each.name) for each in derived}
            if "tiny" in chosen:
                chosen["size"] = size_of(chosen.pop("tiny"))
            command(chosen, **values)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def size_of(tiny: bool) -> str:
    """The size that `--tiny` chooses, as settings name it."""
    return "tiny" if tiny else "real"


def _tiny() -> inspect.Parameter:
    return inspect.Parameter("tiny", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Tiny)


def _parameter(of: Option, declared: str | None) -> inspect.Parameter:
    if declared is None and of.type is bool:
        flag = f"--{of.name.replace('_', '-')}"
        declared = f"{flag}/--no-{flag[2:]}" if of.default else flag
    info = _typer_option(of, *([declared] if declared else []))
    default = inspect.Parameter.empty if of.default is ... else of.default
    return inspect.Parameter(
        of.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[of.type, info]
    )


def _typer_option(of: Option, *declared: str) -> Any:
    help_text = of.description[:1].upper() + of.description[1:] + "."
    return typer.Option(*declared, help=help_text, min=of.least, max=of.most)
