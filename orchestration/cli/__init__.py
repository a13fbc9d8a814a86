"""The command line `hourfold`. Only typer and rich are imported here: a command imports what it needs."""

from __future__ import annotations

import typer

from orchestration.cli import (
    ab,
    compare,
    day,
    demo,
    graph,
    heatmap,
    ingest,
    profile_eval,
    prospect,
    quarantine,
    simulate,
    tune,
    ui,
)

app = typer.Typer(
    name="hourfold",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    help="Real logs in, hour-by-hour AUC out: a ranker that is retrained each day and adapted each hour.\n\n"
    "State lives in `./var`; the environment variable `HOURFOLD_HOME` moves it.",
)

app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.command("ingest")(ingest.ingest)
app.command("day")(day.day)
app.command("compare")(compare.compare)
app.command("ab")(ab.ab)
app.command("tune")(tune.tune)
app.add_typer(graph.app, name="graph")
app.command("heatmap")(heatmap.heatmap)
app.command("prospect")(prospect.prospect)
app.command("profile-eval")(profile_eval.profile_eval)
app.add_typer(quarantine.app, name="quarantine")
app.command("ui")(ui.ui)
