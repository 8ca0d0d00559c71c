"""A request to an emulated bus and the answer to it, as plain values: the bus itself does no I/O."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

from gateway.emulators.faults import FaultInjector
from gateway.emulators.received import EventT, Record


class Headers(Protocol):
    """Header fields by name, whatever its case; a name may occur more than once."""

    def __iter__(self) -> Iterator[str]:
        """The names as they were sent."""

    def get(self, name: str, default: str, /) -> str:
        """The first value, or `default`."""

    def getall(self, name: str, default: Sequence[str], /) -> Sequence[str]:
        """Every value in order, or `default`."""


def bytes_of(text: str) -> bytes:
    """The bytes as they came: those of a header that are no UTF-8 were read as lone surrogates."""
    return text.encode(errors="surrogateescape")


class Request(Struct, frozen=True):
    """One HTTP request, read whole."""

    method: str
    path: str
    """As it was sent, percent-encoding included."""
    query: str
    headers: Headers
    body: bytes
    now: float
    """Monotonic seconds at which it had arrived."""


class Answer(Struct, frozen=True):
    """The response, and how long to wait with it."""

    status: int
    body: bytes
    headers: dict[str, str]
    delay_seconds: float = 0.0


class Reset(Struct, frozen=True):
    """No response: the connection is reset, after the delay."""

    delay_seconds: float = 0.0


class Bus(Protocol[EventT]):
    """One vendor's API: from a request to its answer, without a socket or a sleep.

    It verifies, validates, records and injects faults; the server around it reads, waits and writes.
    """

    @property
    def injector(self) -> FaultInjector:
        """The faults in force."""

    @property
    def record(self) -> Record[EventT]:
        """What was received."""

    @property
    def max_body_bytes(self) -> int:
        """The longest body that is read at all."""

    def answer(self, request: Request) -> Answer | Reset:
        """Process one request."""

    def refuse_body(self) -> Answer:
        """The answer to a body longer than `max_body_bytes`."""

    def refuse_connection(self) -> Reset:
        """What a request gets while the bus is down."""


AnyBus = Bus[Any]
