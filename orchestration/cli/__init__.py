"""The command line `hourfold`. A command's module is imported when that command is called or listed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

NAMES = (
    *("demo", "simulate", "check", "ingest", "day", "live", "compare", "ab", "tune", "heatmap"),
    *("prospect", "profile-eval", "ui", "serve", "graph", "quarantine", "sql", "keep", "models"),
)


class Commands(Mapping[str, Any]):
    """Name → command, made when it is read: the module's function of that name, or its group `app`."""

    def __getitem__(self, name: str) -> Any:
        if name not in NAMES:
            raise KeyError(name)
        word = name.replace("-", "_")
        module = import_module(f"{__name__}.{word}")
        alone = typer.Typer(rich_markup_mode="markdown", add_completion=False)
        if hasattr(module, "app"):
            alone.add_typer(module.app, name=name)
        else:
            alone.command(name)(getattr(module, word))
        return get_group(alone).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


class CommandLine(TyperGroup):
    """The group of all commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "commands": Commands()})


app = typer.Typer(
    name="hourfold",
    cls=CommandLine,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)


@app.callback()
def hourfold() -> None:
    """Real logs in, hour-by-hour AUC out: a ranker that is retrained each day and adapted each hour.

    State lives in `./var`; the environment variable `HOURFOLD_HOME` moves it.
    """
