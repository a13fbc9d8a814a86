"""Links into the code, and parts of the menu that take whatever pages lie in a folder: what MkDocs lacks.

Pages are read in the repository as well as on the site. A link that leaves `docs/` gets a copy of its file
beside the pages (`code/…`), as plain text, so that it leads somewhere in both; one to a file that is not in
the repository is an error. `nav` of mkdocs.yml may name `folder/*.md`: the pages there that it does not name
elsewhere, so that a new page stands in the menu without a line.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")
FOLDER = "code"  #: of the site: the files of the repository that pages link to

_log = logging.getLogger("mkdocs.hooks.site_links")  # a warning of MkDocs, which `strict` makes an error


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill `folder/*.md` of the menu with the pages there that stand nowhere else in it."""
    named = set(_pages(config.nav))
    config.nav = _filled(config.nav, Path(config.docs_dir), named)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a copy of each file outside `docs/` that a page links to."""
    root = Path(config.docs_dir).parent
    for page in files.documentation_pages():
        for _, target, _ in LINK.findall(page.content_string):
            path = _outside(page.src_uri, target)
            if path is None:
                continue
            if not (root / path).is_file():
                _log.warning("%s links to %s, and the repository has no file %s", page.src_uri, target, path)
            elif files.get_file_from_path(_copy(path)) is None:
                files.append(File.generated(config, _copy(path), content=(root / path).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: MkDocsConfig) -> str:
    """Lead links that leave `docs/` to the copies."""

    def led(match: re.Match[str]) -> str:
        path = _outside(page.file.src_uri, match[2])
        if path is None or files.get_file_from_path(_copy(path)) is None:
            return match[0]
        here = posixpath.dirname(page.file.src_uri) or "."
        return f"{match[1]}{posixpath.relpath(_copy(path), here)})"

    return LINK.sub(led, markdown)


def _outside(page: str, target: str) -> str | None:
    """The path in the repository of a link that leaves `docs/`; None where it stays inside."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return None if path.startswith("docs/") or target.startswith("/") else path


def _copy(path: str) -> str:
    return f"{FOLDER}/{path}.txt"


def _pages(nav: Any) -> list[str]:
    """All pages that a menu names."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav or []
    return [page for part in parts for page in _pages(part)]


def _filled(nav: Any, docs: Path, named: set[str]) -> Any:
    if isinstance(nav, dict):
        return {title: _filled(part, docs, named) for title, part in nav.items()}
    if not isinstance(nav, list):
        return nav
    filled: list[Any] = []
    for part in nav:
        if isinstance(part, str) and "*" in part:
            pages = (path.relative_to(docs).as_posix() for path in sorted(docs.glob(part)))
            filled += [page for page in pages if page not in named]
        else:
            filled.append(_filled(part, docs, named))
    return filled
