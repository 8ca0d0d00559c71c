"""Runs scenarios: starts what they need, puts load on it, and reads the system's accounts."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Self

import msgspec
from msgspec import Struct

from benchmarks.load.bus import Received
from benchmarks.load.processors import Processors
from benchmarks.load.producer import Load, pace, produce, request
from benchmarks.load.scenarios import Scenario
from benchmarks.load.server import ROOT, BenchmarkError, Server
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
    resident_bytes: int = 0
    """At its end; without the workers, where there are any."""
    least_worker_share: float | None = None
    """Of the CPU time of all workers; None: there is but one process."""

    @property
    def cpu_microseconds(self) -> float:
        """For one event."""
        return self.cpu_seconds / self.events * 1e6 - self.deducted_microseconds

    @property
    def events_a_second(self) -> float:
        """Accepted while there was load."""
        return self.events / self.wall_seconds


class Workshop:
    """`with` it: everything that was started within is ended after it, whatever happens."""

    def __init__(self, processors: Processors, *, root: Path = ROOT) -> None:
        """`root` is the directory whose modules the subjects run; the bus is always this one's."""
        self.processors = processors
        self._root = root
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
            processor = self.processors.server if subject.is_pinned else None
            server = Server(command, processor=processor, log=directory / "log", root=self._root)
            self._servers[subject.name] = self._stack.enter_context(server)
        return self._servers[subject.name]

    def run(self, scenario: Scenario, *, seconds: int) -> Sample:
        """Put load on it for so long, wait until all is delivered. Raises BenchmarkError if it is not."""
        subject = scenario.subject
        server = self.server(subject)
        before = read_accounts(server) if subject.keeps_accounts else None
        bus_before = self._received()
        cpu, wall = server.cpu_seconds_by_process(), time.monotonic()
        load = self._load(scenario, server, seconds)
        wall = time.monotonic() - wall
        if before is None:
            used = _used(cpu, server.cpu_seconds_by_process())
            events = load.answered * scenario.events_a_request
            return Sample(events, sum(used), wall, 0, subject.deducted_microseconds, server.resident_bytes())
        after = _settled(server)
        used = _used(cpu, server.cpu_seconds_by_process())
        bus = self._received()
        events = after.accepted - before.accepted
        _check(scenario, load, events, after.delivered - before.delivered)
        if subject.uses_bus and bus.events - bus_before.events != events:
            raise BenchmarkError(
                f"{scenario.name}: {events} accepted, {bus.events - bus_before.events} at the bus"
            )
        requests = bus.requests - bus_before.requests
        resident = server.resident_bytes()
        return Sample(events, sum(used), wall, requests, 0.0, resident, _least_share(used[1:]))

    def _load(self, scenario: Scenario, server: Server, seconds: int) -> Load:
        load = (
            self._paced(scenario, server, seconds) if scenario.rate else self._full(scenario, server, seconds)
        )
        if load.refused or load.failed or not load.answered:
            raise BenchmarkError(
                f"{scenario.name}: not every request was accepted: {load}\n{server.log_end()}"
            )
        return load

    def _full(self, scenario: Scenario, server: Server, seconds: int) -> Load:
        return produce(
            server.url,
            request(scenario.mode, scenario.event_bytes),
            seconds=seconds,
            connections=scenario.connections,
            processor=self.processors.load,
            directory=self._directory,
        )

    def _paced(self, scenario: Scenario, server: Server, seconds: int) -> Load:
        assert scenario.rate is not None
        paced = pace(
            server.url,
            request(scenario.mode, scenario.event_bytes),
            rate=scenario.rate,
            requests=round(scenario.rate * seconds),
            connections=scenario.connections,
            processor=self.processors.load,
            directory=self._directory,
        )
        return Load(paced.accepted + paced.refused, paced.refused, 0)

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
    least = load.answered * scenario.events_a_request
    most = least + scenario.connections * scenario.events_a_request
    if not least <= accepted <= most or accepted != delivered:
        raise BenchmarkError(f"{scenario.name}: {load}, {accepted} accepted, {delivered} delivered")


def _used(before: dict[int, float], after: dict[int, float]) -> list[float]:
    """CPU seconds of each process in between, the first one's first."""
    return [seconds - before.get(pid, 0.0) for pid, seconds in after.items()]


def _least_share(workers: Sequence[float]) -> float | None:
    return min(workers) / sum(workers) if len(workers) > 1 else None


class Summary(Struct, frozen=True):
    """All runs of one scenario."""

    samples: list[Sample]

    @property
    def cpu_microseconds(self) -> float:
        """The median's."""
        return median(sample.cpu_microseconds for sample in self.samples)

    @property
    def events_a_second(self) -> float:
        """The median's."""
        return median(sample.events_a_second for sample in self.samples)

    @property
    def resident_bytes(self) -> int:
        """The most after a run."""
        return max(sample.resident_bytes for sample in self.samples)

    @property
    def least_worker_share(self) -> float | None:
        """The least of all runs; None where there is but one process."""
        return min((each for sample in self.samples if (each := sample.least_worker_share)), default=None)

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
    workshop: Workshop, scenarios: Sequence[Scenario], *, rounds: int, seconds: int
) -> dict[str, Summary]:
    """Every scenario in every round, after a run in each content mode of each subject that does not count."""
    warm_up(workshop, scenarios)
    samples: dict[str, list[Sample]] = {scenario.name: [] for scenario in scenarios}
    for _ in range(rounds):
        for scenario in scenarios:
            samples[scenario.name].append(workshop.run(scenario, seconds=seconds))
    return {name: Summary(each) for name, each in samples.items()}


def warm_up(workshop: Workshop, scenarios: Sequence[Scenario]) -> None:
    """CPython specialises its instructions as they run, and connections are opened."""
    kinds = {(scenario.subject.name, scenario.mode): scenario for scenario in scenarios}
    for scenario in kinds.values():
        workshop.run(scenario, seconds=1)
