"""`hourfold graph export`, from simulated logs to another GNN that trains on the file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from torch_geometric.data.storage import BaseStorage, EdgeStorage, GlobalStorage, NodeStorage
from typer.testing import CliRunner

from assets.logs.ingest import ingest
from models.ranking import registry
from models.ranking.registry import long_term_settings
from orchestration.cli import app
from simulator import SimulatorSettings
from simulator.feed.fill import fill
from tests.deployed import BASE, DAY
from warehouse.home import Deployment, Home
from warehouse.store.warehouse import Warehouse

EXAMPLE = Path(__file__).parents[2] / "examples" / "graph_gnn.py"


def load(home: Home, deployment: Deployment, day: str) -> None:
    for table in ("exposures", "external_clicks"):
        ingest(deployment.paths(home), table, deployment.service_zone.hours_of_day(day))


def export(day: str, path: Path):
    return CliRunner().invoke(app, ["graph", "export", "--day", day, "--out", str(path)], terminal_width=200)


def read(path: Path) -> dict:
    with torch.serialization.safe_globals([BaseStorage, EdgeStorage, GlobalStorage, NodeStorage]):
        return torch.load(path, weights_only=True)


def tensors(graphs: dict) -> dict[str, torch.Tensor]:
    """Every tensor of an exported file by where it stands."""
    flat = {f"events.{key}": value for key, value in graphs["events"].to_dict().items()}
    for name in ("long_term", "short_term"):
        for store in graphs[name].stores:
            flat |= {f"{name}.{store._key}.{k}": v for k, v in store.items() if isinstance(v, torch.Tensor)}
    return flat


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A home with two simulated days landed and the first of them loaded."""
    home = Home(tmp_path_factory.mktemp("graphs"))
    deployment = Deployment(source="simulator", first_day=BASE, systems=("fm",), size="tiny")
    usual = SimulatorSettings()
    settings = usual.model_copy(
        update={
            "population": usual.population.model_copy(update={"users": 400}),
            "news": usual.news.model_copy(update={"items_per_day": 60}),
        }
    )
    fill(deployment.landing_folder(home), settings, days=2, first_day=BASE)
    deployment.save(home)
    for table in ("users", "items"):
        ingest(deployment.paths(home), table)
    load(home, deployment, BASE)
    return home.root


@pytest.fixture(autouse=True)
def _here(monkeypatch, root) -> None:
    monkeypatch.setenv("HOURFOLD_HOME", str(root))


def test_a_day_that_is_not_loaded_is_refused(tmp_path) -> None:
    for day, complaint in (("2026-03-09", "no hour of 2026-03-09 is loaded"), ("2026-3-40", "is not a day")):
        ran = export(day, tmp_path / "graph.pt")
        assert ran.exit_code == 1
        assert complaint in " ".join(ran.output.split())
    assert not (tmp_path / "graph.pt").exists()


def test_an_export_holds_all_that_was_received_by_the_end_of_the_day_and_nothing_later(
    tmp_path, root, monkeypatch
) -> None:
    home, deployment = Home(root), Deployment.load(Home(root))
    end_ms = deployment.service_zone.day_start_ms(DAY)
    ran = export(BASE, tmp_path / "before.pt")
    assert ran.exit_code == 0, ran.output
    assert "simulated logs of simulator" in ran.output
    before = read(tmp_path / "before.pt")
    data = before["long_term"]
    with Warehouse(deployment.paths(home).warehouse, read_only=True) as warehouse:
        counted = [
            warehouse.connection.execute(f"SELECT count(*) FROM {rows}").fetchone()[0]
            for rows in ("exposures WHERE clicked", "external_clicks")
        ]
        assert data["item"].field_names == list(warehouse.fields("items"))
    edges = {kind[1]: data[kind].num_edges for kind in data.edge_types}
    assert counted == [edges.pop("click"), sum(edges.values())]
    assert {"external_video", "external_shop"} <= set(edges)
    about = {"source": "simulator", "simulated": True, "zone": "UTC", "first_day": BASE, "day": BASE}
    assert before["about"] == about

    load(home, deployment, DAY)
    assert export(BASE, tmp_path / "after.pt").exit_code == 0
    after = tensors(read(tmp_path / "after.pt"))
    assert after.keys() == tensors(before).keys()
    assert all(torch.equal(after[name], value) for name, value in tensors(before).items())
    assert all((value <= end_ms).all() for name, value in after.items() if name.endswith(("time", "_at")))

    assert export(DAY, tmp_path / "next.pt").exit_code == 0
    later = read(tmp_path / "next.pt")["long_term"]
    assert all(later[kind].num_edges > data[kind].num_edges for kind in data.edge_types)
    assert later["item"].num_nodes > data["item"].num_nodes

    day_alone = long_term_settings("tiny").model_copy(update={"click_days": 1})
    monkeypatch.setattr(registry, "long_term_settings", lambda _: day_alone)
    assert export(DAY, tmp_path / "alone.pt").exit_code == 0
    alone = read(tmp_path / "alone.pt")
    assert (alone["about"]["first_day"], alone["about"]["day"]) == (DAY, DAY)
    edges = {kind: later[kind].num_edges - data[kind].num_edges for kind in data.edge_types}
    assert {kind: alone["long_term"][kind].num_edges for kind in data.edge_types} == edges


def test_the_example_trains_another_gnn_on_the_file(tmp_path, capsys) -> None:
    assert export(BASE, tmp_path / "graph.pt").exit_code == 0
    spec = importlib.util.spec_from_file_location("graph_gnn", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    value = example.main(tmp_path / "graph.pt")
    assert 0.5 < value < 1.0, "clicks of a simulated feed are not at random"
    assert f"AUC {value:.3f}" in capsys.readouterr().out
    data = example.read(tmp_path / "graph.pt")
    first = int(data[example.CLICK].time.median())
    past = example.before(data, first)
    assert all((past[kind].time <= first).all() for kind in past.edge_types)
    assert 0 < past[example.CLICK].num_edges < data[example.CLICK].num_edges
    assert example.auc(torch.tensor([3.0, 2.0]), torch.tensor([1.0, 2.5])) == 0.75
