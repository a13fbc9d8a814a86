"""Writes docs/results/meta-learning.md from docs/results/data/meta-learning.json and its template.

Run `python docs/build_meta_learning.py`; the prose is in docs/results/parts/meta-learning.txt.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent


def main(docs: Path = DOCS) -> int:
    """Write the page."""
    sys.path.insert(0, str(DOCS.parent))
    from docs.pages.meta_learning import page

    results = docs / "results"
    study = json.loads((results / "data" / "meta-learning.json").read_text())
    template = (results / "parts" / "meta-learning.txt").read_text()
    (results / "meta-learning.md").write_text(page(study, template))
    return 0


if __name__ == "__main__":
    sys.exit(main())
