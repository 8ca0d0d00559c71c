"""What is measured, as a table: a further bus, size, journal or number of workers is a row."""

from msgspec import Struct

from benchmarks.load.producer import Mode
from benchmarks.load.subjects import (
    BUSY_FLOOR,
    DELIVERED,
    DELIVERED_TO_AWS,
    FLOOR,
    JOURNALED,
    OBVIOUS,
    TO_AWS,
    TO_AWS_BY_TWO,
    TO_FILE,
    TO_FILE_BY_TWO,
    Subject,
)

MANY = 256
"""Connections: each of those that wait has one event under way, and company makes a flush cheap."""


class Scenario(Struct, frozen=True):
    """One subject under one kind of load."""

    name: str
    subject: Subject
    mode: Mode = Mode.STRUCTURED
    event_bytes: int = 440
    connections: int = 32


class Comparison(Struct, frozen=True):
    """The ratio of two scenarios, and what it should be at most: the first aim, and the good one."""

    scenario: str
    against: str
    first: float | None = None
    good: float | None = None
    """None: no aim, but worth knowing."""


SCENARIOS = (
    Scenario("floor", FLOOR),
    Scenario("floor at the gateway's pace", BUSY_FLOOR),
    Scenario("accept, structured", TO_FILE),
    Scenario("accept, binary", TO_FILE, Mode.BINARY),
    Scenario("whole way, structured", TO_AWS),
    Scenario("whole way, binary", TO_AWS, Mode.BINARY),
    Scenario("accept, 256 connections", TO_FILE, connections=MANY),
    Scenario("two workers, 256 connections", TO_FILE_BY_TWO, connections=MANY),
    Scenario("two workers, whole way", TO_AWS_BY_TWO),
    Scenario("two workers, twice the load", TO_AWS_BY_TWO, connections=64),
    Scenario("journaled, 256 connections", JOURNALED, connections=MANY),
    Scenario("delivered, 256 connections", DELIVERED, connections=MANY),
    Scenario("delivered to aws, 256 connections", DELIVERED_TO_AWS, connections=MANY),
    Scenario("obvious gateway, structured", OBVIOUS),
    Scenario("obvious gateway, binary", OBVIOUS, Mode.BINARY),
)

COMPARISONS = (
    Comparison("accept, structured", "floor", 3.5, 2.8),
    Comparison("accept, binary", "floor", 3.5, 3.2),
    Comparison("whole way, structured", "floor", 6.0, 4.0),
    Comparison("whole way, binary", "floor", 6.0, 4.6),
    Comparison("whole way, structured", "obvious gateway, structured", 0.25, 0.25),
    Comparison("whole way, binary", "obvious gateway, binary", 0.25, 0.25),
    Comparison("two workers, 256 connections", "accept, 256 connections", 1.1, 1.1),
    Comparison("two workers, twice the load", "whole way, structured", 1.1, 1.1),
    Comparison("two workers, whole way", "whole way, structured"),
    Comparison("journaled, 256 connections", "accept, 256 connections", 1.8, 1.8),
    Comparison("delivered, 256 connections", "accept, 256 connections", 3.0, 3.0),
    Comparison("delivered to aws, 256 connections", "accept, 256 connections"),
    Comparison("accept, structured", "floor at the gateway's pace"),
    Comparison("accept, binary", "floor at the gateway's pace"),
    Comparison("whole way, structured", "floor at the gateway's pace"),
    Comparison("whole way, binary", "floor at the gateway's pace"),
)
"""The figures of the design's section 8 and, before them, the first ones."""
