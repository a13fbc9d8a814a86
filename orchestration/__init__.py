"""What runs when, and the command line. A process of a deployment begins here, with its threads settled."""

from models.threads import settle_threads

settle_threads()
