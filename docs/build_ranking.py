"""Writes docs/results/ranking.md and its pictures from the JSON of `hourfold compare` and `hourfold ab`.

Run `python docs/build_ranking.py kuairand.json simulated.json ab.json` with whichever of them are new;
without any, the page is written again from what docs/results/data/ holds. A second comparison of a source
has a section of its own if it is given a name: `name=path.json`. Each JSON is kept there in a small
form: without the tests of single days, every setting of every system, and the size of each hour. Prose is in
docs/results/parts/, one template a section: its numbers too come from the JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
TOP, AB = "ranking.top.txt", "ab"
ORDER = ("kuairand", "landing", "landing-simulated", "simulated", AB)  #: of sections


def main(arguments: list[str], docs: Path = DOCS) -> int:
    """Take in new JSONs, then write pictures and page from all that are stored."""
    sys.path.insert(0, str(DOCS.parent))
    data = docs / "results" / "data"
    data.mkdir(parents=True, exist_ok=True)
    for argument in arguments:
        name, _, path = argument.rpartition("=")
        result = json.loads(Path(path).read_text())
        if name:
            result["section"] = name
        (data / f"ranking-{section(result)}.json").write_text(small(result))
    results = stored(docs)
    if not results:
        print("usage: python docs/build_ranking.py COMPARISON.json … [AB.json]")
        return 2
    for result in results.values():
        for file, png in pictures(result).items():
            (docs / "images" / file).write_bytes(png)
    (docs / "results" / "ranking.md").write_text(page(docs))
    return 0


def stored(docs: Path = DOCS) -> dict[str, Any]:
    """Section → JSON in its small form, in the order of the page."""
    files = {
        path.stem.removeprefix("ranking-"): path
        for path in (docs / "results" / "data").glob("ranking-*.json")
    }
    order = [*(name for name in ORDER if name in files), *sorted(set(files) - set(ORDER))]
    return {name: json.loads(files[name].read_text()) for name in order}


def page(docs: Path = DOCS) -> str:
    """The page, from templates and what is stored."""
    parts = docs / "results" / "parts"
    texts = [(parts / TOP).read_text()]
    texts += [
        text(result, (parts / f"ranking.{name}.txt").read_text()) for name, result in stored(docs).items()
    ]
    return "\n\n".join(part.strip("\n") for part in texts) + "\n"


def section(result: Mapping[str, Any]) -> str:
    """The name of its section: its own, that of the source, or of the A/B test."""
    from assets.experiments.comparison.compact_json import read
    from assets.experiments.comparison.report import section as of_comparison

    return AB if "arms" in result else of_comparison(read(result))


def small(result: Mapping[str, Any]) -> str:
    """The text that the repository keeps."""
    from assets.experiments.ab.report import compact
    from assets.experiments.ab.results import ABResult
    from assets.experiments.comparison.compact_json import dumped, text_of

    if "arms" in result:
        return text_of(compact(ABResult.model_validate(result))) + "\n"
    return dumped(result)


def text(result: Mapping[str, Any], template: str) -> str:
    """A section."""
    from assets.experiments.ab.report import PARTS
    from assets.experiments.ab.results import ABResult
    from assets.experiments.comparison.compact_json import read
    from docs.pages.ranking import filled

    if "arms" in result:
        return filled(template, ABResult.model_validate(result), PARTS)
    return filled(template, read(result))


def pictures(result: Mapping[str, Any]) -> dict[str, bytes]:
    """File name in docs/images → PNG."""
    from assets.experiments.ab.plots import ab_pictures
    from assets.experiments.ab.results import ABResult
    from assets.experiments.comparison.compact_json import read
    from assets.experiments.comparison.plots import pictures as of_comparison
    from assets.experiments.comparison.report import picture_name

    if "arms" in result:
        test = ABResult.model_validate(result)
        return {f"ranking-{name}": png for name, png in ab_pictures(test).items()}
    comparison = read(result)
    return {picture_name(comparison, name): png for name, png in of_comparison(comparison).items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
