"""A sample of events from a file: JSON lines, each an event in the CloudEvents JSON format.

Lines are read one after the other and only numbers are kept of them, about 8 bytes an event and as many
for each destination.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct, field

from gateway.cloudevents.json import read_event
from gateway.errors import EventTooLargeError, GatewayError, InvalidEventError, Reason
from gateway.event import Event
from gateway.planning.arrival import UNKNOWN, epoch_seconds
from gateway.sender import Sender
from gateway.units import Size

MAX_EVENTS = 1_000_000
MAX_BYTES = 1 << 30
MAX_LINE_BYTES = 8 << 20
"""An event has at most 1 MiB of compact JSON; white space may stand between it."""
MAX_FAULTS = 20
"""So many bad lines are named, then reading ends."""

REFUSED = -1
"""Stands in place of a size for an event that the destination does not take."""


class PlanError(GatewayError):
    """What was given cannot be planned with; each fault names its file, and the line where there is one."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class Measured(Struct):
    """What one destination says of each event."""

    sizes: "array[int]" = field(default_factory=lambda: array("q"))
    """As the bus counts, or REFUSED."""
    refused: Counter[Reason] = field(default_factory=Counter)


class Sample(Struct):
    """The events of a file that are events, in its order."""

    times: "array[float]" = field(default_factory=lambda: array("d"))
    """Seconds since some moment long ago, or UNKNOWN."""
    measured: dict[str, Measured] = {}
    json_bytes: int = 0
    first_untimed_line: int | None = None

    def __len__(self) -> int:
        """How many."""
        return len(self.times)


def read_sample(
    path: Path, senders: Mapping[str, Sender], *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES
) -> Sample:
    """The sample, each event measured by each of `senders`. Raises PlanError, also for a larger one."""
    reading = _Reading(path, senders, max_events=max_events, max_bytes=max_bytes)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file), 1):
                reading.take(number, line)
    except OSError as error:
        raise PlanError([f"{path}: cannot be read: {error.strerror}"]) from None
    return reading.finished()


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines; one that is too long comes in pieces, the first of them too long as well."""
    return iter(partial(file.readline, MAX_LINE_BYTES + 1), b"")


class _Reading:
    """One reading of one file."""

    def __init__(self, path: Path, senders: Mapping[str, Sender], *, max_events: int, max_bytes: int) -> None:
        self._path = path
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._senders = senders
        self._sample = Sample(measured={name: Measured() for name in senders})
        self._bytes = 0
        self._is_empty = True
        self._faults: list[str] = []

    def take(self, number: int, line: bytes) -> None:
        """One more line. Raises PlanError where it makes no sense to read on."""
        self._bytes += len(line)
        if len(line) > MAX_LINE_BYTES:
            self._refuse(number, f"longer than {MAX_LINE_BYTES} bytes; one event a line is expected")
            raise PlanError(self._faults)
        if self._bytes > self._max_bytes or (len(self._sample) == self._max_events and not line.isspace()):
            limits = f"{self._max_events} events or {Size(self._max_bytes)}"
            raise PlanError([f"{self._path}: more than {limits}; take a part of it"])
        if not line.isspace():
            self._is_empty = False
            self._read(number, line)

    def finished(self) -> Sample:
        """What was read. Raises PlanError if something was wrong with it, or it is empty."""
        if self._is_empty:
            self._faults.append(f"{self._path}: holds no event")
        if self._faults:
            raise PlanError(self._faults)
        return self._sample

    def _read(self, number: int, line: bytes) -> None:
        try:
            self._measure(number, read_event(line, received_at=0.0))
        except EventTooLargeError:
            for measured in self._sample.measured.values():
                measured.refused[Reason.TOO_LARGE] += 1
        except InvalidEventError as error:
            self._refuse(number, error.detail)

    def _measure(self, number: int, event: Event) -> None:
        sample = self._sample
        sample.times.append(self._time(number, event))
        sample.json_bytes += len(event.json)
        for name, sender in self._senders.items():
            measured = sample.measured[name]
            try:
                measured.sizes.append(sender.admit(event))
            except InvalidEventError as error:
                measured.sizes.append(REFUSED)
                measured.refused[error.faults[0].reason] += 1

    def _time(self, number: int, event: Event) -> float:
        if event.time is None:
            if self._sample.first_untimed_line is None:
                self._sample.first_untimed_line = number
            return UNKNOWN
        try:
            return epoch_seconds(event.time)
        except ValueError:
            self._refuse(number, "the attribute time is before the year 1")
            return UNKNOWN

    def _refuse(self, number: int, message: str) -> None:
        self._faults.append(f"{self._path}:{number}: {message}")
        if len(self._faults) == MAX_FAULTS:
            raise PlanError([*self._faults, f"{self._path}: not read on after {MAX_FAULTS} bad lines"])
