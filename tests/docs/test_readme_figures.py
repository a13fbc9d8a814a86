"""What README.md says was measured is what docs/results/data holds."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from docs.pages.readme import BLOCK, END, written
from tests.docs.builders import DOCS, ROOT, builder_of

README = (ROOT / "README.md").read_text()
TEMPLATES = {
    path.stem.removeprefix("readme."): path.read_text()
    for path in (DOCS / "results" / "parts").glob("readme.*.txt")
}


@pytest.fixture(scope="module")
def builder():
    return builder_of("build_readme")


@pytest.fixture(scope="module")
def results(builder):
    return builder.stored()


def test_readme_says_what_the_data_say(builder):
    assert builder.page(README) == README, "run docs/build_readme.py"


def test_no_figure_of_a_template_is_typed():
    assert set(TEMPLATES) == {"table", "measured"}
    typed = [figure for text in TEMPLATES.values() for figure in re.findall(r"\.\d{3,}", text)]
    assert typed == []
    assert not re.search(r"\d %", " ".join(TEMPLATES.values()).replace("95 %", ""))


def test_the_click_rate_is_the_paired_one_and_the_unpaired_one_is_named(results):
    test = results["ab"]
    (line,) = (part for part in README.split("\n\n") if part.startswith("**Serving simulated users**"))
    shown = [float(value) for value in re.findall(r"([+−]\d+\.\d+) % \[", line)]
    lifts = [test.lift("ctr", paired=True).lift, test.lift("ctr").lift]
    assert shown == pytest.approx([100 * lift for lift in lifts], abs=0.005)
    assert line.index("*paired*") < line.index("*Unpaired*")


def test_another_figure_in_the_data_is_another_readme(builder, tmp_path):
    shutil.copytree(DOCS / "results", tmp_path / "docs" / "results")
    (tmp_path / "README.md").write_text(README)
    file = tmp_path / "docs" / "results" / "data" / "profiling.json"
    document = json.loads(file.read_text())
    (entry,) = (one for one in document["summary"] if one["system"] == "als")
    (point,) = (one for one in entry["brands"] if one["shots"] is None)
    point["auroc"] = 0.9876
    file.write_text(json.dumps(document))
    assert builder.main(tmp_path) == 0
    assert "| ALS factors, recency, frequency, spend | .9876 |" in (tmp_path / "README.md").read_text()


def test_what_no_result_holds_is_refused_by_name(results):
    text = BLOCK.format(name="one") + "old" + END.format(name="one")
    assert "old" not in written(text, {"one": "{{kuairand auc deepfm}}"}, results)
    for wrong in ("{{nowhere auc deepfm}}", "{{kuairand auc nobody}}", "{{ab nonsense}}"):
        with pytest.raises(ValueError, match=re.escape(wrong)):
            written(text, {"one": wrong}, results)
    with pytest.raises(ValueError, match="needs one block"):
        written("no block", {"one": "text"}, results)
