"""docs/results/profiling.md from JSONs of random numbers: every number of the page comes from them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from assets.experiments.number_format import number
from assets.experiments.profilers.compact_json import FORM, LEFT_OUT, compact, dumped, read
from assets.experiments.profilers.paired import OURS
from assets.experiments.profilers.results import NineLabels
from assets.experiments.profilers.rows import rows_with, table
from assets.experiments.profilers.summary import summary
from docs.pages.profiling import page
from tests.assets.experiments.profile_rows import evaluated
from tests.assets.experiments.test_as_printed import rows_of
from tests.docs.builders import DOCS, ROOT, builder_of, templates

STORED = DOCS / "results" / "data" / "profiling.json"
GROUP = {f"modality_{name}": 0.01 * n for n, name in enumerate(("none", "purchases", "all"))}
needs_result = pytest.mark.skipif(not STORED.exists(), reason="no evaluation is stored in docs/results/data")


@pytest.fixture(scope="module")
def builder():
    return builder_of("build_profiling")


@pytest.fixture(scope="module")
def results():
    return {"main": evaluated(seeds=2), "modalities": evaluated(GROUP, table="modalities")}


@pytest.fixture(scope="module")
def docs(builder, results, tmp_path_factory):
    """A copy of the template with the page of both evaluations."""
    folder = templates(tmp_path_factory.mktemp("docs"), results)
    assert builder.main([str(folder / f"{name}.json") for name in results], folder) == 0
    return folder


def test_the_page_holds_the_figures_of_both_and_no_open_name(docs, results):
    text = (docs / "results" / "profiling.md").read_text()
    assert "{{" not in text and "What each modality adds" in text
    for system in ("ridge", OURS):
        for shots in (1, None):
            assert number(results["main"].entry(system).at(shots).auroc) in text
    assert number(results["modalities"].entry("modality_all").at(None).auroc) in text
    assert "--table modalities" in text and "12 target brands, of 1.5%-15%" in text


def test_written_again_from_what_is_stored_the_page_is_the_same(docs, builder):
    before = (docs / "results" / "profiling.md").read_text()
    assert builder.main([], docs) == 0
    assert (docs / "results" / "profiling.md").read_text() == before


def test_without_any_evaluation_the_usage_is_said(builder, tmp_path, capsys):
    assert builder.main([], tmp_path) == 2
    assert "usage" in capsys.readouterr().out


def test_the_small_form_is_small_and_says_what_it_leaves_out(results):
    result = results["main"]
    small = compact(result)
    assert small["left_out"] == LEFT_OUT and "rows" not in small and "of" not in small["settings"]
    assert len(dumped(result.document())) < len(json.dumps(result.document())) / 2
    assert json.loads(dumped(small)) == json.loads(dumped(result.document()))


def test_the_small_form_holds_the_summary_and_figures_by_brand_and_fold(results):
    result = results["main"]
    again = read(json.loads(dumped(result.document())))
    for one, two in zip(again.summary, result.summary, strict=True):
        assert one.system == two.system
        assert one.auroc == pytest.approx(two.auroc, rel=1e-6)
        assert one.against == () or one.against[0].auroc_p_holm == pytest.approx(two.against[0].auroc_p_holm)
    values = np.array(compact(result)[FORM]["ridge"]["all"]["auroc"])
    rows = rows_with(result.rows, system="ridge", shots=None)
    assert values == pytest.approx(table(rows, "auroc"), abs=1e-5)


def test_a_figure_that_the_json_lacks_is_refused_by_name(results):
    with pytest.raises(ValueError, match="lightgbm"):
        page(results["main"], [], "{{auroc lightgbm all}}")
    text = page(results["main"], [], "{{difference ridge auroc 1}} {{holm ridge auroc 1}} {{aupr ridge 5}}")
    line = next(li for li in results["main"].entry(OURS).against if (li.system, li.shots) == ("ridge", 1))
    assert text.split()[0].lstrip("+−0") == f"{abs(line.auroc):.4f}".lstrip("0") and "[" in text


@needs_result
def test_the_published_page_is_the_one_of_the_stored_evaluations(builder):
    stored = builder.stored()
    template = (DOCS / "results" / "parts" / "profiling.txt").read_text()
    text = builder.page_of(stored, template)
    assert (DOCS / "results" / "profiling.md").read_text() == text, "run docs/build_profiling.py"


@needs_result
def test_every_row_of_the_readme_is_a_system_of_the_stored_evaluation(builder):
    """AUROC, AUPR and AUROC within quintiles with all customers: rows of three such figures."""
    summary = builder.stored()[builder.MAIN].summary
    points = [point for entry in summary if (point := entry.at(None)) is not None]
    published = {tuple(number(p.value(f)) for f in ("auroc", "aupr", "within_quintiles")) for p in points}
    readme = (ROOT / "README.md").read_text().split("**Audiences, real purchases**")[1].split("\n## ")[0]
    cells = [re.findall(r"\*{0,2}(\.\d{4})\*{0,2} \|", line) for line in readme.splitlines()]
    shown = [tuple(row) for row in cells if len(row) == 3]
    assert shown and not set(shown) - published


def test_a_study_of_nine_ways_takes_the_place_of_the_other_and_says_how_active_its_labels_are(results):
    main = results["main"]
    nine = main.model_copy(
        update={
            "settings": main.settings.model_copy(update={"table": "nine-ways", "draws": 7}),
            "protocol": main.protocol.model_copy(
                update={"nine_labels": NineLabels(ahead_of_others=0.512, ahead_of_anybody=0.768)}
            ),
            "summary": summary(
                [*rows_of("ridge", 0.6, 0.55, 0.25), *rows_of("normal_training", 0.45, 0.5, 0.05)],
                ("ridge", "normal_training"),
            ),
        }
    )
    text = page(main, [], "{{ood}}", nine)
    assert "--draws 7" in text and "--table nine-ways" in text
    assert "51 % of pairs" in text and "77 %" in text
    assert "| **all** | ridge | .2500" in text and "No growth of accuracy is quoted" in text
    assert page(main, [], "{{ood}}").strip() == ""


def test_a_run_without_heatmaps_is_kept_beside_the_other(builder, results):
    document = results["modalities"].document()
    assert builder.name_of(document) == builder.MODALITIES
    document["settings"]["systems"] = ["modality_none", "modality_without_heatmap"]
    assert builder.name_of(document) == builder.SUBSET
    few = {name: GROUP[name] for name in ("modality_none", "modality_purchases")}
    subset = evaluated(few, table="modalities")
    text = page(results["main"], [results["modalities"], subset], "{{modalities}}")
    assert text.count("## What each modality adds") == 1 and text.count("Run as") == 2
    assert text.count("| purchases | all |") == 2 and text.count("| all | all |") == 2
