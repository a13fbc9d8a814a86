"""Writes docs/reference/ from the code: every setting, command and asset with its explanation.

Run `python docs/build_reference.py` after a change; `--check` fails where a page is stale. Settings are read
from the source text, so that no heavy library is imported for them: an explanation stands in
`Field(description=…)`, in a docstring below the field or in a `#:` comment.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
ROOMS = ("models", "warehouse", "simulator", "expectations", "assets", "orchestration")
DESCRIBED = {"Deployment", "SourceDescription", "ChannelRule"}


@dataclass(frozen=True)
class Field:
    """One setting."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True)
class SettingsClass:
    """One settings class."""

    name: str
    module: str
    doc: str
    fields: tuple[Field, ...]


def settings_classes() -> list[SettingsClass]:
    """Every settings class of the rooms, in the order of rooms and files."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            text = path.read_text()
            for node in ast.parse(text).body:
                if isinstance(node, ast.ClassDef) and _is_settings(node):
                    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                    fields = tuple(_fields(node, text.splitlines()))
                    doc = (ast.get_docstring(node) or "").split("\n\n")[0]
                    found.append(SettingsClass(node.name, module, doc, fields))
    return found


def _is_settings(node: ast.ClassDef) -> bool:
    fields = any(isinstance(statement, ast.AnnAssign) for statement in node.body)
    return fields and (node.name.endswith("Settings") or node.name in DESCRIBED)


def _fields(node: ast.ClassDef, lines: list[str]) -> Iterator[Field]:
    for position, statement in enumerate(node.body):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name = statement.target.id
        annotation = ast.unparse(statement.annotation)
        if name == "model_config" or name.startswith("_") or annotation.startswith("ClassVar"):
            continue
        following = node.body[position + 1] if position + 1 < len(node.body) else None
        meaning = (
            _keyword(statement.value, "description") or _docstring(following) or _comment(statement, lines)
        )
        yield Field(name, annotation, _default(statement.value), " ".join(meaning.split()))


def _default(value: ast.expr | None) -> str:
    if value is None:
        return "required"
    if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Field":
        given = _keyword_node(value, "default")
        if given is not None:
            return ast.unparse(given)
        factory = _keyword_node(value, "default_factory")
        if factory is not None:
            return f"{ast.unparse(factory)}()"
        return (
            ast.unparse(value.args[0]) if value.args and ast.unparse(value.args[0]) != "..." else "required"
        )
    return ast.unparse(value)


def _keyword_node(value: ast.expr | None, name: str) -> ast.expr | None:
    if not isinstance(value, ast.Call):
        return None
    return next((keyword.value for keyword in value.keywords if keyword.arg == name), None)


def _keyword(value: ast.expr | None, name: str) -> str:
    node = _keyword_node(value, name)
    return str(ast.literal_eval(node)) if node is not None else ""


def _docstring(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return str(statement.value.value)
    return ""


def _comment(statement: ast.AnnAssign, lines: list[str]) -> str:
    """A `#:` comment at the end of the statement, or in the lines above it."""
    last = re.search(r"#: (.*)$", lines[(statement.end_lineno or statement.lineno) - 1])
    if last:
        return last.group(1)
    above = []
    for line in reversed(lines[: statement.lineno - 1]):
        match = re.match(r"\s*#: ?(.*)$", line)
        if not match:
            break
        above.insert(0, match.group(1))
    return " ".join(above)


def settings_page() -> str:
    """docs/reference/settings.md."""
    parts = [
        "# Settings\n\nAll settings are frozen and refuse unknown keys. "
        "Written by `docs/build_reference.py`: do not edit.",
        "Environment: `HOURFOLD_HOME` moves the folder of all state (default `./var`); `HOURFOLD_SOURCE` "
        "names the source of a home without a `deployment.json`.",
    ]
    for found in settings_classes():
        table = ["| setting | type | default | meaning |", "|---|---|---|---|"]
        table += [
            f"| `{f.name}` | `{_cell(f.type)}` | `{_cell(f.default)}` | {_cell(f.meaning)} |"
            for f in found.fields
        ]
        parts.append(f"## {found.name}\n\n`{found.module}`. {found.doc}\n\n" + "\n".join(table))
    return "\n\n".join(parts) + "\n"


def rules_page() -> str:
    """docs/reference/rules.md: every rule of every suite with its remedy."""
    rows: dict[tuple[str, str], list[str]] = {}
    batches: dict[tuple[str, str, str], list[str]] = {}
    for path in sorted((ROOT / "expectations" / "suites").glob("*.json")):
        table = path.stem.removesuffix("_batch")
        for expectation in json.loads(path.read_text())["expectations"]:
            meta = expectation["meta"]
            remedy = _cell(meta["remedy"])
            if path.stem.endswith("_batch"):
                batches.setdefault((meta["rule"], _cell(meta["message"]), remedy), []).append(table)
            else:
                rows.setdefault((meta["rule"], remedy), []).append(table)
    row_table = ["| rule | tables | what to do |", "|---|---|---|"]
    row_table += [f"| `{rule}` | {_names(tables)} | {remedy} |" for (rule, remedy), tables in rows.items()]
    batch_table = ["| rule | tables | message | what to do |", "|---|---|---|---|"]
    batch_table += [
        f"| `{rule}` | {_names(tables)} | {message} | {remedy} |"
        for (rule, message, remedy), tables in batches.items()
    ]
    return "\n\n".join(
        [
            "# Rules of the quality gate",
            "Written by `docs/build_reference.py` from `expectations/suites/`: do not edit. Limits are in "
            "[settings](settings.md#gatesettings).",
            "## Row rules\n\nA row that breaks one goes to quarantine; the others are loaded.",
            "\n".join(row_table),
            "## Batch rules\n\nA batch that breaks one is not written; the state before stays.",
            "\n".join(batch_table) + "\n",
        ]
    )


def _names(tables: list[str]) -> str:
    return ", ".join(dict.fromkeys(tables))


def commands(group: Any = None, prefix: str = "hourfold") -> Iterator[tuple[str, Any]]:
    """Every command of the command line with its full name."""
    if group is None:
        import typer.main

        from orchestration.cli import app

        group = typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def commands_page() -> str:
    """docs/reference/commands.md."""
    parts = ["# Commands\n\nWritten by `docs/build_reference.py` from the command line itself: do not edit."]
    for name, command in commands():
        options = [_option(parameter) for parameter in command.params if parameter.name != "help"]
        table = (
            "\n".join(["| option | default | meaning |", "|---|---|---|", *options])
            if options
            else "No options."
        )
        parts.append(f"## {name}\n\n{_dedent(command.help)}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def _option(parameter: Any) -> str:
    name = " ".join(parameter.opts) if parameter.param_type_name == "option" else parameter.name.upper()
    default = "" if parameter.default in (None, False, ...) else _cell(str(parameter.default))
    return f"| `{name}` | {default} | {_cell(parameter.help or '')} |"


def assets_page() -> str:
    """docs/reference/assets.md."""
    from orchestration.definitions import defs

    parts = ["# Assets\n\nWritten by `docs/build_reference.py` from the definitions: do not edit."]
    repository = defs.get_repository_def()
    graph = repository.asset_graph
    for key in sorted(graph.get_all_asset_keys(), key=lambda key: (graph.get(key).group_name, key.path)):
        node = graph.get(key)
        partitions = type(node.partitions_def).__name__.removesuffix("PartitionsDefinition") or "none"
        facts = [
            f"group `{node.group_name}`",
            f"partitions: {partitions.lower() if node.partitions_def else 'none'}",
            f"kinds: {', '.join(sorted(node.kinds)) or 'none'}",
            f"owners: {', '.join(node.owners) or 'none'}",
            f"after: {', '.join(f'`{p.to_user_string()}`' for p in sorted(node.parent_keys)) or 'nothing'}",
        ]
        parts.append(f"## {key.to_user_string()}\n\n{_dedent(node.description)}\n\n- " + "\n- ".join(facts))
    checks = sorted(
        (f"| `{key.asset_key.to_user_string()}` | `{key.name}` | {_cell(graph.get(key).description or '')} |")
        for key in graph.asset_check_keys
    )
    parts.append("## Checks\n\n" + "\n".join(["| asset | check | what it holds |", "|---|---|---|", *checks]))
    runs = [
        f"| `{kind}` | `{thing.name}` | {_cell(thing.description or '')} |"
        for kind, things in (
            ("job", [job for job in repository.get_all_jobs() if not job.name.startswith("__")]),
            ("schedule", repository.schedule_defs),
            ("sensor", repository.sensor_defs),
        )
        for thing in sorted(things, key=lambda thing: thing.name)
    ]
    parts.append(
        "## Jobs, schedules, sensors\n\n" + "\n".join(["| kind | name | what |", "|---|---|---|", *runs])
    )
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _dedent(text: str | None) -> str:
    import inspect

    return inspect.cleandoc(text or "").replace("\f", "")


PAGES = {
    "settings.md": settings_page,
    "rules.md": rules_page,
    "commands.md": commands_page,
    "assets.md": assets_page,
}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` compare them."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, build in PAGES.items():
        text, path = build(), REFERENCE / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text)
    if stale and "--check" in arguments:
        print(f"stale: {', '.join(stale)}; run python docs/build_reference.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
