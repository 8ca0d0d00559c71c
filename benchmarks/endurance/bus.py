"""The cheap bus with a memory that outlives it: `python -m benchmarks.endurance.bus PORT RECORD`.

The id of each event is in the file RECORD before its request is answered: also what the bus was killed
over, between taking and answering, counts as arrived.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from typing import Any

import orjson

from benchmarks.load.bus import BusConnection, CountsOnly
from benchmarks.load.serve import HOST, run, serve


class Recorder:
    """Appends ids to a file, one in each line, without a buffer of its own: killing it loses none."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        self._counts = CountsOnly()
        self.received = self._counts.received

    def take(self, entries: Sequence[Any]) -> None:
        """Count and record them."""
        self._counts.take(entries)
        ids = [orjson.loads(entry["Detail"])["id"] for entry in entries]
        os.write(self._descriptor, "".join(f"{each}\n" for each in ids).encode())


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that refuses connections but while a bus listens there, and that nobody else is given."""
    with socket() as bound:
        # Both sides set SO_REUSEADDR (socket(7)): the bus may bind as well, since this one never listens.
        bound.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]


def main(arguments: Sequence[str]) -> None:
    """Serve until killed."""
    port, path = arguments
    book = Recorder(Path(path))
    run(serve(lambda: BusConnection(book), port=int(port)))


if __name__ == "__main__":
    main(sys.argv[1:])
