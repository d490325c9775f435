"""A worker of one queue, in a process of its own: `python -m benchmarks.peer_worker NAME FOLDER [URL]`.

For every task it prints the word and the moment (nanoseconds of the clock that all processes share); a
word that begins with `hang` never ends.
"""

import sys
import threading
import time
from pathlib import Path

from benchmarks.peer_queues import PEERS


def handle(word: str) -> None:
    """Tell that the task began; keep it in hand for ever if its word says so."""
    sys.stdout.write(f"{word} {time.monotonic_ns()}\n")
    sys.stdout.flush()
    if word.startswith("hang"):
        threading.Event().wait()


if __name__ == "__main__":
    name, folder, *url = sys.argv[1:]
    peer = PEERS[name](Path(folder), url[0] if url else None)
    handle("ready")
    peer.work(handle)
