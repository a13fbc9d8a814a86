"""`python -m tests.faults --kills 1000 --json F`: kills real runs, prints docs/reliability.md's table."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path

from tests.faults.campaign import Campaign, Kill, document, summary

COLUMNS = (
    *("kills", "over before the kill", "recovered", "blocked homes", "failed next commands"),
    *("rows lost", "wrong states", "leftovers"),
)


def table(kills: list[Kill]) -> str:
    """Markdown, a row a stage."""
    rows = summary(kills)["stages"]
    head = f"| stage | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}"
    return "\n".join(
        [head, *(f"| {name} | {' | '.join(str(row[c]) for c in COLUMNS)} |" for name, row in rows.items())]
    )


def main() -> int:
    """The exit code: 1 if any kill was not recovered from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the events and times at which")
    parser.add_argument("--json", type=Path, help="where the figures go, written anew after every kill")
    asked = parser.parse_args()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.victim", "torch._dynamo"])
    began, kills = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(context, Path(folder), asked.seed)
        print(f"undisturbed: {campaign.lengths} s, {campaign.events} durable events", flush=True)
        for done, kill in enumerate(campaign.kills(asked.kills), start=1):
            kills.append(kill)
            rate = (time.monotonic() - began) / done
            said = "recovered" if kill.recovered else f"NOT RECOVERED: {kill}"
            left = rate * (asked.kills - done) / 60
            print(f"{done}/{asked.kills} {kill.stage} at {kill.at}: {said}; {left:.0f} min left", flush=True)
            if asked.json:
                asked.json.write_text(json.dumps(document(kills, asked.seed), indent=1) + "\n")
    print(table(kills))
    return int(not all(kill.recovered for kill in kills))


if __name__ == "__main__":
    raise SystemExit(main())
