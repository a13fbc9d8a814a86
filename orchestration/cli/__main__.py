"""`python -m orchestration.cli`: the command line without its console script."""

from orchestration.cli import app

app(prog_name="hourfold")
