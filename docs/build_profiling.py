"""Writes docs/results/profiling.md and its pictures from the JSON of `hourfold profile-eval`.

Run `python docs/build_profiling.py F.json`. Notes that a person added below the marker of the page are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "results" / "profiling.md"


def main(arguments: list[str]) -> int:
    """Write the page and the pictures that it shows."""
    if len(arguments) != 1:
        print("usage: python docs/build_profiling.py F.json")
        return 2
    sys.path.insert(0, str(DOCS.parent))
    from assets.experiments.profilers.plots import pictures
    from assets.experiments.profilers.results import ProfileResult
    from assets.experiments.profilers.summary import summary
    from docs.pages.profiling import page

    document = json.loads(Path(arguments[0]).read_text())
    stored = ProfileResult.model_validate(document | {"summary": ()})  # an earlier version's may lack figures
    result = stored.model_copy(update={"summary": summary(stored.rows, stored.settings.systems)})
    PAGE.write_text(page(result, PAGE.read_text() if PAGE.exists() else ""))
    for name, png in pictures(result).items():
        (DOCS / "images" / name).write_bytes(png)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
