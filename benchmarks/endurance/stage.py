"""What both long runs stand on: a directory, a gateway process on a processor of its own, the event loop."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvloop
from msgspec import Struct

from benchmarks.load.environment import Environment
from benchmarks.load.processors import Processors
from benchmarks.load.server import BenchmarkError, Server
from benchmarks.load.subjects import Place, aws, gateway


class Stage(Struct, frozen=True):
    """Where a run takes place."""

    directory: Path
    processors: Processors

    @contextmanager
    def gateway(self, bus_url: str, sections: Mapping[str, object], *, journal: bool) -> Iterator[Server]:
        """A gateway with that bus; with a journal, its events are on disk before they are acknowledged."""
        place = Place(self.directory, bus_url)
        journaled = {"buffer.journal": f"{self.directory}/journal"} if journal else {}
        command = gateway(place, aws(bus_url), {**sections, **journaled})
        with Server(command, processor=self.processors.server, log=self.directory / "log") as server:
            yield server


def run(act: Callable[[Stage], Coroutine[Any, Any, int]]) -> int:
    """Run `act` on a stage that is cleared after it, also on Ctrl-C and SIGTERM; its exit code."""
    before = os.sched_getaffinity(0)
    processors = Processors.available()
    print(*Environment.here(processors).lines(), sep="\n", flush=True)
    was = signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.sched_setaffinity(0, {processors.load})
    code = 1
    try:
        with (
            TemporaryDirectory(prefix="gateway-endurance-") as directory,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            code = runner.run(act(Stage(Path(directory), processors)))
    except* BenchmarkError as group:
        sys.stderr.write("".join(f"\n{error}\n" for error in group.exceptions))
    except* KeyboardInterrupt:
        code = 130
    finally:
        os.sched_setaffinity(0, before)
        signal.signal(signal.SIGTERM, was)
    return code


def add_journal(parser: argparse.ArgumentParser) -> None:
    """The option that both have."""
    parser.add_argument("--journal", action="store_true", help="events are on disk before the 202")
