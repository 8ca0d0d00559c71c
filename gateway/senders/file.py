"""Writes events to a file or to standard output, one a line: the simplest sender, a model for others."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

from msgspec import Meta, Struct

from gateway.entry import Batch
from gateway.errors import BlockedError, ConfigFault, EventTooLargeError, Fault, Reason, UnavailableError
from gateway.event import Event
from gateway.sender import Delivered, Limits, Outcome, SenderPlugin, SenderStatus
from gateway.senders.open_file import OpenFile, open_file, standard_output
from gateway.units import Size

STANDARD_OUTPUT = "-"
DELIVERED = Delivered()


class FileConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a destination of type "file"."""

    path: str = STANDARD_OUTPUT
    """A file, appended to and made where it is missing, or "-"."""
    max_request_bytes: Size = Size(4 << 20)
    max_request_events: Annotated[int, Meta(extra_json_schema={"minimum": 1})] = 500
    max_event_bytes: Size | None = None
    """None: as much as a batch may hold."""


def check(config: FileConfig) -> Iterator[ConfigFault]:
    """Every fault that the types do not show."""
    if not config.path:
        yield ConfigFault("path", 'is empty; "-" is standard output')
    if config.max_request_events < 1:
        yield ConfigFault("max_request_events", "must be at least 1")
    if config.max_request_bytes < 1:
        yield ConfigFault("max_request_bytes", "must be at least 1B")
    highest = config.max_request_bytes
    if config.max_event_bytes is not None and not 1 <= config.max_event_bytes <= highest:
        yield ConfigFault("max_event_bytes", f"must be from 1B to {highest}, what a batch can carry")


class FileSender:
    """One file. Batches are written whole, in the order in which `send` is called; workers take turns.

    A batch cut short leaves its first lines, which then stand there twice, and of a pipe at most one torn
    line, on which no event that counts as delivered stands (OpenFile says when that cannot be kept).
    """

    def __init__(self, config: FileConfig) -> None:
        max_event_bytes = config.max_event_bytes or config.max_request_bytes
        self._limits = Limits(config.max_request_events, config.max_request_bytes, max_event_bytes)
        self._path = config.path
        self._file: OpenFile | None = None

    @property
    def limits(self) -> Limits:
        """As configured: a file itself has none."""
        return self._limits

    def admit(self, event: Event) -> int:
        """The bytes of the event's line. Raises EventTooLargeError for more than a batch may hold."""
        size = len(event.json) + 1
        if size > self._limits.max_entry_bytes:
            raise EventTooLargeError(
                f"the event counts {size} bytes, and this destination takes {self._limits.max_entry_bytes}",
                Fault(Reason.TOO_LARGE),
            )
        return size

    async def send(self, batch: Batch) -> Sequence[Outcome]:
        """Write the batch. Raises BlockedError if the file may not be written, else UnavailableError."""
        with _our_errors():
            if self._file is None:
                self._file = standard_output() if self._path == STANDARD_OUTPUT else open_file(self._path)
            await self._file.append(lines(batch))
        return [DELIVERED] * len(batch.entries)

    def status(self) -> SenderStatus:
        """The path as it is configured."""
        return SenderStatus(self._path)

    async def aclose(self) -> None:
        """Close the file once the writes under way have ended; standard output stays open."""
        file, self._file = self._file, None
        if file is not None:
            await file.close()


# JSON text holds no raw NUL, and raw line breaks only as white space between its tokens. So NUL can
# join the events, and one pass then makes line breaks of it and spaces of theirs.
_ONE_EVENT_A_LINE = bytes.maketrans(b"\0\n\r", b"\n  ")


def lines(batch: Batch) -> bytes:
    """The batch's events in the CloudEvents JSON format, one a line."""
    return b"".join([entry.event.json + b"\0" for entry in batch.entries]).translate(_ONE_EVENT_A_LINE)


_OPERATOR_CAN_MEND = {
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EROFS,
    errno.ELOOP,
    errno.ENAMETOOLONG,
}


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = BlockedError if error.errno in _OPERATOR_CAN_MEND else UnavailableError
        raise kind(errno.errorcode.get(error.errno or 0, "oserror").lower(), str(error)) from error


plugin = SenderPlugin(config_type=FileConfig, check=check, create=FileSender)
