"""`hourfold heatmap`: a user's year as a picture, or as the text of its cells."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.console import err, out, plain_errors, progress_bars
from orchestration.cli.options import Data, SourceOfHome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.profiling.data import SparseHeatmaps


def heatmap(
    user: Annotated[str, typer.Option(help="User id, as the logs write it.")],
    as_of: Annotated[str, typer.Option(help="YYYY-MM-DD: the 365 days before that day are drawn.")],
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="PNG to write; default: heatmap-USER-DATE.png here, none with --text."),
    ] = None,
    text: Annotated[
        bool,
        typer.Option("--text", help="Print the cells, `day, hour, channel: value; …`, a modality a line."),
    ] = False,
    source: SourceOfHome = None,
    data: Data = None,
) -> None:
    """Draw a user's year: one panel a channel, days across, hours of the local day upwards.

    Heatmaps that are not encoded for the date are encoded first.

    Example:

        hourfold heatmap --user 1 --as-of 2017-10-01 --out year.png
    """
    from assets.logs.ingest import BatchRejected
    from assets.profiling.plots import heatmap_picture
    from assets.profiling.reading import user_heatmaps
    from assets.profiling.sources import ProfileSource
    from warehouse.home import Deployment, Home

    errors = (ValueError, LookupError, OSError, ImportError, BatchRejected)
    with plain_errors(*errors), progress_bars() as progress:
        home = Home.current()
        name = source or Deployment.load(home).of_shop(home).source
        opened = ProfileSource.opened(home, name, data, progress=progress)
        heatmaps = user_heatmaps(opened.home, opened.description, user, as_of)
    if text:
        _print_cells(heatmaps)
    if out_file is None and text:
        return
    file_name = re.sub(r"[^\w.-]", "_", user)
    path = out_file or Path(f"heatmap-{file_name}-{as_of}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = heatmap_picture(heatmaps, user, as_of, simulated=opened.description.simulated)
    path.write_bytes(picture)
    cells = ", ".join(f"{len(one.value):,} cells of {one.modality}" for one in heatmaps)
    out.print(f"{path}: {cells}")


def _print_cells(heatmaps: Iterable[SparseHeatmaps]) -> None:
    """The cells of each modality in a line, with its channels by number on stderr."""
    from warehouse.heatmaps.codec import to_text
    from warehouse.heatmaps.reading import CellColumns

    for one in heatmaps:
        cells = to_text(CellColumns(one.offsets, one.day, one.hour, one.channel, one.value))[0]
        out.print(f"{one.modality}: {cells}", soft_wrap=True)
        numbered = ", ".join(f"{number} {channel}" for number, channel in enumerate(one.channels))
        err.print(f"channels of {one.modality}: {numbered}")
