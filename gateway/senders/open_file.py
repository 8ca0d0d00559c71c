"""A file that workers append lines to in turns, be it a pipe with a slow reader. Knows no events."""

import asyncio
import errno
import fcntl
import os
import select
import stat
from contextlib import suppress
from weakref import WeakKeyDictionary

LOCK_POLL_SECONDS = 0.002
"""Between two looks at whether another worker has written its batch: nobody tells."""
END_LINE_SECONDS = 0.02
"""Between two looks at whether a torn line can be ended."""
LAST_LINE_SECONDS = 0.5
"""How long a closing waits for the reader of a torn line: the process may end right after it."""


class OpenFile:
    """A descriptor open for appending, and how to write to it without stopping the loop.

    Calls of `append` write in their order, and workers take turns. A write to a pipe, a socket or a terminal
    can be cut short, and then its last line is torn, if that is longer than PIPE_BUF bytes (4 KiB on Linux):
    shorter ones are written whole (pipe(7)). Whoever has torn a line keeps the others out until the reader
    has made room to end it; the end is written as soon as it can be, by the loop if nobody sends or the file
    is closed. Only the end of the process or its loop before that leaves a torn line, which the next line of
    another worker then continues.
    """

    def __init__(self, descriptor: int, *, is_ours: bool) -> None:
        self._descriptor = descriptor
        self._is_ours = is_ours
        self._is_prompt = _is_prompt(descriptor)
        # What was opened here has a lock of its own; standard output is one and the same open file in all
        # workers, which only a lock of the process keeps apart (flock(2), fcntl(2)).
        self._lock = fcntl.flock if is_ours else fcntl.lockf
        self._is_lockable = not stat.S_ISCHR(os.fstat(descriptor).st_mode)
        """/dev/null and terminals are everybody's: who waited there would wait for strangers."""
        self._one_at_a_time = asyncio.Lock()
        self._is_whole = asyncio.Event()
        """Whether the last line is ended; while it is not, the lock is ours."""
        self._is_whole.set()
        self._ending: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def append(self, data: bytes) -> None:
        """Write all of `data`, whole lines; one that was torn before is ended first. Raises OSError."""
        async with self._one_at_a_time:
            if self._ending is None:
                await self._take_turn()
            else:
                self._ending.cancel()
            try:
                await self._write(memoryview(data if self._is_whole.is_set() else b"\n" + data))
            finally:
                self._end_turn()

    async def close(self) -> None:
        """Give the descriptor back, if it was opened here, once what is under way has ended.

        A line that is torn even then is waited for half a second, and then left to the loop.
        """
        async with self._one_at_a_time:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_LINE_SECONDS):
                    await self._is_whole.wait()
            self._is_closed = self._is_ours
            if self._is_whole.is_set():
                self._let_others_in()

    async def _take_turn(self) -> None:
        while not self._keep_others_out():  # noqa: ASYNC110 - a lock of the system tells nobody
            await asyncio.sleep(LOCK_POLL_SECONDS)

    def _end_turn(self) -> None:
        """Let others in; if a line is torn, once it is ended: now, or when the loop finds that it can be."""
        self._ending = None
        if not self._is_whole.is_set():
            self._end_line()
        if self._is_whole.is_set():
            self._let_others_in()
        else:
            loop = asyncio.get_running_loop()
            self._ending = loop.call_later(END_LINE_SECONDS, self._end_turn)

    def _end_line(self) -> None:
        with suppress(OSError):  # nobody reads, or the disk is full
            if _is_writable(self._descriptor):
                os.write(self._descriptor, b"\n")
                self._is_whole.set()

    async def _write(self, rest: memoryview) -> None:
        if self._is_prompt:
            self._write_at_once(rest)
            return
        while rest:
            await _until_writable(self._descriptor)
            written = os.write(self._descriptor, rest[: _piece(rest)])
            self._note_end(rest[written - 1])
            rest = rest[written:]

    def _note_end(self, last: int) -> None:
        if last == _LINE_BREAK:
            self._is_whole.set()
        else:
            self._is_whole.clear()

    def _write_at_once(self, data: memoryview) -> None:
        rest = data
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            if len(rest) < len(data):
                self._take_back(len(data) - len(rest))
            raise
        self._is_whole.set()

    def _take_back(self, written: int) -> None:
        """Cut off what a failed write left: else its first lines would stand there twice."""
        if self._is_ours:
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
        else:
            self._is_whole.clear()

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
        if self._is_closed:
            os.close(self._descriptor)


def open_file(path: str) -> OpenFile:
    """The file at `path`, made where it is missing, for the caller alone. Raises OSError."""
    return OpenFile(os.open(path, _FLAGS, _MODE), is_ours=True)


def standard_output() -> OpenFile:
    """The running loop's one writer of standard output, which closing leaves open. Raises OSError.

    One for all senders: the locks of a process do not keep it from itself (fcntl(2)), and a loop tells only
    one of two that a descriptor can be written.
    """
    loop = asyncio.get_running_loop()
    if loop not in _standard_outputs:
        _standard_outputs[loop] = OpenFile(_STANDARD_OUTPUT_DESCRIPTOR, is_ours=False)
    return _standard_outputs[loop]


_standard_outputs: WeakKeyDictionary[asyncio.AbstractEventLoop, OpenFile] = WeakKeyDictionary()
"""Standard output is the process's, as its loop is."""

# Not blocking: the opening of a pipe that nobody reads fails instead of stopping the loop.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
_MODE = 0o640
_STANDARD_OUTPUT_DESCRIPTOR = 1
_LOCKED = {errno.EAGAIN, errno.EACCES}
_LINE_BREAK = ord("\n")


def _piece(lines: memoryview) -> int:
    """How many bytes to write at once: whole lines, or what PIPE_BUF holds of one that is longer."""
    return bytes(lines[: select.PIPE_BUF]).rfind(b"\n") + 1 or select.PIPE_BUF


def _is_prompt(descriptor: int) -> bool:
    """Whether a write ends by itself: files and /dev/null do, pipes, sockets and terminals wait for a reader.

    500 events, 220 KB, take 550 µs into the page cache and 0.3 into /dev/null; the mere way to a thread
    and back takes 45, and would allow lines to interleave. The loop tells no readiness for files.
    """
    mode = os.fstat(descriptor).st_mode
    return not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor))


def _is_writable(descriptor: int) -> bool:
    """Whether a write does not have to wait, be it that it fails at once."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


async def _until_writable(descriptor: int) -> None:
    """Afterwards a pipe takes PIPE_BUF bytes at once, even one that blocks (pipe(7))."""
    if _is_writable(descriptor):  # 500 lines of 2 KB take 3 to 6 ms so; with a turn of the loop for each, 11
        return
    loop, is_writable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(descriptor, is_writable.set)
    try:
        await is_writable.wait()
    finally:
        loop.remove_writer(descriptor)
