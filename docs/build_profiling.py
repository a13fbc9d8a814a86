"""Writes docs/results/profiling.md and its pictures from the JSON of `hourfold profile-eval`.

Run `python docs/build_profiling.py F.json MODALITIES.json NINE_WAYS.json` with whichever of them are new;
without any, the page is written again from what docs/results/data/ holds. The study of modalities (`--table
modalities`) is a section of the page; a run without heatmaps, which trains no network, stands below it. So
does that of nine ways against each other (`--table nine-ways`), unless it has all systems. Each JSON is kept
in a small form, its summary made anew from the rows: without those by seed and draw, and without the
settings of every system. Prose is in docs/results/parts/profiling.txt: its numbers too come from the JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assets.experiments.profilers.results import ProfileResult

DOCS = Path(__file__).resolve().parent
MAIN, MODALITIES, NINE_WAYS = "profiling", "profiling-modalities", "profiling-nine-ways"
SUBSET = "profiling-modalities-subset"  #: those without heatmaps
FILES = (MAIN, MODALITIES, SUBSET, NINE_WAYS)  #: in docs/results/data


def main(arguments: list[str], docs: Path = DOCS) -> int:
    """Take in new JSONs, then write the page and the pictures that it shows."""
    sys.path.insert(0, str(DOCS.parent))
    from assets.experiments.profilers.compact_json import dumped
    from assets.experiments.profilers.plots import pictures

    data = docs / "results" / "data"
    data.mkdir(parents=True, exist_ok=True)
    for argument in arguments:
        document = json.loads(Path(argument).read_text())
        (data / f"{name_of(document)}.json").write_text(dumped(document))
    results = stored(docs)
    if MAIN not in results:
        print("usage: python docs/build_profiling.py F.json [MODALITIES.json] [NINE_WAYS.json]")
        return 2
    template = (docs / "results" / "parts" / "profiling.txt").read_text()
    text = page_of(results, template)
    (docs / "results" / "profiling.md").write_text(text)
    for file, png in pictures(results[MAIN]).items():
        (docs / "images" / file).write_bytes(png)
    return 0


def name_of(document: Mapping[str, Any]) -> str:
    """The file that holds an evaluation, by its table and systems."""
    table, systems = document["settings"]["table"], document["settings"]["systems"]
    if table == "modalities":
        return MODALITIES if "modality_heatmap" in systems or "modality_all" in systems else SUBSET
    return NINE_WAYS if table == "nine-ways" else MAIN


def page_of(results: Mapping[str, ProfileResult], template: str) -> str:
    """The page of all that is stored."""
    from docs.pages.profiling import page

    of_modalities = [results[name] for name in (MODALITIES, SUBSET) if name in results]
    return page(results[MAIN], of_modalities, template, results.get(NINE_WAYS))


def stored(docs: Path = DOCS) -> dict[str, ProfileResult]:
    """Name → the evaluation that docs/results/data/ holds of it."""
    from assets.experiments.profilers.compact_json import read

    files = {name: docs / "results" / "data" / f"{name}.json" for name in FILES}
    return {name: read(json.loads(file.read_text())) for name, file in files.items() if file.exists()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
