"""The documentation as a site: it builds strictly, and what leads nowhere stops it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.builders import DOCS, ROOT

NAV = """
nav:
  - a.md
  - "*.md"
"""


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site") / "site"
    built = build(ROOT, target)
    assert built.returncode == 0, built.stderr
    return target


@pytest.fixture
def small(tmp_path):
    """A checkout with the settings of this one, and pages of the test's own."""
    settings = (ROOT / "mkdocs.yml").read_text()
    menu = re.search(r"^nav:.*?(?=^\w)", settings, re.MULTILINE | re.DOTALL)
    assert menu is not None
    (tmp_path / "mkdocs.yml").write_text(settings.replace(menu[0], NAV))
    (tmp_path / "docs").mkdir()
    shutil.copy(DOCS / "site_links.py", tmp_path / "docs")
    (tmp_path / "docs" / "a.md").write_text("# One\n\n## Part\n")
    (tmp_path / "story.py").write_text("print('a story')\n")
    return tmp_path


def test_every_page_of_the_repository_is_built(site):
    pages = {p.relative_to(DOCS) for p in DOCS.rglob("*.md") if "parts" not in p.parts}
    assert len(pages) > 60
    missing = {p for p in pages if not (site / p).with_suffix(".html").is_file() and p.name != "README.md"}
    assert not missing and (site / "decisions" / "index.html").is_file()


def test_the_menu_has_the_four_kinds_and_the_results(site):
    page = (site / "index.html").read_text()
    for page_of_kind in ("tutorial", "how-to", "reference", "explanation", "results"):
        assert f'href="{page_of_kind}.html"' in page


def test_no_markdown_is_left_over_in_the_text(site):
    for page in site.rglob("*.html"):
        text = re.sub(r"<(pre|code|script).*?</\1>", "", page.read_text(), flags=re.DOTALL)
        assert "```" not in text, page
        assert not re.search(r"<p>(\||[^<]*\n(- |\d+\. ))", text), f"{page}: a table or list is no such thing"


def test_a_link_into_the_code_leads_to_a_copy_of_the_file(site):
    page = (site / "graphs.html").read_text()
    assert 'href="code/examples/graph_gnn.py.txt"' in page
    copy = site / "code" / "examples" / "graph_gnn.py.txt"
    assert copy.read_bytes() == (ROOT / "examples" / "graph_gnn.py").read_bytes()


def test_a_page_that_the_menu_does_not_name_stands_in_it(small, tmp_path):
    (small / "docs" / "new.md").write_text("# A new page\n\n[one](a.md#part) [a story](../story.py)\n")
    assert build(small, tmp_path / "site").returncode == 0
    assert 'href="new.html"' in (tmp_path / "site" / "a.html").read_text()
    assert (tmp_path / "site" / "code" / "story.py.txt").is_file()


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("nowhere.md", "nowhere.md"),
        ("a.md#nowhere", "#nowhere"),
        ("../nowhere.py", "no file nowhere.py"),
        ("/a.md", "absolute"),
    ],
)
def test_a_link_that_leads_nowhere_is_an_error(small, tmp_path, link, said):
    (small / "docs" / "new.md").write_text(f"# A new page\n\n[away]({link})\n")
    built = build(small, tmp_path / "site")
    assert built.returncode != 0
    assert "new.md" in built.stderr and said in built.stderr
