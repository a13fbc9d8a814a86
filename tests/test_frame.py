"""The project itself: what ships, what is pinned, which imports are allowed, no machine's path in a file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PACKAGES = {"orchestration", "assets", "models", "expectations", "warehouse", "simulator"}
TARGETS = {"demo", "test", "lint", "ui", "docs", "bench", "clean"}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_mlflow_folder_is_no_package():
    assert not list((ROOT / "mlflow").rglob("__init__.py")), (
        "mlflow/__init__.py would shadow the mlflow library"
    )
    import mlflow

    assert "site-packages" in mlflow.__path__[0]


def test_wheel_holds_the_named_packages_only(tmp_path):
    copy = tmp_path / "source"
    for path in tracked_files():
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (copy / "mlflow" / "bait.py").parent.mkdir(exist_ok=True)
    (copy / "mlflow" / "bait.py").write_text("")
    build = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=copy, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("hourfold-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops - {top for top in tops if top.endswith(".dist-info")} == PACKAGES
    sources = {
        str(path.relative_to(ROOT)) for path in tracked_files() if path.parts[len(ROOT.parts)] in PACKAGES
    }
    assert sources <= set(names), f"left out of the wheel: {sorted(sources - set(names))}"


def test_import_rules_hold():
    ran = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout


def test_constraints_pin_every_package_that_pyproject_names():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            pins[_normal(name)] = Version(version)
    table = project()
    wanted = [
        *table["project"]["dependencies"],
        *(line for group in table["project"]["optional-dependencies"].values() for line in group),
        *table["build-system"]["requires"],
    ]
    for line in wanted:
        requirement = Requirement(line)
        assert _normal(requirement.name) in pins, f"constraints.txt does not pin {requirement.name}"
        assert pins[_normal(requirement.name)] in requirement.specifier, (
            f"the pin of {requirement.name} breaks {line!r}"
        )


def test_every_dependency_has_a_floor_and_a_cap():
    for line in project()["project"]["dependencies"]:
        operators = {specifier.operator for specifier in Requirement(line).specifier}
        assert operators == {"=="} or operators == {">=", "<"}, line


def test_make_help_names_every_target():
    ran = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^\s+make (\w+)\s+\S", ran.stdout, re.MULTILINE))
    assert listed >= TARGETS, f"make help is silent about {sorted(TARGETS - listed)}"


def test_ci_and_readme_name_the_commands():
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme and "make test" in readme


def test_pre_commit_fetches_nothing():
    import yaml

    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repo["repo"] for repo in hooks} == {"local"}
    assert {hook["language"] for repo in hooks for hook in repo["hooks"]} <= {"system", "fail"}


def test_no_machine_path_stands_in_a_tracked_file():
    # Spelt in parts so that this file does not hold what it looks for.
    pattern = re.compile(
        r"(?<![\w.$~-])/(?:" + "|".join(["wo" + "rk", "ho" + "me", "ro" + "ot", "Us" + "ers"]) + r")/\w"
    )
    found = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {hit.group()}" for hit in pattern.finditer(text)]
    assert not found


def test_tracked_files_are_small():
    big = [str(path.relative_to(ROOT)) for path in tracked_files() if path.stat().st_size > 2 * 2**20]
    assert not big


def test_relative_links_of_the_documentation_lead_somewhere():
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        broken += [
            f"{page.relative_to(ROOT)} -> {target}"
            for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())
            if "://" not in target and not (page.parent / target).exists()
        ]
    assert not broken


def test_decisions_begin_with_what_was_decided_and_are_listed():
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text()
    pages = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        parts = re.findall(r"^\*\*(Decision|Context|Consequences)\.\*\*", page.read_text(), re.MULTILINE)
        assert parts == ["Decision", "Context", "Consequences"], page.name
        assert f"({page.name})" in listed, f"{page.name} is not in the list"


def sources() -> dict[str, ast.Module]:
    """The packages' own files by module name, parsed."""
    paths = [
        path
        for path in tracked_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
    ]
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths}
    return {names[path].removesuffix(".__init__"): ast.parse(path.read_text()) for path in paths}


def test_no_files_import_each_other_in_a_circle():
    """Imports inside functions and for types count too."""
    trees = sources()
    imports = {
        name: {
            module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
            for module in (f"{node.module}.{alias.name}", node.module)
            if module in trees and module != name
        }
        for name, tree in trees.items()
    }
    reached = dict(imports)
    while (further := {n: t.union(*(imports[m] for m in t)) for n, t in reached.items()}) != reached:
        reached = further
    circles = sorted(name for name, targets in reached.items() if name in targets)
    assert not circles, f"files that import each other in a circle: {circles}"


def test_files_and_functions_are_short():
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        f"{name}.{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, functions) and (node.end_lineno or 0) - node.lineno >= 50
    ]
    for path in tracked_files():
        own = path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES
        if own and (lines := path.read_text().count("\n")) > 250:
            long.append(f"{path.relative_to(ROOT)}: {lines} lines")
    assert not long


def test_names_say_what_they_hold():
    empty = {"found", "told", "there", "kept", "place"}
    named = [
        f"{module}:{node.lineno}: {node.id}"
        for module, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in empty
    ]
    assert not named


def test_a_class_name_means_one_thing():
    homes: dict[str, list[str]] = {}
    for module, tree in sources().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module)
    assert not {name: modules for name, modules in homes.items() if len(modules) > 1}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
