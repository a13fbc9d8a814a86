"""Writes docs/results/tuning.md, its pictures and models/tuned/ from the JSON of `hourfold tune`.

Run `python docs/build_tuning.py STUDY.json …`; several studies of one source must have one budget. Notes that
a person added below the marker of the page are kept. Only the sources that anyone can get are packaged.
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "results" / "tuning.md"
PACKAGED = DOCS.parent / "models" / "tuned"
PUBLIC = ("kuairand", "simulator")


def main(arguments: list[str]) -> int:
    """Write the page, the pictures that it shows, and the settings of the public sources."""
    if not arguments:
        print("usage: python docs/build_tuning.py STUDY.json …")
        return 2
    sys.path.insert(0, str(DOCS.parent))
    from assets.experiments.tuning.results import TuningResult
    from docs.pages.tuning import gathered, page, picture, picture_name

    studies = gathered([TuningResult.model_validate_json(Path(path).read_text()) for path in arguments])
    PAGE.write_text(page(studies, PAGE.read_text() if PAGE.exists() else ""))
    for study in studies:
        (DOCS / "images" / picture_name(study)).write_bytes(picture(study))
        if study.source in PUBLIC and study.size == "real":
            path = PACKAGED / f"{study.source}.json"
            path.unlink(missing_ok=True)
            study.choices().save(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
