"""What is measured, as tables: a further bus, size, journal or number of workers is a row."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from benchmarks.load.producer import Mode
from benchmarks.load.subjects import (
    BUSES,
    BUSY_FLOOR,
    DELIVERED,
    FLOOR,
    JOURNALED,
    OBVIOUS,
    ROOM,
    SHORT_FLUSH,
    TO_AWS,
    TO_AWS_BY_ONE,
    TO_AWS_BY_TWO,
    TO_FILE,
    TO_FILE_BY_TWO,
    WAITING,
    Subject,
    journaled_to_bus,
    to_bus,
)

USUAL_BYTES = 440
MANY = 256
"""Connections: each of those that wait has one event under way, and company makes a flush cheap."""
FEW = 8
"""Connections of batches, each of which is as much work as a hundred requests."""
SLOW_RATE = 3_000.0
"""Events a second of which a bus gets three at once where they wait for 1 ms."""


class Scenario(Struct, frozen=True):
    """One subject under one kind of load."""

    name: str
    subject: Subject
    mode: Mode = Mode.STRUCTURED
    event_bytes: int = USUAL_BYTES
    connections: int = 32
    rate: float | None = None
    """Requests a second; None: as fast as they are answered."""

    @property
    def events_a_request(self) -> int:
        """How many events each request carries."""
        return self.mode.events_a_request(self.event_bytes)


class Comparison(Struct, frozen=True):
    """The ratio of two scenarios, and what it should be at most: the first aim, and the good one."""

    scenario: str
    against: str
    first: float | None = None
    good: float | None = None
    """None: no aim, but worth knowing."""


class Table(Struct, frozen=True):
    """Scenarios that take turns, and what is compared within them."""

    title: str
    scenarios: Sequence[Scenario]
    comparisons: Sequence[Comparison]
    rounds: int = 3


_FLOOR = Scenario("floor", FLOOR)
_WHOLE_WAY = Scenario("whole way, structured", TO_AWS)


def _sizes() -> Iterator[Scenario]:
    for size in (200, 1_000, 10_000, 60_000):
        for mode in Mode:
            count = mode.events_a_request(size)
            name = f"{mode.value} of {count}" if count > 1 else mode.value
            connections = FEW if mode is Mode.BATCHED else 32
            yield Scenario(f"{name}, {size} B", TO_FILE, mode, size, connections)


def _ways(bus: str) -> Iterator[Scenario]:
    yield Scenario(f"{bus}, full batches", to_bus(bus))
    yield Scenario(f"{bus}, partial batches", to_bus(bus, ", flushing often", SHORT_FLUSH), rate=SLOW_RATE)
    yield Scenario(f"{bus}, journaled", journaled_to_bus(bus), connections=MANY)
    waiting = to_bus(bus, ", answering when delivered", WAITING)
    yield Scenario(f"{bus}, waiting", waiting, connections=MANY)


TABLES: Mapping[str, Table] = {
    "load": Table(
        "whole processes",
        (
            _FLOOR,
            Scenario("floor at the gateway's pace", BUSY_FLOOR),
            Scenario("accept, structured", TO_FILE),
            Scenario("accept, binary", TO_FILE, Mode.BINARY),
            Scenario("accept, batches of 100", TO_FILE, Mode.BATCHED, connections=FEW),
            _WHOLE_WAY,
            Scenario("whole way, binary", TO_AWS, Mode.BINARY),
        ),
        (
            Comparison("accept, structured", "floor", 3.5, 2.8),
            Comparison("accept, binary", "floor", 3.5, 3.2),
            Comparison("whole way, structured", "floor", 6.0, 4.0),
            Comparison("whole way, binary", "floor", 6.0, 4.6),
            Comparison("accept, structured", "floor at the gateway's pace"),
            Comparison("accept, binary", "floor at the gateway's pace"),
            Comparison("whole way, structured", "floor at the gateway's pace"),
            Comparison("whole way, binary", "floor at the gateway's pace"),
        ),
        rounds=5,
    ),
    "sizes": Table("accept, by content mode and size", (_FLOOR, *_sizes()), (), rounds=1),
    "buses": Table(
        "the whole way, by bus",
        (
            _FLOOR,
            *(scenario for bus in BUSES for scenario in _ways(bus)),
            Scenario(
                "aws, batches of 100 in", to_bus("aws", " with room", ROOM), Mode.BATCHED, connections=FEW
            ),
            Scenario("obvious gateway, structured", OBVIOUS),
        ),
        (
            Comparison("aws, full batches", "obvious gateway, structured", 0.25, 0.25),
            *(Comparison(f"{bus}, journaled", f"{bus}, full batches") for bus in BUSES),
            *(Comparison(f"{bus}, waiting", f"{bus}, full batches") for bus in BUSES),
        ),
        rounds=2,
    ),
    "promises": Table(
        "the journal and the wait, by themselves",
        (
            _FLOOR,
            Scenario("accept, 256 connections", TO_FILE, connections=MANY),
            Scenario("journaled, 256 connections", JOURNALED, connections=MANY),
            Scenario("delivered, 256 connections", DELIVERED, connections=MANY),
        ),
        (
            Comparison("journaled, 256 connections", "accept, 256 connections", 1.8, 1.8),
            Comparison("delivered, 256 connections", "accept, 256 connections", 3.0, 3.0),
        ),
        rounds=2,
    ),
    "workers": Table(
        "two workers",
        (
            _FLOOR,
            Scenario("accept, 256 connections", TO_FILE, connections=MANY),
            Scenario("two workers, 256 connections", TO_FILE_BY_TWO, connections=MANY),
            Scenario("whole way, any processor", TO_AWS_BY_ONE),
            Scenario("two workers, whole way", TO_AWS_BY_TWO, connections=64),
        ),
        (
            Comparison("two workers, 256 connections", "accept, 256 connections", 1.1, 1.1),
            Comparison("two workers, whole way", "whole way, any processor", 1.1, 1.1),
        ),
        rounds=2,
    ),
}
"""By the name of the part."""
