"""Runs scenarios: starts what they need, puts load on it, and reads the system's accounts."""

import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Self

import msgspec
from msgspec import Struct

from benchmarks.load.bus import Received
from benchmarks.load.processors import Processors
from benchmarks.load.producer import Load, produce, request
from benchmarks.load.scenarios import Scenario
from benchmarks.load.server import BenchmarkError, Server
from benchmarks.load.subjects import Accounts, Place, Subject, fetch, python, read_accounts

SETTLE_SECONDS = 20.0
_FLUSH_SECONDS = 0.25
"""A little more than the interval at which partial batches leave."""


class Sample(Struct, frozen=True):
    """One short run of one scenario."""

    events: int
    cpu_seconds: float
    wall_seconds: float
    """While there was load."""
    bus_requests: int
    deducted_microseconds: float = 0.0

    @property
    def cpu_microseconds(self) -> float:
        """For one event."""
        return self.cpu_seconds / self.events * 1e6 - self.deducted_microseconds


class Workshop:
    """`with` it: everything that was started within is ended after it, whatever happens."""

    def __init__(self, processors: Processors) -> None:
        self.processors = processors
        self._stack = ExitStack()
        self._servers: dict[str, Server] = {}
        self._bus: Server
        self._directory: Path

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._directory = Path(stack.enter_context(TemporaryDirectory(prefix="gateway-benchmarks-")))
            self._bus = stack.enter_context(
                Server(
                    python("benchmarks.load.bus"),
                    processor=self.processors.load,
                    log=self._directory / "bus.log",
                )
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def server(self, subject: Subject) -> Server:
        """The subject's process, started when it is first asked for."""
        if subject.name not in self._servers:
            directory = self._directory / str(len(self._servers))
            directory.mkdir()
            command = subject.command(Place(directory, self._bus.url))
            server = Server(command, processor=self.processors.server, log=directory / "log")
            self._servers[subject.name] = self._stack.enter_context(server)
        return self._servers[subject.name]

    def run(self, scenario: Scenario, *, seconds: int) -> Sample:
        """Put load on it for so long, wait until all is delivered. Raises BenchmarkError if it is not."""
        subject = scenario.subject
        server = self.server(subject)
        before = read_accounts(server) if subject.keeps_accounts else None
        bus_before = self._received()
        cpu, wall = server.cpu_seconds(), time.monotonic()
        load = self._load(scenario, server, seconds)
        wall = time.monotonic() - wall
        if before is None:
            cpu = server.cpu_seconds() - cpu
            return Sample(load.answered, cpu, wall, 0, subject.deducted_microseconds)
        after = _settled(server)
        cpu = server.cpu_seconds() - cpu
        bus = self._received()
        events = after.accepted - before.accepted
        _check(scenario, load, events, after.delivered - before.delivered)
        if subject.uses_bus and bus.events - bus_before.events != events:
            raise BenchmarkError(
                f"{scenario.name}: {events} accepted, {bus.events - bus_before.events} at the bus"
            )
        return Sample(events, cpu, wall, bus.requests - bus_before.requests)

    def _load(self, scenario: Scenario, server: Server, seconds: int) -> Load:
        load = produce(
            server.url,
            request(scenario.mode, scenario.event_bytes),
            seconds=seconds,
            connections=scenario.connections,
            processor=self.processors.load,
            directory=self._directory,
        )
        if load.refused or load.failed or not load.answered:
            raise BenchmarkError(
                f"{scenario.name}: not every request was accepted: {load}\n{server.log_end()}"
            )
        return load

    def _received(self) -> Received:
        return msgspec.json.decode(fetch(f"{self._bus.url}/received"), type=Received)


def _settled(server: Server) -> Accounts:
    """The accounts once nothing is held any more."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(_FLUSH_SECONDS)
        accounts = read_accounts(server)
        if not accounts.held:
            return accounts
    raise BenchmarkError(f"still held after {SETTLE_SECONDS:.0f} s: {accounts}")


def _check(scenario: Scenario, load: Load, accepted: int, delivered: int) -> None:
    """Every answered request was accepted, what wrk left unanswered at its end perhaps, and all delivered."""
    if not load.answered <= accepted <= load.answered + scenario.connections or accepted != delivered:
        raise BenchmarkError(f"{scenario.name}: {load}, {accepted} accepted, {delivered} delivered")


class Summary(Struct, frozen=True):
    """All runs of one scenario."""

    samples: list[Sample]

    @property
    def cpu_microseconds(self) -> float:
        """The median's."""
        return median(sample.cpu_microseconds for sample in self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the most of all runs."""
        each = [sample.cpu_microseconds for sample in self.samples]
        return min(each), max(each)

    @property
    def events(self) -> int:
        """Of all runs."""
        return sum(sample.events for sample in self.samples)

    @property
    def busy_share(self) -> float:
        """Of the server's processor while there was load; above 1: the rest came after the load's end."""
        return sum(sample.cpu_seconds for sample in self.samples) / sum(
            sample.wall_seconds for sample in self.samples
        )

    @property
    def events_a_bus_request(self) -> float | None:
        """None where there is no bus."""
        requests = sum(sample.bus_requests for sample in self.samples)
        return self.events / requests if requests else None

    def ratio_to(self, other: "Summary") -> float:
        """The median of the ratios of neighbouring runs: what slows the machine for a while slows both."""
        pairs = zip(self.samples, other.samples, strict=True)
        return median(ours.cpu_microseconds / theirs.cpu_microseconds for ours, theirs in pairs)


def measure(
    workshop: Workshop, scenarios: tuple[Scenario, ...], *, rounds: int, seconds: int
) -> dict[str, Summary]:
    """Every scenario in every round, after a first run of each that does not count."""
    samples: dict[str, list[Sample]] = {scenario.name: [] for scenario in scenarios}
    for number in range(rounds + 1):
        for scenario in scenarios:
            sample = workshop.run(scenario, seconds=seconds)
            if number:
                samples[scenario.name].append(sample)
    return {name: Summary(each) for name, each in samples.items()}
