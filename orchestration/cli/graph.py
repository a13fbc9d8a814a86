"""`hourfold graph`: the click graphs, for PyG."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import out, plain_errors

app = typer.Typer(no_args_is_help=True, help="The click graphs as PyG's data objects, to try another GNN.")


@app.callback()
def graph() -> None:
    """Keep `export` a command of a group, also while it is the only one."""


@app.command()
def export(
    day: Annotated[str, typer.Option(help="YYYY-MM-DD: the last day whose clicks are exported.")],
    out_file: Annotated[Path, typer.Option("--out", help="The .pt file to write.")],
) -> None:
    """Write the long-term graph, the short-term graph and the stream of clicks of this home for PyG.

    The clicks are those of the days that the long-term graph of that day reads: the last 28, as a rule.

    Read the file with `torch.load` after importing torch_geometric; `examples/graph_gnn.py` trains on it.

    Example:

        hourfold graph export --day 2022-05-08 --out graph.pt
    """
    from assets.ranking.graph_export import export_graphs
    from orchestration.cli.deploying import deployed
    from warehouse.home import Home

    with plain_errors(ValueError, LookupError, OSError):
        written = export_graphs(Home.current(), deployed(), day, out_file)
    data, made = written["long_term"], "simulated logs" if written["about"]["simulated"] else "logs"
    nodes = ", ".join(f"{data[kind].num_nodes:,} {kind}s" for kind in data.node_types)
    edges = ", ".join(f"{data[kind].num_edges:,} {kind[1]}" for kind in data.edge_types)
    days = f"{written['about']['first_day']} to {day}"
    out.print(f"{out_file}: {made} of {written['about']['source']}, {days}; {nodes}; {edges}")
