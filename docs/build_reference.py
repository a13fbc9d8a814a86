"""Writes docs/reference/ from the code: every setting, command and asset with its explanation.

Run `python docs/build_reference.py` after a change; `--check` fails where a page is stale. Settings are read
from the source text, so that no heavy library is imported for them: an explanation stands in
`Field(description=…)`, in a docstring below the field or in a `#:` comment.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, NamedTuple, get_args

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
PACKAGES = ("models", "warehouse", "simulator", "expectations", "assets", "orchestration")
WRITTEN_AS_TEXT = ("Names", "Days", "Seeds", "Overrides")  #: types of assets/common/options.py
DESCRIBED = {"Deployment", "SourceDescription", "ChannelRule"}


class Field(NamedTuple):
    """One setting."""

    name: str
    type: str
    default: str
    meaning: str


class SettingsClass(NamedTuple):
    """One settings class."""

    name: str
    module: str
    doc: str
    fields: tuple[Field, ...]


def settings_classes() -> list[SettingsClass]:
    """Every settings class, in the order of packages and files."""
    return [
        SettingsClass(
            name=node.name,
            module=".".join(path.relative_to(ROOT).with_suffix("").parts),
            doc=(ast.get_docstring(node) or "").split("\n\n")[0],
            fields=tuple(_fields(node, path.read_text().splitlines())),
        )
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and _is_settings(node)
    ]


def _is_settings(node: ast.ClassDef) -> bool:
    fields = any(isinstance(statement, ast.AnnAssign) for statement in node.body)
    return fields and (node.name.endswith("Settings") or node.name in DESCRIBED)


def _fields(node: ast.ClassDef, lines: list[str]) -> Iterator[Field]:
    from assets.common import options

    plain = {name: str(get_args(getattr(options, name))[0]) for name in WRITTEN_AS_TEXT}
    for statement, following in pairwise([*node.body, ast.Pass()]):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        name, annotation = statement.target.id, ast.unparse(statement.annotation)
        if name == "model_config" or name.startswith("_") or annotation.startswith("ClassVar"):
            continue
        keywords = {each.arg: each.value for each in getattr(statement.value, "keywords", ())}
        described = ast.literal_eval(keywords["description"]) if "description" in keywords else ""
        meaning = described or _docstring(following) or _comment(statement, lines)
        default = _default(statement.value, keywords)
        yield Field(name, plain.get(annotation, annotation), default, meaning)


def _default(value: ast.expr | None, keywords: dict[str | None, ast.expr]) -> str:
    if value is None:
        return "required"
    if not (isinstance(value, ast.Call) and getattr(value.func, "id", "") == "Field"):
        return ast.unparse(value)
    if "default_factory" in keywords:
        return f"{ast.unparse(keywords['default_factory'])}()"
    default = keywords.get("default") or next(iter(value.args), None)
    return "required" if default is None else ast.unparse(default).replace("...", "required")


def _docstring(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return str(statement.value.value)
    return ""


def _comment(statement: ast.AnnAssign, lines: list[str]) -> str:
    """A `#:` comment at the end of the statement, or in the lines above it."""
    last = re.search(r"#: (.*)$", lines[(statement.end_lineno or statement.lineno) - 1])
    if last:
        return last.group(1)
    matches = (re.match(r"\s*#: ?(.*)$", line) for line in reversed(lines[: statement.lineno - 1]))
    return " ".join(reversed([match.group(1) for match in takewhile(bool, matches) if match]))


def settings_page() -> str:
    """docs/reference/settings.md."""
    parts = [
        "# Settings\n\nAll settings are frozen and refuse unknown keys. "
        "Written by `docs/build_reference.py`: do not edit.",
        "Environment: `HOURFOLD_HOME` moves the folder of all state (default `./var`); `HOURFOLD_SOURCE` "
        "names the source of a home without a `deployment.json`.",
    ]
    for each in settings_classes():
        rows = [(f"`{f.name}`", f"`{f.type}`", f"`{f.default}`", f.meaning) for f in each.fields]
        table = _table(("setting", "type", "default", "meaning"), rows)
        parts.append(f"## {each.name}\n\n`{each.module}`. {each.doc}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def rules_page() -> str:
    """docs/reference/rules.md: every rule of every suite with its remedy."""
    tables_of: dict[tuple[str, ...], list[str]] = {}  # (kind, rule, remedy), of a batch with its message
    words_of: dict[tuple[str, str], dict[str, None]] = {}  # kind and rule → the library's expectations
    for path in sorted((ROOT / "expectations" / "suites").glob("*.json")):
        table = path.stem.removesuffix("_batch")
        for expectation in json.loads(path.read_text())["expectations"]:
            meta = expectation["meta"]
            message = (meta["message"],) if path.stem.endswith("_batch") else ()
            kind = "batch" if message else "value" if meta.get("among") == "kept" else "row"
            tables_of.setdefault((kind, meta["rule"], *message, meta["remedy"]), []).append(table)
            words_of.setdefault((kind, meta["rule"]), {})[f"`{expectation['type']}`"] = None
    rows: dict[str, list[tuple[str, ...]]] = {"row": [], "value": [], "batch": []}
    for (kind, rule, *texts), tables in tables_of.items():
        cells = (f"`{rule}`", ", ".join(dict.fromkeys(tables)), ", ".join(words_of[kind, rule]), *texts)
        rows[kind].append(cells)
    columns = ("rule", "tables", "judged by", "what to do")
    parts = [
        "# Rules of the quality gate",
        "Written by `docs/build_reference.py` from `expectations/suites/`: do not edit. Limits are in "
        "[settings](settings.md#gatesettings); a source changes its own in `source.json`, such as "
        '`"gate": {"row_count_spread": 0.4}`.',
        "## Row rules\n\nA row that breaks one goes to quarantine; the others are loaded.",
        "Great Expectations judges the columns as they were read. A name with an ending, such as `price not "
        "readable` or `user_id is known`, is a column that is described in `expectations/row_facts.py`.",
        _table(columns, rows["row"]),
        "## Rules about single values\n\nWhat breaks one is taken as unknown, and told of; the row is "
        "loaded. They are about `request_id` of exposures and content vectors of users and items. What "
        "breaks `request_item_unique` stays as it is.",
        _table(columns, rows["value"]),
        "## Batch rules\n\nA batch that breaks one is not written; the state before stays.",
        _table((*columns[:3], "message", columns[3]), rows["batch"]),
    ]
    return "\n\n".join(parts) + "\n"


def commands(group: Any = None, prefix: str = "hourfold") -> Iterator[tuple[str, Any]]:
    """Every command of the command line with its full name."""
    if group is None:
        import typer.main

        from orchestration.cli import app

        group = typer.main.get_command(app)
    for name, command in group.commands.items():
        full = f"{prefix} {name}"
        yield from commands(command, full) if hasattr(command, "commands") else [(full, command)]


def commands_page() -> str:
    """docs/reference/commands.md."""
    parts = ["# Commands\n\nWritten by `docs/build_reference.py` from the command line itself: do not edit."]
    for name, command in commands():
        rows = [_option(parameter) for parameter in command.params if parameter.name != "help"]
        table = _table(("option", "default", "meaning"), rows) if rows else "No options."
        parts.append(f"## {name}\n\n{_cleaned(command.help)}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def _option(parameter: Any) -> tuple[str, str, str]:
    name = " ".join(parameter.opts) if parameter.param_type_name == "option" else parameter.name.upper()
    default = "" if parameter.default in (None, False, ..., []) else str(parameter.default)
    return f"`{name}`", default, parameter.help or ""


def assets_page() -> str:
    """docs/reference/assets.md."""
    from orchestration.definitions import defs

    parts = ["# Assets\n\nWritten by `docs/build_reference.py` from the definitions: do not edit."]
    repository = defs.get_repository_def()
    graph = repository.asset_graph
    keys = sorted(graph.get_all_asset_keys(), key=lambda key: (graph.get(key).group_name, key.path))
    parts += [f"## {key.to_user_string()}\n\n{_asset(graph.get(key))}" for key in keys]
    checks = [
        (f"`{key.asset_key.to_user_string()}`", f"`{key.name}`", graph.get(key).description or "")
        for key in graph.asset_check_keys
    ]
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    kinds = {"job": jobs, "schedule": repository.schedule_defs, "sensor": repository.sensor_defs}
    runs = [
        (f"`{kind}`", f"`{each.name}`", each.description or "")
        for kind, definitions in kinds.items()
        for each in sorted(definitions, key=lambda definition: definition.name)
    ]
    parts.append(f"## Checks\n\n{_table(('asset', 'check', 'what it holds'), sorted(checks))}")
    parts.append(f"## Jobs, schedules, sensors\n\n{_table(('kind', 'name', 'what'), runs)}")
    return "\n\n".join(parts) + "\n"


def _asset(node: Any) -> str:
    partitions = type(node.partitions_def).__name__.removesuffix("PartitionsDefinition").lower()
    facts = [
        f"group `{node.group_name}`",
        f"partitions: {partitions if node.partitions_def else 'none'}",
        f"kinds: {', '.join(sorted(node.kinds)) or 'none'}",
        f"owners: {', '.join(node.owners) or 'none'}",
        f"after: {', '.join(f'`{p.to_user_string()}`' for p in sorted(node.parent_keys)) or 'nothing'}",
    ]
    return f"{_cleaned(node.description)}\n\n- " + "\n- ".join(facts)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = f"| {' | '.join(headings)} |\n{'|---' * len(headings)}|"
    cells = ([" ".join(text.split()).replace("|", "\\|") for text in row] for row in rows)
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in cells)])


def _cleaned(text: str | None) -> str:
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
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
