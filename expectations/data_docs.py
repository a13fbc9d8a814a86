"""Great Expectations' Data Docs of one table: what its suites said about the last call, as pages."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from expectations.engine import Engine


def render(folder: Path, table: str, engine: Engine, parameters: Mapping[str, Any]) -> Path:
    """Write the pages to `folder/<table>/` (replacing those of the last call); returns its index.html.

    The suites run once more with summary results, since a page of every failing row helps nobody.
    """
    import great_expectations as gx

    site = (folder / table).resolve()
    shutil.rmtree(site, ignore_errors=True)
    engine.context.add_data_docs_site(
        site_name=table,
        site_config={
            "class_name": "SiteBuilder",
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    for name, expectations, frame in engine.runs:
        suite = engine.context.suites.add(engine.suite(name, expectations, range(len(expectations))))
        definition = engine.context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=engine.batch_definition(name), suite=suite)
        )
        definition.run(
            batch_parameters={"dataframe": frame},
            result_format="SUMMARY",
            expectation_parameters=dict(parameters),
        )
    engine.context.build_data_docs(site_names=[table])
    return site / "index.html"
