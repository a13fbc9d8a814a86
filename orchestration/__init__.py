"""What runs when, and the command line. A process of a deployment begins here, with its threads settled."""

import json

from models.threads import settle_threads
from warehouse.home import Home


def _threads() -> int:
    """`threads` of the home's deployment; 1 without one. What is wrong with the file its reader will say."""
    try:
        said = json.loads((Home.current().root / "deployment.json").read_text())["threads"]
    except (OSError, ValueError, KeyError, TypeError):
        return 1
    return said if isinstance(said, int) and said > 0 else 1


settle_threads(_threads())
