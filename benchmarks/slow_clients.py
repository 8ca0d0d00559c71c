"""What slow clients cost the others: `python -m benchmarks.slow_clients`.

A whole gateway with the `file` sender is loaded by wrk at full speed, with and without 1000 connections that
send a byte a second each, half of them of a head and half of a large body. Promised are that no request of
wrk's is refused and that the slow ones are told 408 in time, else the exit code is 1; the CPU time of an
event, in pairs of runs, stands beside its aim.
"""

import argparse
import asyncio
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from msgspec import Struct

from benchmarks.endurance.findings import Finding, at_most, exit_code, lines
from benchmarks.load.environment import Environment
from benchmarks.load.processors import Processors, pinned_to
from benchmarks.load.producer import MISSING, Mode, is_available, produce, request
from benchmarks.load.server import BenchmarkError, Server
from benchmarks.load.subjects import NULL_FILE, Place, gateway, read_accounts

EVENT_BYTES = 440
CONNECTIONS = 32
AIM_PERCENT = 10.0
REQUEST_SECONDS = 10.0
"""The gateway's default."""
LATE_SECONDS = 2.5
"""Until the sweep comes by, and the answer through a server that is fully loaded."""
HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
BODY = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/cloudevents+json\r\n"
    b"Content-Length: 4194304\r\n\r\n"
)


class Slowness(Struct, frozen=True):
    """What became of the slow connections."""

    answers: dict[str, int]
    """By status; "" for those that were ended without one."""
    longest_seconds: float
    """From the first byte to the answer."""


class SlowClient:
    """One connection that sends a byte a second until it is answered, and then comes again."""

    def __init__(self, url: str, head: bytes, seen: Counter[str]) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._head = head
        self._seen = seen
        self.longest_seconds = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            reader, writer = await asyncio.open_connection(*self._address)
            began = time.monotonic()
            answered = asyncio.create_task(reader.read(1 << 16))
            writer.write(self._head)
            try:
                while not (await asyncio.wait({answered}, timeout=1.0))[0]:
                    writer.write(b"x")
                self._seen[answered.result()[9:12].decode()] += 1
                self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            finally:
                answered.cancel()
                writer.transport.abort()


async def be_slow(url: str, number: int, stop: Connection) -> Slowness:
    """Keep so many connections slow until told to stop."""
    seen: Counter[str] = Counter()
    clients = [SlowClient(url, BODY if index % 2 else HEAD, seen) for index in range(number)]
    tasks = []
    for client in clients:
        tasks.append(asyncio.create_task(client.run()))
        await asyncio.sleep(1.0 / number)  # not all bytes in one moment
    stop.send(None)
    await asyncio.get_running_loop().run_in_executor(None, stop.recv)
    failed = [task.exception() for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if failed:
        raise BenchmarkError(f"{len(failed)} slow connections failed: {failed[0]!r}")
    return Slowness(dict(seen), max(client.longest_seconds for client in clients))


def slow_process(url: str, number: int, channel: Connection) -> None:
    """The other process."""
    channel.send(asyncio.run(be_slow(url, number, channel)))


class Measured(Struct, frozen=True):
    """One run of wrk."""

    events: int
    refused: int
    cpu_microseconds: float


def measure(server: Server, processors: Processors, directory: Path, seconds: int) -> Measured:
    """Load at full speed for so long."""
    before, cpu = read_accounts(server), server.cpu_seconds()
    load = produce(
        server.url,
        request(Mode.STRUCTURED, EVENT_BYTES),
        seconds=seconds,
        connections=CONNECTIONS,
        processor=processors.load,
        directory=directory,
    )
    cpu = server.cpu_seconds() - cpu
    events = read_accounts(server).accepted - before.accepted
    return Measured(events, load.refused + load.failed, cpu / events * 1e6)


def measure_beside_slow(
    server: Server, processors: Processors, directory: Path, options: argparse.Namespace
) -> tuple[Measured, Slowness]:
    """The same, and what became of the slow ones."""
    channel, other_end = multiprocessing.Pipe()
    with pinned_to(processors.load):
        process = multiprocessing.get_context("spawn").Process(
            target=slow_process, args=(server.url, options.slow, other_end)
        )
        process.start()
    other_end.close()
    try:
        channel.recv()
        measured = measure(server, processors, directory, options.seconds)
        channel.send(None)
        slowness: Slowness = channel.recv()
        process.join()
    finally:
        process.kill()
    return measured, slowness


def findings(alone: Sequence[Measured], beside: Sequence[tuple[Measured, Slowness]]) -> Iterator[Finding]:
    """The verdict."""
    loaded = [measured for measured, _ in beside]
    slow = [slowness for _, slowness in beside]
    rises = [
        100 * (after.cpu_microseconds / before.cpu_microseconds - 1)
        for before, after in zip(alone, loaded, strict=True)
    ]
    answers: Counter[str] = Counter()
    for each in slow:
        answers.update(each.answers)
    refused, late = sum(each.refused for each in loaded), max(each.longest_seconds for each in slow)
    others = answers.total() - answers["408"]
    yield Finding("CPU time of an event, alone", f"{median(m.cpu_microseconds for m in alone):.1f} us")
    yield Finding("  beside slow clients", f"{median(m.cpu_microseconds for m in loaded):.1f} us")
    yield at_most("  more", median(rises), AIM_PERCENT, unit="%")
    yield Finding("events accepted beside them", f"{sum(m.events for m in loaded)}")
    yield _promise("  refused or failed", refused, is_kept=not refused)
    yield _promise("slow requests told 408", answers["408"], is_kept=answers["408"] > 0)
    yield _promise("  anything else", others, is_kept=not others)
    in_time = late <= REQUEST_SECONDS + LATE_SECONDS
    yield Finding("  the latest", f"{late:.1f} s", "<= 12.5 s", is_met=in_time, is_promise=True)


def _promise(what: str, number: int, *, is_kept: bool) -> Finding:
    return Finding(what, f"{number}", is_met=is_kept, is_promise=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print the verdict; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_clients", description=__doc__)
    parser.add_argument("--slow", type=int, default=1000, help="connections (default: 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs (default: 3)")
    parser.add_argument("--seconds", type=int, default=15, help="of each run (default: 15)")
    options = parser.parse_args(arguments)
    if not is_available():
        print(MISSING)
        return 1
    processors = Processors.available()
    print(*Environment.here(processors).lines(), sep="\n", flush=True)
    room = {"receiver.max_connections": 2 * options.slow + CONNECTIONS}  # they come again at once
    with TemporaryDirectory(prefix="gateway-slow-clients-") as name:
        directory = Path(name)
        command = gateway(Place(directory, ""), NULL_FILE, room)
        with Server(command, processor=processors.server, log=directory / "log") as server:
            measure(server, processors, directory, 2)  # the first does not count
            alone, beside = [], []
            for _ in range(options.rounds):
                alone.append(measure(server, processors, directory, options.seconds))
                beside.append(measure_beside_slow(server, processors, directory, options))
    verdict = list(findings(alone, beside))
    print("", *lines(verdict), sep="\n")
    return exit_code(verdict)


if __name__ == "__main__":
    sys.exit(main())
