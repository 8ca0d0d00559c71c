"""What accepting an event costs while many are held: `python -m benchmarks.depth`.

A gateway whose bus reads and never answers is filled, and at each depth takes small paced runs of single
events (the same number, at the same rate), so that only the depth differs between them. The stretches that
fill it, batches of a hundred at full speed, are counted too: what is rare, such as a collection of all
garbage, falls into these.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from msgspec import Struct

from benchmarks.load.environment import Environment
from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.producer import BATCH_EVENTS, Mode, pace, request
from benchmarks.load.server import BenchmarkError, Server
from benchmarks.load.subjects import ROOM, Place, aws, gateway, python, read_accounts

EVENT_BYTES = 200
DEPTHS = (1_000, 100_000, 1_000_000)
RUN_EVENTS = 1_000
RUN_RATE = 8_000.0
RUNS = 7
FILL_RATE = 1_000.0
"""Batches a second: more than are taken, so it is as fast as it can be."""
WARM_UP_EVENTS = 500
"""Part of the first depth; CPython has specialised its instructions long before."""
CONNECTIONS = 8
AIM = 1.2
"""The deepest to the shallowest."""
NEVER_SECONDS = 86_400.0
PATIENT = {"delivery.request_timeout": "1h", "delivery.max_age": "24h"}


class Depth(Struct, frozen=True):
    """At so many held: CPU microseconds an event, and what an event of the way there cost."""

    held: int
    accept_microseconds: float
    fill_microseconds: float
    """From the depth before, in batches of a hundred."""
    resident_bytes: int


def lines(depths: Sequence[Depth]) -> Iterator[str]:
    """For a person."""
    yield f"{'CPU microseconds an event':34}{'accept':>8}{'filling':>9}{'MiB':>7}"
    for each in depths:
        figures = f"{each.accept_microseconds:8.1f}{each.fill_microseconds:9.2f}{each.resident_bytes >> 20:7}"
        yield f"{f'with {each.held} held':34}{figures}"
    ratio = growth(depths)
    verdict = "good" if ratio <= AIM else "missed"
    yield f"{depths[-1].held} held to {depths[0].held}: {ratio:.2f} (aim {AIM})  {verdict}"


def growth(depths: Sequence[Depth]) -> float:
    """Of the cost of accepting, from the first depth to the last."""
    return depths[-1].accept_microseconds / depths[0].accept_microseconds


class Tank:
    """A gateway that gives nothing away, and what it holds."""

    def __init__(self, server: Server, processors: Processors, directory: Path) -> None:
        self._server = server
        self._processors = processors
        self._directory = directory
        self._held = 0

    def at(self, depth: int, runs: int) -> Depth:
        """Fill it so far, then measure."""
        missing = depth - self._held
        batches, single = divmod(missing, BATCH_EVENTS)
        seconds = self.post(Mode.BATCHED, batches, FILL_RATE) + self.post(Mode.STRUCTURED, single, RUN_RATE)
        costs = [self.post(Mode.STRUCTURED, RUN_EVENTS, RUN_RATE) / RUN_EVENTS * 1e6 for _ in range(runs)]
        held = read_accounts(self._server).held
        if held != self._held:
            raise BenchmarkError(f"{self._held} events were accepted, and {held} are held")
        return Depth(depth, median(costs), seconds / missing * 1e6, self._server.resident_bytes())

    def post(self, mode: Mode, requests: int, rate: float) -> float:
        """CPU seconds of so many requests."""
        if not requests:
            return 0.0
        before = self._server.cpu_seconds()
        paced = pace(
            self._server.url,
            request(mode, EVENT_BYTES),
            rate=rate,
            requests=requests,
            connections=CONNECTIONS,
            processor=self._processors.load,
            directory=self._directory,
        )
        if paced.refused:
            raise BenchmarkError(f"{paced.refused} requests were refused:\n{self._server.log_end()}")
        self._held += requests * mode.events_a_request(EVENT_BYTES)
        return self._server.cpu_seconds() - before


def measure(processors: Processors, *, depths: Sequence[int] = DEPTHS, runs: int = RUNS) -> list[Depth]:
    """One gateway, filled step by step. Raises BenchmarkError if it refuses an event or loses one.

    Each depth must leave room for the runs at the one before.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="gateway-depth-")))
        silent = python("benchmarks.load.bus", str(NEVER_SECONDS))
        bus = stack.enter_context(Server(silent, processor=processors.load, log=directory / "bus.log"))
        command = gateway(Place(directory, bus.url), aws(bus.url), ROOM | PATIENT)
        server = stack.enter_context(Server(command, processor=processors.server, log=directory / "log"))
        tank = Tank(server, processors, directory)
        tank.post(Mode.STRUCTURED, WARM_UP_EVENTS, RUN_RATE)
        return [tank.at(depth, runs) for depth in depths]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.depth", description=__doc__)
    parser.add_argument("--most", type=int, default=DEPTHS[-1], help=f"held (default: {DEPTHS[-1]})")
    options = parser.parse_args(arguments)
    processors = Processors.available()
    with pinned_to(processors.load):
        print(*Environment.here(processors).lines(), sep="\n")
        print(*lines(measure(processors, depths=(*DEPTHS[:-1], options.most))), sep="\n")


if __name__ == "__main__":
    main()
