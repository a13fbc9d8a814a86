"""Writes the measured figures of README.md from docs/results/data/ and docs/results/parts/readme.*.txt.

Run `python docs/build_readme.py` after a page of results was built: whatever README.md says was measured is
filled in from the same JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent


def main(root: Path = DOCS.parent) -> int:
    """Write README.md again."""
    sys.path.insert(0, str(DOCS.parent))
    readme = root / "README.md"
    readme.write_text(page(readme.read_text(), root / "docs"))
    return 0


def page(readme: str, docs: Path = DOCS) -> str:
    """README.md as the data say it."""
    from docs.pages.readme import written

    files = sorted((docs / "results" / "parts").glob("readme.*.txt"))
    templates = {path.stem.removeprefix("readme."): path.read_text() for path in files}
    return written(readme, templates, stored(docs))


def stored(docs: Path = DOCS) -> dict[str, Any]:
    """Section of a page of results → what docs/results/data/ holds of it."""
    from assets.experiments.ab.results import ABResult
    from assets.experiments.comparison import compact_json as of_comparison
    from docs import build_profiling, build_ranking

    rankings = {
        name: ABResult.model_validate(result) if name == build_ranking.AB else of_comparison.read(result)
        for name, result in build_ranking.stored(docs).items()
    }
    return rankings | build_profiling.stored(docs)


if __name__ == "__main__":
    sys.exit(main())
