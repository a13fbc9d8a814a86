"""docs/results/ranking.md from JSONs of random numbers: every number of the page comes from them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from assets.experiments.comparison import compact_json as comparison_compact
from assets.experiments.number_format import number, signed
from docs.pages.ranking import PARTS, filled
from tests.assets.experiments.random_comparison import SYSTEMS, random_ab, random_comparison
from tests.docs.builders import DOCS, builder_of, templates


@pytest.fixture(scope="module")
def builder():
    return builder_of("build_ranking")


@pytest.fixture(scope="module")
def results():
    real = random_comparison(SYSTEMS, ("2022-05-01", "2022-05-02"), simulated=False)
    days = random_comparison(SYSTEMS, ("2025-03-10", "2025-03-11"))
    return {"kuairand": real, "simulated": random_comparison(), "landing-simulated": days, "ab": random_ab()}


@pytest.fixture(scope="module")
def docs(builder, results, tmp_path_factory):
    """A copy of the templates with the page of all results."""
    folder = templates(tmp_path_factory.mktemp("docs"), results)
    sections = {"landing-simulated": "landing-simulated="}  # its source has a section already
    arguments = [f"{sections.get(name, '')}{folder / name}.json" for name in results]
    assert builder.main(arguments, folder) == 0
    return folder


def test_the_page_has_every_section_and_every_picture_it_shows(docs, results):
    page = (docs / "results" / "ranking.md").read_text()
    shown = re.findall(r"!\[([^\]]*)\]\(\.\./images/([^)]*)\)", page)
    assert {file for _, file in shown} == {path.name for path in (docs / "images").iterdir()}
    assert all("simulated" in text for text, file in shown if "kuairand" not in file)
    assert "{{" not in page
    for name in SYSTEMS:
        entry = results["kuairand"].systems[name]
        assert number(entry.auc) in page and name in page
    assert page.index("KuaiRand") < page.index("Simulated news") < page.index("A/B test")


def test_the_page_is_written_again_from_what_is_kept(builder, docs):
    assert builder.page(docs) == (docs / "results" / "ranking.md").read_text()
    assert list(builder.stored(docs)) == ["kuairand", "landing-simulated", "simulated", "ab"]


def test_the_kept_form_is_small_and_loses_nothing_that_is_shown(results):
    result = results["kuairand"]
    document = result.document()
    text = comparison_compact.dumped(document)
    assert len(text) < len(json.dumps(document)) / 2
    back = comparison_compact.read(json.loads(text))
    for figure in ("auc", "auc_static", "gate_short"):
        one, other = result.by_hour(figure), back.by_hour(figure)
        assert set(one) == set(other)
        for name in one:
            assert other[name] == pytest.approx(one[name], abs=1e-5, nan_ok=True)
    assert comparison_compact.dumped(json.loads(text)) == text, "what is kept is kept as it is"
    for part in PARTS:
        assert filled(f"{{{{{part}}}}}", back) == filled(f"{{{{{part}}}}}", result), part


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_a_sentence_takes_its_figures_from_the_json(results):
    result = results["simulated"]
    entry = result.systems["lsttm"]
    said = filled("{{auc lsttm}} {{gain lsttm}} {{figure lsttm ece}} {{truth}} {{p fm lsttm}}", result)
    gain = signed(entry.auc - entry.auc_static)
    assert said.startswith(f"{number(entry.auc)} {gain} {number(entry.ece)} {number(0.75)} ")
    gains = result.by_hour("auc")["lsttm"] - result.by_hour("auc_static")["lsttm"]
    worst = np.nanmin(np.nanmean(np.nanmean(gains, axis=0), axis=0))
    assert filled("{{worst_hour lsttm}}", result).strip() == signed(worst)
    for wrong in ("{{nonsense}}", "{{auc nobody}}", "{{difference fm nobody}}", "{{auc}}"):
        with pytest.raises(ValueError, match=re.escape(wrong)):
            filled(wrong, result)


@pytest.mark.parametrize(
    "value, text", [(0.7012, ".7012"), (10.0234, "10.0234"), (1.0, "1.0000"), (None, "–")]
)
def test_numbers_are_printed_as_probabilities_are(value, text):
    assert number(value) == text
    assert signed(value) == ("–" if value is None else f"+{text}")


def test_one_system_has_a_page_without_comparisons(builder):
    alone = random_comparison(("deepfm",), ("2025-03-08",), 1)
    page = filled((DOCS / "results" / "parts" / "ranking.simulated.txt").read_text(), alone)
    assert "deepfm" in page and "Holm" not in page and "### Gate" not in page


def test_the_page_of_the_repository_is_what_its_data_say(builder):
    """Somebody's edit of the page, the parts or the data alone is seen here."""
    if not builder.stored():
        pytest.skip("no result is kept yet")
    assert builder.page() == (DOCS / "results" / "ranking.md").read_text(), "run docs/build_ranking.py"
