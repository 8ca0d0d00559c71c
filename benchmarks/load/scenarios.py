"""What is measured, as a table: a further bus, size, journal or number of workers is a row."""

from msgspec import Struct

from benchmarks.load.producer import Mode
from benchmarks.load.subjects import FLOOR, OBVIOUS, TO_AWS, TO_FILE, Subject


class Scenario(Struct, frozen=True):
    """One subject under one kind of load."""

    name: str
    subject: Subject
    mode: Mode = Mode.STRUCTURED
    event_bytes: int = 440
    connections: int = 32


class Aim(Struct, frozen=True):
    """What the ratio of two scenarios of one run should be at most: the first goal, and the good one."""

    scenario: str
    against: str
    first: float
    good: float


SCENARIOS = (
    Scenario("floor", FLOOR),
    Scenario("accept, structured", TO_FILE),
    Scenario("accept, binary", TO_FILE, Mode.BINARY),
    Scenario("whole way, structured", TO_AWS),
    Scenario("whole way, binary", TO_AWS, Mode.BINARY),
    Scenario("obvious gateway, structured", OBVIOUS),
    Scenario("obvious gateway, binary", OBVIOUS, Mode.BINARY),
)

AIMS = (
    Aim("accept, structured", "floor", 3.5, 2.8),
    Aim("accept, binary", "floor", 3.5, 3.2),
    Aim("whole way, structured", "floor", 6.0, 4.0),
    Aim("whole way, binary", "floor", 6.0, 4.6),
    Aim("whole way, structured", "obvious gateway, structured", 0.25, 0.25),
    Aim("whole way, binary", "obvious gateway, binary", 0.25, 0.25),
)
