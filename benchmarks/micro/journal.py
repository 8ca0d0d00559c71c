"""The journal without a receiver: requests of one event are appended together, and settled once on disk.

Prints CPU microseconds an event for append and settlement, all threads and the kernel's part in them, in
groups of several sizes, and how long a group took to be on disk. Run as
`python -m benchmarks.micro.journal [--events N] [--directory DIR]`; that disk is what is measured.
"""

import argparse
import asyncio
import platform
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop
from msgspec import Struct

from gateway.cloudevents.json import read_event
from gateway.event import Event
from gateway.pipeline.journal import Journal

EVENT_BYTES = 440
GROUPS = (1, 16, 64, 256)
LEAST_GROUPS = 50
"""Of each size, however few events that makes."""


class Figures(Struct, frozen=True):
    """What one size of group cost."""

    cpu_microseconds: float
    """For each event."""
    milliseconds: float
    """From a group's first append until all of it was told: the mean."""


class Group:
    """Waits until so many requests have been told."""

    def __init__(self, size: int) -> None:
        self._untold = size
        self.is_told = asyncio.get_running_loop().create_future()

    def told(self, is_written: bool) -> None:  # noqa: FBT001 - a callback's one word
        """One of them."""
        assert is_written, "the disk refused"
        self._untold -= 1
        if not self._untold:
            self.is_told.set_result(None)


def event(number: int) -> Event:
    """One as large as those of the other measurements."""
    head = (
        b'{"specversion":"1.0","id":"%012d","source":"/orders/eu","type":"com.example.order.created",'
        % number
    )
    head += b'"time":"2024-01-01T00:00:00Z","datacontenttype":"application/json","data":{"text":"'
    text = head + b"x" * (EVENT_BYTES - len(head) - len(b'"}}')) + b'"}}'
    return read_event(text, received_at=1_767_225_600.0)


async def measure(directory: Path, events: Sequence[Event], size: int) -> Figures:
    """Groups of `size`, one after the other, in a journal of their own."""
    journal = Journal(directory, lambda json, received_at: read_event(json, received_at=received_at))
    journal.open()
    groups = max(LEAST_GROUPS, len(events) // size)
    began, waited = time.process_time(), 0.0
    for start in range(groups):
        group = Group(size)
        begun = time.monotonic()
        numbers = [
            journal.append([events[(start * size + index) % len(events)]], ("orders",), group.told)[0]
            for index in range(size)
        ]
        await group.is_told
        waited += time.monotonic() - begun
        for number in numbers:
            journal.settle(number, "orders")
    await journal.flush()
    cpu = time.process_time() - began
    await journal.aclose()
    return Figures(cpu / groups / size * 1e6, waited / groups * 1e3)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=30_000)
    arguments.add_argument("--directory", type=Path, help="where to write; a temporary directory by default")
    options = arguments.parse_args()
    commit = subprocess.run(
        ("git", "rev-parse", "--short", "HEAD"),  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    print(
        f"commit {commit}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{options.events} events of {EVENT_BYTES} bytes"
    )
    events = [event(number) for number in range(options.events)]
    rows = {}
    for size in GROUPS:
        few = events[: min(len(events), size * 500)]  # a small group is mostly a sync of the disk
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            rows[size] = uvloop.run(measure(Path(directory), few, size))
    print(f"{'events a group':<16}{'CPU µs/event':>14}{'ms to disk':>12}")
    for size, figures in rows.items():
        print(f"{size:<16}{figures.cpu_microseconds:14.2f}{figures.milliseconds:12.2f}")


if __name__ == "__main__":
    main()
