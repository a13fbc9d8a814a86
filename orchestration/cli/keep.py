"""`hourfold keep`: remove what is older than the home keeps it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markdown import Markdown

from orchestration.cli.console import out, plain_errors


def keep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is due, and remove nothing.")] = False,
) -> None:
    """Remove what is older than `keep` in deployment.json says, as each night does by itself.

    Logs as they landed are never touched. What the champion, an alias of the registry, a stored hour or the
    next training needs stays, and so does the newest of every kind; those are listed with the reason.

    Example:

        hourfold keep --dry-run
    """
    from orchestration.cli.deploying import deployed

    with plain_errors(ValueError, FileNotFoundError):
        deployment = deployed()

    from orchestration.jobs import UPKEEP
    from orchestration.session import RunFailed, Session

    errors = plain_errors(ValueError, LookupError, FileNotFoundError, RunFailed)
    with errors, Session(deployment) as session:
        session.run(UPKEEP, config={"upkeep": {"dry_run": dry_run}})
        page = session.page("upkeep")
    for heading in ("freed", "stays though it is old", "sizes"):
        out.print(heading, style="bold")
        out.print(Markdown(str(page[heading])))
    verb = "would be freed" if dry_run else "freed"
    out.print(f"{page['freed: entries']:,} entries, {page['freed: MiB']:,.1f} MiB {verb}")
    if page.get("notes"):
        out.print(str(page["notes"]))
