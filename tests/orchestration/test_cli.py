"""The command line: every command explains itself with an example that it accepts, and starts at once."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from orchestration.cli import app

ROOT = Path(__file__).parents[2]
EXPECTED = {
    "hourfold demo",
    "hourfold simulate",
    "hourfold check",
    "hourfold ingest",
    "hourfold live",
    "hourfold day",
    "hourfold compare",
    "hourfold ab",
    "hourfold tune",
    "hourfold prospect",
    "hourfold graph export",
    "hourfold heatmap",
    "hourfold profile-eval",
    "hourfold quarantine list",
    "hourfold quarantine show",
    "hourfold quarantine replay",
    "hourfold sql",
    "hourfold keep",
    "hourfold serve",
    "hourfold models list",
    "hourfold models promote",
    "hourfold models rollback",
    "hourfold ui",
}
GROUP = typer.main.get_command(app)


def commands(group=GROUP, prefix="hourfold"):
    for name, command in group.commands.items():
        full = f"{prefix} {name}"
        yield from commands(command, full) if hasattr(command, "commands") else [(full, command)]


COMMANDS = dict(commands())


def parse(line: str) -> None:
    """Let the command line parse `line` without running it; raises a usage error where it does not fit."""
    words = shlex.split(line, comments=True)
    assert words[0] == "hourfold"
    group, rest = GROUP, words[1:]
    while hasattr(group, "commands"):
        assert rest and rest[0] in group.commands, f"{line!r}: no such command"
        group, rest = group.commands[rest[0]], rest[1:]
    group.make_context(line, rest)


def test_the_commands_are_those_of_the_readme():
    assert set(COMMANDS) == EXPECTED


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_command_has_help_for_each_option_and_an_example_that_parses(name):
    command = COMMANDS[name]
    assert command.help and len(command.help.splitlines()[0]) > 20
    silent = [p.name for p in command.params if p.name != "help" and not p.help]
    assert not silent, f"{name}: options without help: {silent}"
    examples = re.findall(rf"^\s+({name}\b.*)$", command.help, re.MULTILINE)
    assert "Example:" in command.help and examples, f"{name} has no example"
    for example in examples:
        parse(example)


def test_help_prints_the_example():
    for name in EXPECTED:
        shown = CliRunner().invoke(app, [*name.split()[1:], "--help"], terminal_width=200)
        assert shown.exit_code == 0 and f"{name} " in shown.output.split("Example", 1)[1] + " ", name


def test_every_command_line_in_the_documentation_parses():
    seen = 0
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text().replace("\\\n", " ")
        for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                found = re.match(r"^(?:\S+=\S+ )?(?:\.venv/bin/)?(hourfold .*)$", line)
                if found:
                    parse(re.sub(r"\bD1\.\.D2\b", "2026-01-01..2026-01-02", found[1]))
                    seen += 1
    assert seen >= 10


def test_an_unknown_option_is_refused():
    with pytest.raises(Exception, match="No such option"):
        parse("hourfold ui --nonsense 1")


def test_help_starts_without_the_heavy_libraries():
    heavy = ["torch", "dagster", "mlflow", "duckdb", "pandas", "great_expectations", "matplotlib", "numpy"]
    code = (
        "import sys; from typer.testing import CliRunner; from orchestration.cli import app; "
        f"CliRunner().invoke(app, ['--help']); print([m for m in {heavy} if m in sys.modules])"
    )
    started = time.perf_counter()
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
    assert time.perf_counter() - started < 3.0  # under a second on an idle machine


def test_a_command_starts_without_the_other_commands():
    code = (
        "import sys; from typer.testing import CliRunner; from orchestration.cli import NAMES, app; "
        "assert CliRunner().invoke(app, ['compare', '--help']).exit_code == 0; "
        "modules = {name: 'orchestration.cli.' + name.replace('-', '_') for name in NAMES}; "
        "print([name for name in NAMES if modules[name] in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['compare']"
