"""Writes events to a file or to standard output, one a line: the simplest sender, a model for others."""

import asyncio
import errno
import fcntl
import os
import select
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated

from msgspec import Meta, Struct

from gateway.entry import Batch
from gateway.errors import BlockedError, ConfigFault, EventTooLargeError, Fault, Reason, UnavailableError
from gateway.event import Event
from gateway.sender import Delivered, Limits, Outcome, SenderPlugin, SenderStatus
from gateway.units import Size

STANDARD_OUTPUT = "-"
LOCK_POLL_SECONDS = 0.002
"""Between two looks at whether another worker has written its batch: nobody tells."""
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
    """One file. Batches are written whole, in the order in which `send` is called; workers take turns."""

    def __init__(self, config: FileConfig) -> None:
        max_event_bytes = config.max_event_bytes or config.max_request_bytes
        self._limits = Limits(config.max_request_events, config.max_request_bytes, max_event_bytes)
        self._path = config.path
        self._file: _OpenFile | None = None
        self._one_at_a_time = asyncio.Lock()

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
        async with self._one_at_a_time:
            with _our_errors():
                if self._file is None:
                    self._file = _OpenFile(self._path)
                await self._file.write(lines(batch))
        return [DELIVERED] * len(batch.entries)

    def status(self) -> SenderStatus:
        """The path as it is configured."""
        return SenderStatus(self._path)

    async def aclose(self) -> None:
        """Close the file once a write under way has ended; standard output stays open."""
        async with self._one_at_a_time:
            file, self._file = self._file, None
            if file is not None:
                file.close()


# JSON text holds no raw NUL, and raw line breaks only as white space between its tokens. So NUL can
# join the events, and one pass then makes line breaks of it and spaces of theirs.
_ONE_EVENT_A_LINE = bytes.maketrans(b"\0\n\r", b"\n  ")


def lines(batch: Batch) -> bytes:
    """The batch's events in the CloudEvents JSON format, one a line."""
    return b"".join([entry.event.json + b"\0" for entry in batch.entries]).translate(_ONE_EVENT_A_LINE)


class _OpenFile:
    """A descriptor open for appending, and how to write to it without stopping the loop."""

    def __init__(self, path: str) -> None:
        self._is_ours = path != STANDARD_OUTPUT
        self._descriptor = os.open(path, _FLAGS, _MODE) if self._is_ours else _STANDARD_OUTPUT_DESCRIPTOR
        self._is_prompt = _is_prompt(self._descriptor)
        self._line_is_torn = False
        # What was opened here has a lock of its own; standard output is one and the same open file in all
        # workers, which only a lock of the process keeps apart (flock(2), fcntl(2)).
        self._lock = fcntl.flock if self._is_ours else fcntl.lockf
        self._is_lockable = not stat.S_ISCHR(os.fstat(self._descriptor).st_mode)
        """/dev/null and terminals are everybody's: who waited there would wait for strangers."""

    async def write(self, data: bytes) -> None:
        """Write all of `data`; a line that an earlier failure or cancellation tore is ended first.

        Other workers write before or after: whoever has torn a line keeps them out until it has ended it.
        """
        while not self._keep_others_out():  # noqa: ASYNC110 - a lock of the system tells nobody
            await asyncio.sleep(LOCK_POLL_SECONDS)
        try:
            await self._write(memoryview(b"\n" + data if self._line_is_torn else data))
        finally:
            if not self._line_is_torn:
                self._let_others_in()

    async def _write(self, rest: memoryview) -> None:
        if self._is_prompt:
            self._append(rest)
            return
        while rest:
            await _until_writable(self._descriptor)
            rest = rest[os.write(self._descriptor, rest[: select.PIPE_BUF]) :]
            self._line_is_torn = bool(rest)

    def _keep_others_out(self) -> bool:
        """Whether no other worker is writing; where the system has no locks for the file, nobody asks."""
        if not self._is_lockable:
            return True
        try:
            self._lock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _LOCKED
        return True

    def _let_others_in(self) -> None:
        if self._is_lockable:
            with suppress(OSError):  # the system has none
                self._lock(self._descriptor, fcntl.LOCK_UN)

    def _append(self, data: memoryview) -> None:
        rest = data
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            if len(rest) < len(data):
                self._take_back(len(data) - len(rest))
            raise
        self._line_is_torn = False

    def _take_back(self, written: int) -> None:
        """Cut off what a failed write left: else its first lines would stand there twice."""
        if self._is_ours:
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
        else:
            self._line_is_torn = True

    def close(self) -> None:
        """Give the descriptor back, if it was opened here, and the lock."""
        self._let_others_in()
        if self._is_ours:
            os.close(self._descriptor)


# Not blocking: the opening of a pipe that nobody reads fails instead of stopping the loop.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
_MODE = 0o640
_STANDARD_OUTPUT_DESCRIPTOR = 1
_LOCKED = {errno.EAGAIN, errno.EACCES}


def _is_prompt(descriptor: int) -> bool:
    """Whether a write ends by itself: files and /dev/null do, pipes, sockets and terminals wait for a reader.

    500 events, 220 KB, take 550 µs into the page cache and 0.3 into /dev/null; the mere way to a thread
    and back takes 45, and would allow lines to interleave. The loop tells no readiness for files.
    """
    mode = os.fstat(descriptor).st_mode
    return not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor))


async def _until_writable(descriptor: int) -> None:
    """Afterwards a pipe takes PIPE_BUF bytes at once, even one that blocks (pipe(7))."""
    loop, is_writable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(descriptor, is_writable.set)
    try:
        await is_writable.wait()
    finally:
        loop.remove_writer(descriptor)


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
