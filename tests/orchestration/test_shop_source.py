"""A home whose profiler reads another source than its ranking: one graph, each half in its own days."""

from __future__ import annotations

import dagster as dg
import pytest

from assets.common.resources import HomeResource, TrackingResource, WarehouseResource
from orchestration.build import build
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path)
    days = {
        "simulator": ("UTC", "2025-03-03", "2025-03-11"),
        "shop": ("Etc/GMT+5", "2017-01-01", "2017-12-31"),
    }
    for name, (zone, first, last) in days.items():
        described = SourceDescription(
            name=name, simulated=name == "simulator", zone=zone, first_day=first, last_day=last
        )
        folder = made.source(name).landing
        folder.mkdir(parents=True)
        described.save(folder)
    Deployment(shop="shop", size="tiny", seed=3).save(made)
    return made


def test_one_graph_holds_both_halves(home):
    graph = build(home, Deployment.load(home)).definitions.resolve_asset_graph()
    partitions = {name: graph.get(dg.AssetKey(name)).partitions_def for name in ("purchases", "daily_ranker")}
    assert partitions["purchases"].timezone == "Etc/GMT+5" and partitions["daily_ranker"].timezone == "UTC"
    keys = partitions["purchases"].get_partition_keys()
    assert (keys[0], keys[-1], len(keys)) == ("2017-01-01", "2017-12-31", 365)
    assert partitions["daily_ranker"].get_partition_keys()[-1] == "2025-03-11"
    for name in ("time_heatmaps", "meta_profile", "audience_outcomes"):
        assert graph.get(dg.AssetKey(name)).partitions_def == partitions["purchases"]


def test_each_table_is_read_from_its_own_source(home):
    resource = HomeResource(root=str(home.root))
    assert resource.of_table("exposures").paths == home.source("simulator")
    for table in ("purchases", "points", "demographics", "labels"):
        assert resource.of_table(table).paths == home.source("shop")
        assert resource.of_table(table).description.name == "shop"
    shop = resource.shop.deployment
    assert (shop.source, shop.zone, shop.size, shop.seed) == ("shop", "Etc/GMT+5", "tiny", 3)
    assert WarehouseResource(root=str(home.root)).shop.paths.warehouse == home.source("shop").warehouse
    runs = TrackingResource(root=str(home.root))
    assert (runs.open().label, runs.shop.open("profiling").label) == ("simulated", "shop")


def test_without_a_shop_of_its_own_everything_is_one_source(home):
    Deployment().save(home)
    resource = HomeResource(root=str(home.root))
    assert resource.shop.deployment == resource.deployment
    assert resource.of_table("purchases").paths == home.source("simulator")
